# SPDX-License-Identifier: Apache-2.0
"""``manage.py runui``: the ui role, Daphne serving the ASGI application."""

import argparse
import contextlib
import sys
from pathlib import Path
from typing import Any

from daphne.endpoints import build_endpoint_description_strings
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from switchboard import database_away, env, lean, logs
from switchboard.descriptors import make_room
from switchboard.jobs.child import running
from switchboard.patient_server import PatientServer
from switchboard.ports import WantedPort, problem_with


class Command(BaseCommand):
    """Serve Django admin and the web pages."""

    help = "Run the ui role: Django admin and the web pages, on UI_PORT (3000)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        env.add_flags(parser, settings.ENV, "ui")

    def handle(self, *args: Any, **options: Any) -> None:
        lean.bound_allocator()
        logs.configure(settings.UI_LOGLEVEL, settings.LOG_FORMAT)
        logs.quiet_refusals()
        database_away.quiet_the_log()
        problem = problem_with(WantedPort(settings.UI_BIND, settings.UI_PORT, "tcp", "UI_PORT"))
        if problem:
            raise CommandError(problem)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        from switchboard.asgi import application

        server = PatientServer(
            application=application,
            endpoints=build_endpoint_description_strings(host=settings.UI_BIND, port=settings.UI_PORT),
            server_name="Switchboard",
        )
        server.most_connections = make_room(settings.WEB_MAX_CONNECTIONS)
        server.largest_body = settings.PROMPT_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        manage = str(Path(sys.argv[0]).resolve())
        lean.settle()
        with running(manage) if settings.UI_RUNS_JOBS else contextlib.nullcontext():
            server.run()
