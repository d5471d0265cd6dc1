# SPDX-License-Identifier: Apache-2.0
"""Checks of the services that other programs offer; those that no setting names are not asked for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from switchboard.doctor.findings import Finding, failure, fine
from switchboard.management.commands.waitfordatabase import what_is_missing, why_it_is_away

TIMEOUT_S = 2.0
NATS_PORT = 4222


def database(settings: Any) -> Iterator[Finding]:
    """The database answers and has every migration."""
    kind = "PostgreSQL" if settings.DATABASE_URL else "SQLite"
    if away := why_it_is_away():
        yield failure("database", f"{kind}: {away}", "start it, or correct DATABASE_URL")
    elif missing := what_is_missing():
        yield failure("database", f"{kind}: {missing}", "run: manage.py migrate")
    else:
        yield fine("database", f"{kind} answers, and every migration is applied")


def redis(settings: Any) -> Iterator[Finding]:
    """Redis answers, when one is configured."""
    if settings.REDIS_ADDR is None:
        return
    host, port = settings.REDIS_ADDR
    where = f"{host}:{port}"
    try:
        with Redis(
            host=host,
            port=port,
            password=settings.REDIS_PASSWORD or None,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            ssl=settings.REDIS_TLS_CA is not None,
            ssl_ca_certs=None if settings.REDIS_TLS_CA is None else str(settings.REDIS_TLS_CA),
        ) as client:
            client.ping()
    except AuthenticationError as error:
        yield failure("Redis", f"{where}: {error}", "correct REDIS_PASSWORD")
    except (RedisError, OSError) as error:
        yield failure("Redis", f"{where}: {error}", "start it, or correct REDIS_ADDR")
    else:
        yield fine("Redis", f"{where} answers")


def nats(settings: Any) -> Iterator[Finding]:
    """NATS answers, when one is configured."""
    url = getattr(settings, "NATS_URL", "")
    if url:
        target = urlsplit(url)
        yield _speaks("NATS", "NATS_URL", target.hostname, target.port or NATS_PORT, b"", b"I")


def _speaks(
    check: str, variable: str, host: str | None, port: int, question: bytes, first_bytes: bytes
) -> Finding:
    """Ask a service something; it is the right one when its answer begins with one of ``first_bytes``."""
    where = f"{host}:{port}"
    remedy = f"start it, or correct {variable}"
    try:
        with socket.create_connection((host or "", port), TIMEOUT_S) as client:
            client.sendall(question)
            answer = client.recv(1)
    except OSError as error:
        return failure(check, f"{where}: {error.strerror or error}", remedy)
    if not answer or answer not in first_bytes:
        return failure(check, f"{where} answers, but is no {check}", remedy)
    return fine(check, f"{where} answers")
