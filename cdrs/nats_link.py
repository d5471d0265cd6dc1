# SPDX-License-Identifier: Apache-2.0
"""What both ends of the stream of call records share: names, the connection, and how the stream is made.

Knows NATS and no records. Invariant: nothing here gives up a message; a stream that somebody made by hand, with other
limits or replicas, is used as it is.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError

SUBJECT: Final = "switchboard.cdr.raw"
STREAM: Final = "SWITCHBOARD_CDR"
CONSUMER: Final = "switchboard-cdr-database"
DUPLICATE_WINDOW_S: Final = 600.0
"""How long the server recognises a record that is published again; the database does so for ever."""
CONNECT_TIMEOUT_S: Final = 3.0
_PING_EVERY_S: Final = 2
_RECONNECT_EVERY_S: Final = 0.25


class NotConnected(OSError):
    """The server cannot be reached now; the text says why, as far as that is known."""


async def connect(url: str, name: str) -> Client:
    """Return a connection that restores itself for as long as it is not closed.

    Args:
        url: ``nats://[user:password@]host:port``, several separated by commas.
        name: what the server's monitoring calls the connection.

    Raises:
        NotConnected: not within `CONNECT_TIMEOUT_S`.
    """
    errors: list[Exception] = []

    async def note(error: Exception) -> None:
        errors[:] = [error]

    client = Client()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await client.connect(
                servers=[server.strip() for server in url.split(",")],
                name=name,
                error_cb=note,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RECONNECT_EVERY_S,  # type: ignore[arg-type]
                connect_timeout=int(CONNECT_TIMEOUT_S),
                ping_interval=_PING_EVERY_S,
                max_outstanding_pings=2,
            )
    except Exception as error:
        # The library passes on what sockets, the resolver, TLS and a server that is none make it raise.
        await client.close()
        reason = errors[0] if errors and isinstance(error, TimeoutError) else error
        raise NotConnected("no answer" if isinstance(reason, TimeoutError) else sentence(reason)) from error
    return client


async def ensure_stream(stream: JetStreamContext) -> None:
    """Make the stream if it is not there.

    It keeps what nobody took and refuses new records when it is full: those wait in the journals of their nodes.

    Raises:
        nats.errors.Error: JetStream does not answer, or refuses.
    """
    try:
        await stream.stream_info(STREAM)
    except NotFoundError:
        config = StreamConfig(
            name=STREAM,
            description="Call detail records on their way into the database",
            subjects=[SUBJECT],
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.NEW,
            storage=StorageType.FILE,
            duplicate_window=DUPLICATE_WINDOW_S,
        )
        try:
            await stream.add_stream(config)
        except BadRequestError:
            # Another node made it in the same moment.
            await stream.stream_info(STREAM)


def sentence(error: BaseException) -> str:
    """Return an error in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
