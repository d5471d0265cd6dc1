# SPDX-License-Identifier: Apache-2.0
"""The reading end of the feed: keeps a connection up, gives messages to the mirror, carries commands.

Invariant: a command is answered, refused or given up within its time, whatever becomes of the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgpack
import structlog

from signaling.live.commands import CommandRefused
from signaling.live.mirror import FeedMismatch, Mirror
from signaling.live.paths import socket_address
from signaling.live.tables import Kind

log = structlog.get_logger("switchboard.live")

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 0.5
AWAY_S = 3.0
"""Away for longer is worth a line; at an ordinary stop the SIP process goes first, and this one right after it."""
COMMAND_S = 5.0
PIECE = 100
"""Messages that are handed on in one turn of the loop: fewer than may wait for a reader of the event stream."""
MAX_WAITING = 10_000
"""Messages that may wait to be handed on before no more are read."""
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""More than the SIP process leaves unread: it drops a reader before this is reached."""


class FeedLink:
    """A connection to the feed that comes back by itself.

    Args:
        path: the socket.
        mirror: gets the messages.
    """

    def __init__(self, path: Path, mirror: Mirror) -> None:
        self._path = path
        self._mirror = mirror
        self._numbers = itertools.count(1)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._was_told = False

    def start(self) -> None:
        """Begin to connect; needs a running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Close the connection."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._transport is not None:
            self._transport.close()

    async def call(self, name: str, wait_s: float = COMMAND_S, **arguments: Any) -> dict[str, Any]:
        """Give a command to the SIP process and return its result.

        Raises:
            CommandRefused: it cannot be done; 503 when the SIP process is away or does not answer in time.
        """
        if self._transport is None:
            raise CommandRefused(503, "The signaling process is not connected.")
        number = next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            self._transport.write(msgpack.packb((number, name, arguments)))
            async with asyncio.timeout(wait_s):
                return await future
        except TimeoutError:
            raise CommandRefused(503, f"The signaling process did not answer in {wait_s:g} s.") from None
        finally:
            self._pending.pop(number, None)

    # --- Inside ---------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        delay_s = FIRST_RETRY_S
        loop = asyncio.get_running_loop()
        seen_at = loop.time()
        while True:
            try:
                ended = await self._connect()
            except OSError as error:
                if not self._was_told and loop.time() - seen_at >= AWAY_S:
                    self._was_told = True
                    log.warning("live.not_connected", socket=str(self._path), error=str(error))
            else:
                self._was_told = False
                if await ended:
                    delay_s = FIRST_RETRY_S
                seen_at = loop.time()
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, LAST_RETRY_S)

    async def _connect(self) -> asyncio.Future[bool]:
        """Connect and return what is done when the connection ends: whether the picture had become complete."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[bool] = loop.create_future()
        with socket_address(self._path) as address:
            transport, _ = await loop.create_unix_connection(
                lambda: _Reading(self._take, lambda: self._lost(ended)), address
            )
        self._transport = transport
        return ended

    def _take(self, message: list[Any]) -> None:
        if message[0] != Kind.ANSWER:
            self._mirror.apply(message)
            return
        _, number, succeeded, result = message
        future = self._pending.get(number)
        if future is None or future.done():
            return
        if succeeded:
            future.set_result(result)
        else:
            future.set_exception(CommandRefused(result["status"], result["error"], result.get("fields")))

    def _lost(self, ended: asyncio.Future[bool]) -> None:
        self._transport = None
        was_complete = self._mirror.complete
        self._mirror.lost()
        for future in self._pending.values():
            if not future.done():
                future.set_exception(CommandRefused(503, "The connection to the signaling process was lost."))
        if not ended.done():
            ended.set_result(was_complete)


class _Reading(asyncio.Protocol):
    """Unpacks what comes, and hands it on in pieces: whoever waits for it on the same loop gets a turn in between."""

    def __init__(self, take: Callable[[list[Any]], None], lost: Callable[[], None]) -> None:
        self._take = take
        self._lost = lost
        self._unpacker = msgpack.Unpacker(max_buffer_size=MAX_MESSAGE_BYTES, raw=False, strict_map_key=False)
        self._messages: deque[list[Any]] = deque()
        self._transport: asyncio.Transport | None = None
        self._is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        idle = not self._messages
        try:
            self._unpacker.feed(data)
            for batch in self._unpacker:
                self._messages.extend(batch)
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            self._give_up(error)
            return
        if len(self._messages) > MAX_WAITING and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()
        if idle:
            self._hand_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._messages.clear()
        self._lost()

    def _hand_on(self) -> None:
        try:
            for _ in range(min(len(self._messages), PIECE)):
                self._take(self._messages.popleft())
        except (FeedMismatch, ValueError, KeyError, TypeError, IndexError) as error:
            self._give_up(error)
            return
        if self._messages:
            asyncio.get_running_loop().call_soon(self._hand_on)
        elif self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def _give_up(self, error: Exception) -> None:
        log.error("live.feed_unreadable", error=str(error))
        self._messages.clear()
        if self._transport is not None:
            self._transport.abort()
