# SPDX-License-Identifier: Apache-2.0
"""Publishes every event of the bus on its NATS subject, in order, from the thread of the NATS connection.

The bus's side only appends to a queue. A batch counts as published when the server has answered a PING behind it; one
that was cut off by a lost connection is sent again, so that an event may come twice: its id, also the message id of
JetStream, tells. Invariant: publishing never waits and never raises; the queue is bounded, its oldest events give way,
and how many did is counted.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
from collections import deque
from typing import Final, NamedTuple

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from switchboard.events.catalogue import Event, to_json
from switchboard.events.subjects import subject_of
from switchboard.nats_link import NatsLink

log = structlog.get_logger("switchboard.events")

BATCH_SIZE: Final = 500
GATHER_S: Final = 0.05
"""How long the first event of a batch waits for others."""
CONFIRM_S: Final = 2.0
"""How long the server may take to confirm a batch before that is reported; the batch is waited for on."""
RETRY_S: Final = 0.25
MESSAGE_ID: Final = "Nats-Msg-Id"


class _Message(NamedTuple):
    """An event as NATS gets it."""

    subject: str
    payload: bytes
    headers: dict[str, str]


class NatsPublisher:
    """A subscriber of the bus. Subscribe `publish` after `start`; `stop` sends what is left.

    Args:
        link: the connection.
        limit: most events that wait.
    """

    def __init__(self, link: NatsLink, *, limit: int) -> None:
        self._link = link
        self._limit = limit
        # Appended to by the bus's thread, emptied by the link's: a deque's ends are atomic.
        self._queue: deque[Event] = deque()
        self._in_hand: list[_Message] = []
        self._sent_over: tuple[int, int] | None = None
        """The connection over which the batch in hand was sent."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._woken = False
        self._stopping = False
        self._overflowing = False
        self._work: concurrent.futures.Future[None] | None = None
        self.published = 0
        """Events that the server has."""
        self.dropped = 0
        """Events that gave way because too many were waiting, or that the server can never take."""

    @property
    def waiting(self) -> int:
        """Events that the server does not have yet."""
        return len(self._queue) + len(self._in_hand)

    def publish(self, event: Event) -> None:
        """Take an event on its way; called by the bus."""
        if len(self._queue) >= self._limit:
            self._make_room()
        self._queue.append(event)
        if not self._woken and self._loop is not None:
            self._woken = True
            self._loop.call_soon_threadsafe(self._news.set)

    def start(self) -> None:
        """Begin to publish; the connection may come later."""
        self._loop = self._link.start()
        self._work = self._link.submit(self._run())

    def stop(self, timeout_s: float = 1.0) -> None:
        """Send what waits, for so long at most, and end; call it from another thread than the link's."""
        work, self._work = self._work, None
        if work is None or self._loop is None:
            return
        self._stopping = True
        self._loop.call_soon_threadsafe(self._news.set)
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
            work.result(timeout_s)
        if work.cancel():
            log.warning("events.unpublished", waiting=self.waiting)

    def _make_room(self) -> None:
        # The other thread may have taken the last one meanwhile.
        with contextlib.suppress(IndexError):
            self._queue.popleft()
            self.dropped += 1
        if not self._overflowing:
            self._overflowing = True
            log.warning("events.overflow", limit=self._limit, reason=self._link.problem or "NATS is too slow")

    # --- in the link's loop -------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            self._woken = False
            if not self._stopping:
                await asyncio.sleep(GATHER_S)
            await self._send_all()
            if self._stopping and not self.waiting:
                return

    async def _send_all(self) -> None:
        while self._in_hand or self._queue:
            if not self._in_hand:
                self._take()
            try:
                await self._send()
            except (NatsError, OSError, TimeoutError):
                # The link says why, and says it once.
                await asyncio.sleep(RETRY_S)
                continue
            self.published += len(self._in_hand)
            self._in_hand = []
            if self._overflowing and not self._queue:
                self._overflowing = False
                log.info("events.caught_up", dropped=self.dropped)

    def _take(self) -> None:
        self._sent_over = None
        with contextlib.suppress(IndexError):
            while len(self._in_hand) < BATCH_SIZE:
                self._in_hand.append(_message(self._queue.popleft()))

    async def _send(self) -> None:
        """Send the batch in hand unless this connection was given it before, and have it confirmed.

        Raises:
            NatsError: the server does not confirm it in time.
            NotConnected: there is no connection, or a new one.
        """
        client = await self._link.client()
        connection = (id(client), client.stats["reconnects"])
        if self._sent_over != connection:
            self._sent_over = connection
            for message in list(self._in_hand):
                await self._give(client, message)
        await client.flush(timeout=CONFIRM_S)  # type: ignore[arg-type]
        if client.stats["reconnects"] != connection[1]:
            raise ConnectionResetError("the batch was sent over a connection that is gone")

    async def _give(self, client: Client, message: _Message) -> None:
        try:
            await client.publish(message.subject, message.payload, headers=message.headers)
        except MaxPayloadError:
            self._in_hand.remove(message)
            self.dropped += 1
            log.error("events.too_large", subject=message.subject, size=len(message.payload))


def _message(event: Event) -> _Message:
    payload = json.dumps(to_json(event), separators=(",", ":")).encode()
    return _Message(subject_of(event), payload, {MESSAGE_ID: event.event_id})
