# SPDX-License-Identifier: Apache-2.0
"""``manage.py runapi``: REST and live events of a signaling node; ``runsip`` runs it as its child."""

from __future__ import annotations

import argparse
import os
import threading
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from signaling.live.child import CHILD_FLAG
from switchboard import database_away, env, logs
from switchboard.descriptors import make_room
from switchboard.ports import WantedPort, problem_with

log = structlog.get_logger("switchboard.live")

NICENESS = 5
"""The SIP process goes first when both want the processor, once this one has started."""
LAST_WORDS_S = 3.0
"""Longest that an orphan takes to say goodbye; its successor waits for the port."""


class Command(BaseCommand):
    """Serve the live API until SIGTERM."""

    help = "Serve REST and live events of this signaling node on API_PORT (8080). runsip starts it by itself."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            CHILD_FLAG,
            action="store_true",
            help="end when the standard input ends, which a parent holds open",
        )
        env.add_flags(parser, settings.ENV, settings.SIGNALING)

    def handle(self, *args: Any, **options: Any) -> None:
        logs.configure(settings.LOGLEVEL, settings.LOG_FORMAT)
        logs.quiet_refusals()
        database_away.quiet_the_log()
        problem = problem_with(WantedPort(settings.API_BIND, settings.API_PORT, "tcp", "API_PORT"))
        if problem:
            raise CommandError(problem)
        serve(exit_with_parent=bool(options["exit_with_parent"]))


def serve(*, exit_with_parent: bool) -> None:
    """Serve until a signal, or until the parent is gone."""
    # Daphne chooses the event loop when it is imported, so it comes first.
    from signaling.api.server import LiveServer

    # isort: split
    from daphne.endpoints import build_endpoint_description_strings
    from twisted.internet import reactor as imported

    from signaling.api.asgi import application
    from switchboard.api_parsers import MAX_JSON_BYTES

    reactor: Any = imported
    server = LiveServer(
        application=application,
        endpoints=build_endpoint_description_strings(host=settings.API_BIND, port=settings.API_PORT),
        server_name="Switchboard",
        ready_callable=lambda: reactor.callLater(0, start_mirror),
    )
    server.most_connections = make_room(settings.WEB_MAX_CONNECTIONS)
    server.largest_body = 4 * MAX_JSON_BYTES
    if exit_with_parent:
        threading.Thread(target=_wait_for_parent, args=(reactor,), daemon=True).start()
    server.run()


def start_mirror() -> None:
    """Connect to the SIP process and give the views what they work with."""
    import asyncio

    from signaling.api.runtime import Runtime, set_runtime
    from signaling.live.link import FeedLink
    from signaling.live.mirror import Mirror
    from signaling.live.watch import Watch

    mirror = Mirror(max_events=settings.EVENTS_KEPT)
    link = FeedLink(settings.LIVE_SOCKET, mirror)
    runtime = Runtime(
        mirror=mirror,
        link=link,
        loop=asyncio.get_running_loop(),
        max_streams=settings.MAX_EVENT_STREAMS,
        max_queued=settings.EVENTS_QUEUED,
    )
    runtime.watch = Watch(mirror, link.call, is_read=lambda: bool(runtime.streams))
    set_runtime(runtime)
    link.start()
    runtime.watch.start()
    os.nice(NICENESS)
    log.info("live API ready", http=f"{settings.API_BIND}:{settings.API_PORT}")


def _wait_for_parent(reactor: Any) -> None:
    """End this process when nobody holds the other end of the standard input any more."""
    while os.read(0, 4096):
        continue
    threading.Timer(LAST_WORDS_S, os._exit, args=(1,)).start()
    reactor.callFromThread(reactor.stop)
