# SPDX-License-Identifier: Apache-2.0
"""The clients of the Control stream: their events, kept over a short absence, and who is connected.

Invariant: at most one stream per client writes, and at most `max_waiting` events wait for a client.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Protocol

from media.control.event_messages import fill_event, is_urgent
from media.control.gen import rtpmanager_pb2 as pb
from media.control.media_events import MediaEvent

LAZY_EVENT_S = 0.05
"""Longest time that an event which nobody waits for is kept back, to travel with replies."""

ABSENCE_S = 60.0
"""How long events are kept for a client that is away."""

EVENTS_PER_BATCH = 256
TELL_S = 0.5
"""Longest time that news of the node's health wait for a client that does not read."""


class BatchWriter(Protocol):
    """Sends one batch; gRPC allows one write at a time."""

    async def write(self, batch: pb.ControlReplyBatch) -> None: ...


class ControlClient:
    """One signalling process."""

    def __init__(self, client_id: str, max_waiting: int, loop: asyncio.AbstractEventLoop) -> None:
        self.client_id = client_id
        self.absent_since: float | None = None
        self._loop = loop
        self._waiting: deque[MediaEvent] = deque(maxlen=max_waiting)
        self._writer: BatchWriter | None = None
        self._lock = asyncio.Lock()
        self._flusher: asyncio.Task[None] | None = None
        self._lazy_timer: asyncio.TimerHandle | None = None

    def connect(self, writer: BatchWriter) -> None:
        """Write to this stream from now on; what waits goes out at once."""
        self._writer = writer
        self.absent_since = None
        if self._waiting:
            self._flush_soon()

    def disconnect(self, writer: BatchWriter) -> bool:
        """Note the end of a stream; tell whether the client is away now (False: a newer stream took over)."""
        if self._writer is not writer:
            return False
        self._writer = None
        self.absent_since = self._loop.time()
        return True

    def push(self, event: MediaEvent) -> None:
        """Send an event, soon if somebody may wait for it; the oldest is dropped when too many wait."""
        self._waiting.append(event)
        if self._writer is None:
            return
        if is_urgent(event):
            self._flush_soon()
        elif self._lazy_timer is None:
            self._lazy_timer = self._loop.call_later(LAZY_EVENT_S, self._flush_soon)

    async def reply(self, batch: pb.ControlReplyBatch) -> None:
        """Send replies, and the events that wait."""
        async with self._lock:
            if self._writer is not None:
                if self._waiting:
                    self._take_events(batch)
                await self._writer.write(batch)

    def _flush_soon(self) -> None:
        self._stop_timer()
        if self._flusher is None or self._flusher.done():
            self._flusher = self._loop.create_task(self._flush())

    async def _flush(self) -> None:
        while self._waiting and self._writer is not None:
            await self.reply(pb.ControlReplyBatch())

    def _take_events(self, batch: pb.ControlReplyBatch) -> None:
        self._stop_timer()
        for _ in range(min(len(self._waiting), EVENTS_PER_BATCH)):
            fill_event(self._waiting.popleft(), batch.events.add())

    def _stop_timer(self) -> None:
        if self._lazy_timer is not None:
            self._lazy_timer.cancel()
            self._lazy_timer = None


class ControlClients:
    """All clients by id."""

    def __init__(self, max_waiting: int, loop: asyncio.AbstractEventLoop) -> None:
        self._max_waiting = max_waiting
        self._loop = loop
        self._clients: dict[str, ControlClient] = {}

    def get(self, client_id: str) -> ControlClient:
        """Return the client, known or new; forget those that are away for long."""
        now = self._loop.time()
        for known in list(self._clients.values()):
            if known.absent_since is not None and now - known.absent_since > ABSENCE_S:
                del self._clients[known.client_id]
        client = self._clients.get(client_id)
        if client is None:
            client = self._clients[client_id] = ControlClient(client_id, self._max_waiting, self._loop)
        return client

    def is_present(self, client_id: str) -> bool:
        """Tell whether the client is connected."""
        client = self._clients.get(client_id)
        return client is not None and client.absent_since is None

    async def tell_health_changed(self) -> None:
        """Have every client ask how the node is."""
        news = pb.ControlReplyBatch(health_changed=True)
        told = asyncio.gather(*(each.reply(news) for each in self._clients.values()), return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(told, TELL_S)

    def present(self) -> int:
        """Return how many clients are connected."""
        return sum(client.absent_since is None for client in self._clients.values())

    def emit(self, client_id: str, event: MediaEvent) -> None:
        """Send an event to its owner; nobody's events are dropped."""
        client = self._clients.get(client_id)
        if client is not None:
            client.push(event)
