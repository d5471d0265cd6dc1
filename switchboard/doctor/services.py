# SPDX-License-Identifier: Apache-2.0
"""Checks of the services that other programs offer; those that no setting names are not asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from switchboard.doctor.findings import Finding, failure, fine
from switchboard.management.commands.waitfordatabase import what_is_missing, why_it_is_away

TIMEOUT_S = 2.0


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
    """NATS answers, takes the login, and keeps call records, when one is configured."""
    if settings.NATS_URL:
        yield asyncio.run(_nats(settings.NATS_URL))


async def _nats(url: str) -> Finding:
    from nats.errors import Error as NatsError

    from switchboard.nats_link import NotConnected, connect, sentence

    # Without the password that the URL may hold.
    where = ", ".join(server.rpartition("@")[2].removeprefix("nats://") for server in url.split(","))
    try:
        client = await connect(url, "switchboard doctor")
    except NotConnected as error:
        return failure("NATS", f"{where}: {error}", "start it, or correct NATS_URL")
    try:
        account = await client.jetstream(timeout=TIMEOUT_S).account_info()
    except (NatsError, TimeoutError) as error:
        why = f"{where} answers, but JetStream, which keeps call records, does not ({sentence(error)})"
        return failure("NATS", why, "start the server with JetStream: nats-server -js")
    finally:
        await client.close()
    return fine("NATS", f"{where} answers, with JetStream ({account.streams} streams)")
