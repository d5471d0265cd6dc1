# SPDX-License-Identifier: Apache-2.0
"""``manage.py runrtp``: the rtpmanager role."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import structlog
import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from media.control.config import RtpConfig
from media.control.security import GrpcSecurity
from switchboard import env, logs, published_secrets
from switchboard.metrics.numbers import LagMeter
from switchboard.metrics.server import CannotServe, serve_metrics

if TYPE_CHECKING:
    from media.control.server import RtpServer

log = structlog.get_logger("switchboard.rtpmanager")


class CannotRun(RuntimeError):
    """The RTP manager could not start, or its engine failed; the text is one line for the operator."""


class Command(BaseCommand):
    """Serve gRPC and RTP until SIGTERM or SIGINT."""

    help = "Run the rtpmanager role: gRPC on GRPC_PORT (9090), RTP on RTP_PORT_MIN to RTP_PORT_MAX."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare a flag for each setting of the role."""
        env.add_flags(parser, settings.ENV, settings.RTPMANAGER)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal; exit 1 with one line when that is not possible."""
        logs.configure(settings.LOGLEVEL, settings.LOG_FORMAT)
        published_secrets.warn(settings.ENV.secrets)
        config = config_from_settings()
        _check_audio(config)
        # What is alive now lives until the end: the collector need not look at it again and again.
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        try:
            uvloop.run(serve(config))
        except CannotRun as error:
            raise CommandError(str(error)) from error


def config_from_settings() -> RtpConfig:
    """Return the role's settings."""
    return RtpConfig(
        node_id=settings.RTP_NODE_ID,
        grpc_bind=settings.GRPC_BIND,
        grpc_port=settings.GRPC_PORT,
        rtp_bind=settings.RTP_BIND,
        rtp_port_min=settings.RTP_PORT_MIN,
        rtp_port_max=settings.RTP_PORT_MAX,
        audio_path=settings.AUDIO_PATH,
        recordings_path=settings.RECORDINGS_PATH,
        advertise=settings.ADVERTISE,
        rtp_threads=settings.RTP_THREADS,
        inactivity_s=settings.RTP_INACTIVITY_S,
        security=GrpcSecurity.from_settings(settings, serves=True),
    )


def _fetch(sha256: str) -> Iterator[bytes]:
    """Yield the sound of an uploaded prompt from the database; runs in a thread that ends with it."""
    from media.prompts import blobs

    try:
        yield from blobs.read(blobs.sound_key(sha256))
    finally:
        connections.close_all()


async def serve(config: RtpConfig) -> None:
    """Serve until a signal.

    Raises:
        CannotRun: the ports cannot be had, or the engine failed.
    """
    from switchboard_engine import PortsExhausted

    from media.control.server import CannotListen, RtpServer
    from media.prompts.library import PromptLibrary
    from media.prompts.store import PromptStore

    _make_directory(config)
    engine = _make_engine(config)
    prompts = PromptLibrary(
        config.audio_path,
        store=PromptStore(settings.VAR_DIR / "prompts", _fetch),
        builtin=settings.BASE_DIR / "media" / "audio",
    )
    server = RtpServer(config, engine, prompts, ports_exhausted=PortsExhausted)
    signalled = _catch_signals()
    try:
        await server.start()
    except CannotListen as error:
        engine.close()
        raise CannotRun(str(error)) from error
    lag = LagMeter(asyncio.get_running_loop())
    try:
        metrics = await serve_metrics(
            lambda: {**server.manager.meter.read(), **lag.read()},
            settings.METRICS_BIND,
            settings.RTP_METRICS_PORT,
            "RTP_METRICS_PORT",
        )
    except CannotServe as error:
        await server.stop()
        raise CannotRun(str(error)) from error
    lag.start()
    rtp = f"{config.rtp_bind}:{config.rtp_port_min}-{config.rtp_port_max}"
    log.info("rtpmanager ready", grpc=config.grpc_target, rtp=rtp, node=config.node_id)
    waiting = asyncio.ensure_future(signalled.wait())
    await asyncio.wait((waiting, server.failed), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not server.failed.done():
        await _leave(server)
    log.info("rtpmanager stops", sessions=len(server.manager.sessions))
    lag.stop()
    await metrics.stop()
    await server.stop()
    if server.failed.done():
        raise CannotRun(server.failed.result())


async def _leave(server: RtpServer) -> None:
    """Have the calls taken away; an engine that fails meanwhile ends the wait."""
    from media.control.signaling_api import SignalingApi

    token = settings.SIGNALING_API_TOKEN
    authorization = f"Bearer {token}" if token else f"Internal {settings.INTERNAL_API_TOKEN}"
    apis = [SignalingApi(url, authorization) for url in settings.SIGNALING_API_URL]
    leaving = asyncio.ensure_future(server.leave(apis, settings.DRAIN_GRACE_S))
    await asyncio.wait((leaving, server.failed), return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()


def _check_audio(config: RtpConfig) -> None:
    """Refuse a directory of sounds that cannot be looked into: routes would play nothing from it.

    Raises:
        BadVariable: it is none, or not for this user.
    """
    path = config.audio_path
    if not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        raise env.BadVariable("AUDIO_PATH", str(path), "a directory that is there and can be read")


def _make_directory(config: RtpConfig) -> None:
    """Make the directory of recordings; without it calls go on, unrecorded."""
    path = config.recordings_path
    problem = ""
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        problem = error.strerror or str(error)
    else:
        problem = "" if os.access(path, os.W_OK | os.X_OK) else "not writable"
    if problem:
        log.error("RECORDINGS_PATH cannot be used: no call is recorded", path=str(path), error=problem)


def _make_engine(config: RtpConfig) -> Any:
    from switchboard_engine import Engine

    from media.control.addresses import UNSPECIFIED_BINDS, is_own_address

    if config.rtp_bind not in UNSPECIFIED_BINDS and not is_own_address(config.rtp_bind):
        raise CannotRun(f"RTP_BIND {config.rtp_bind} is no address of this host")
    try:
        return Engine(
            bind_ip=config.rtp_bind,
            port_min=config.rtp_port_min,
            port_max=config.rtp_port_max,
            threads=config.rtp_threads,
            inactivity_ms=int(config.inactivity_s * 1000),
        )
    except (OSError, ValueError) as error:
        ports = f"{config.rtp_port_min}-{config.rtp_port_max}"
        raise CannotRun(f"RTP_BIND {config.rtp_bind} with ports {ports} cannot be used: {error}") from error


def _catch_signals() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set; a second signal acts as if it were not caught."""
    loop = asyncio.get_running_loop()
    signalled = asyncio.Event()

    def stop() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        signalled.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return signalled
