# SPDX-License-Identifier: Apache-2.0
"""``manage.py runsip``: the signaling role."""

import argparse
import asyncio
import signal
from typing import Any

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cdrs.lock import DirectoryInUse
from signaling import garbage
from signaling.app import SignalingApp
from signaling.config import SignalingConfig
from signaling.live.child import ApiChild, api_command, http_probe
from signaling.transport.errors import CertificateError, ListenError
from switchboard import env, logs, published_secrets
from switchboard.addresses import bracketed
from switchboard.metrics.server import CannotServe, serve_metrics
from switchboard.readiness import reachable

log = structlog.get_logger("switchboard.signaling")


API_WAITS_S = 2.0
"""A start that takes longer is told by the live API, which otherwise comes after it."""


class Command(BaseCommand):
    """Serve SIP until SIGTERM or SIGINT."""

    help = "Run the signaling role: SIP registrar and B2BUA on PORT (5060), UDP and TCP, and on SIP_TLS_PORT (5061)."
    # The checks look at the URLs of the pages, whose apps this role does without.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        env.add_flags(parser, settings.ENV, settings.SIGNALING)

    def handle(self, *args: Any, **options: Any) -> None:
        logs.configure(settings.LOGLEVEL, settings.LOG_FORMAT)
        published_secrets.warn(settings.ENV.secrets)
        config = SignalingConfig.from_settings(settings)
        garbage.calm()
        try:
            uvloop.run(serve(config))
        except CertificateError as error:
            wanted = f"a PEM file that can be used; {error.reason}"
            raise env.BadVariable(error.variable, str(error.path), wanted) from error
        except (ListenError, DirectoryInUse, CannotServe) as error:
            raise CommandError(str(error)) from error


async def serve(config: SignalingConfig) -> None:
    """Run the application until a signal asks it to stop; a second signal stops it at once."""
    app = SignalingApp(config)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if config.transport.tls is not None:
        # Otherwise a terminal that is closed ends the node, as ever.
        loop.add_signal_handler(signal.SIGHUP, app.reload)
    metrics = await serve_metrics(
        app.meter.read, settings.METRICS_BIND, settings.SIP_METRICS_PORT, "SIP_METRICS_PORT"
    )
    api = api_child() if settings.API_ENABLED else None
    starting, stopping = asyncio.ensure_future(app.start()), asyncio.ensure_future(stop.wait())
    # The child takes its share of the processor, so it comes second, unless the start has to wait for something.
    await asyncio.wait({starting, stopping}, timeout=API_WAITS_S, return_when=asyncio.FIRST_COMPLETED)
    if api is not None and not stop.is_set() and not failed(starting):
        api.start()
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        log.info("signaling ready", sip=f"{bracketed(app.address[0])}:{app.address[1]}", node=config.node_id)
    else:
        starting.cancel()
    await stopping
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
    log.info("signaling stops")
    await metrics.stop()
    await app.stop()
    if api is not None:
        await api.stop()


def api_child() -> ApiChild:
    """Return the live API as a child that is looked after."""
    probe = http_probe(reachable(settings.API_BIND), settings.API_PORT)
    return ApiChild(api_command(settings.BASE_DIR / "manage.py"), probe)


def failed(work: asyncio.Future[None]) -> bool:
    """Return whether it has ended with an exception."""
    return work.done() and work.exception() is not None
