# SPDX-License-Identifier: Apache-2.0
"""``manage.py switchboard``: everything on one machine, with demo data, in one command."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from switchboard import env, readiness
from switchboard.ports import WantedPort, problem_with
from switchboard.supervisor import Supervisor
from switchboard.welcome import seed, show

READY_TIMEOUT_S = 60.0
POLL_S = 0.2
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that end the command."""

CHILDREN = {
    "rtpmanager": ["runrtp"],
    # Whatever the settings say: the RTP manager stops as well, so no call could be left to anybody.
    "signaling": ["runsip", "--calls-on-stop", "hang_up"],
    "ui": ["runui"],
}


class Command(BaseCommand):
    """Migrate, seed, start media, signaling and the web, say where to point phones; stop on Ctrl-C."""

    help = (
        "Run all roles on this machine: migrate, create demo data, start everything, print where to dial in."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_true", help="create no demo users and routes")
        env.add_flags(parser, settings.ENV, env.ALL_ROLES)

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_taken_ports()
        os.environ.update(what_children_need(os.environ))
        _migrate()
        credentials = None if options["no_demo"] else seed()
        supervisor = Supervisor(children(), str(Path(sys.argv[0]).resolve()))
        for number in ENDING:
            signal.signal(number, stop_once)
        try:
            supervisor.start()
            self._wait_until_ready(supervisor)
            show(credentials)
            while True:
                time.sleep(POLL_S)
                for line in supervisor.check():
                    self.stderr.write(line)
        except KeyboardInterrupt:
            self.stderr.write("Stopping.")
        finally:
            supervisor.stop()

    def _refuse_taken_ports(self) -> None:
        problems = [problem for wanted in wanted_ports() if (problem := problem_with(wanted))]
        if problems:
            raise CommandError("\n".join(problems))

    def _wait_until_ready(self, supervisor: Supervisor) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while missing := readiness.not_ready():
            for child in supervisor.children:
                if child.process is not None and child.process.poll() is not None:
                    raise CommandError(f"{child.name} ended at its start; its reason stands above")
            if time.monotonic() > deadline:
                raise CommandError(f"not ready after {READY_TIMEOUT_S:.0f} s: {', '.join(missing)}")
            time.sleep(POLL_S)


def _migrate() -> None:
    try:
        call_command("migrate", verbosity=0)
    except DatabaseError as error:
        database = settings.DATABASES["default"]
        name = f"{database['NAME']} on {database['HOST']}" if database.get("HOST") else database["NAME"]
        raise CommandError(f"the database {name} cannot be used: {str(error).strip()}") from error


def children() -> dict[str, list[str]]:
    """Return the processes to run.

    With NATS there is one more, which stores what the others publish; with Redis a worker, whose jobs the ui role does
    otherwise.
    """
    found = dict(CHILDREN)
    if settings.NATS_URL:
        found["cdr consumer"] = ["runcdr"]
    if settings.REDIS_ADDR is not None:
        found["worker"] = ["runjobs"]
    return found


def what_children_need(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that let signaling find the RTP manager of this machine, unless others are to be used.

    Nobody else asks that RTP manager for anything then, so it listens on the loopback address alone.
    """
    if environ.get("RTPMANAGER_ADDRS"):
        return {}
    bound = environ.get("GRPC_BIND") or "127.0.0.1"
    host = readiness.reachable(bound)
    shown = f"[{host}]" if ":" in host else host
    return {"GRPC_BIND": bound, "RTPMANAGER_ADDRS": f"{shown}:{settings.GRPC_PORT}"}


def wanted_ports() -> list[WantedPort]:
    """Return the ports that the roles listen on."""
    tls = [WantedPort(settings.SIP_BIND, settings.SIP_TLS_PORT, "tcp", "SIP_TLS_PORT")]
    return [
        WantedPort(settings.SIP_BIND, settings.SIP_PORT, "udp", "PORT"),
        WantedPort(settings.SIP_BIND, settings.SIP_PORT, "tcp", "PORT"),
        *(tls if settings.SIP_TLS_CERT else []),
        WantedPort(settings.API_BIND, settings.API_PORT, "tcp", "API_PORT"),
        WantedPort(settings.GRPC_BIND, settings.GRPC_PORT, "tcp", "GRPC_PORT"),
        WantedPort(settings.UI_BIND, settings.UI_PORT, "tcp", "UI_PORT"),
    ]


def stop_once(number: int, frame: object) -> None:
    """End the command; a second Ctrl-C does not break off the orderly end, which is bounded in time."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
