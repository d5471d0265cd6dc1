# SPDX-License-Identifier: Apache-2.0
"""Carries messages between the replicas of the ui, over a channel layer, in one thread of its own.

The thread begins with the first use. All replicas are one group of the layer. Knows nothing of what messages say.
Invariants: `send` never waits and never raises, whatever the layer does; while the layer is away it is tried again and
again, and that it went away and came back is logged once each; what waited too long is dropped, as is what this replica
sent itself.
"""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

log = structlog.get_logger("switchboard.dashboard")

GROUP: Final = "notices"
ANSWER_S = 1.0
"""A layer that takes longer is away."""
RENEW_S = 5.0
"""How often the membership in the group is written anew: what holds it may have been emptied."""
RETRY_S = 0.5
OLD_S = 5.0
"""What could not be sent for so long is news to nobody."""
MAX_WAITING = 100
CLOSE_S = 5.0

Message = dict[str, Any]


class Crossing:
    """The way from one replica to the others.

    Args:
        layer: makes the channel layer; it is asked once, in the thread.
        came: is called in the thread with each message of another replica.
    """

    def __init__(self, layer: Callable[[], Any], came: Callable[[Mapping[str, Any]], None]) -> None:
        self._make_layer = layer
        self._came = came
        self._origin = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: asyncio.Queue[tuple[float, Message]]
        self._running: asyncio.Task[None] | None = None
        self._broke: asyncio.Event
        self._away = False

    def start(self) -> None:
        """Begin to carry; harmless when it has begun."""
        with self._lock:
            if self._thread is None:
                ready = threading.Event()
                self._thread = threading.Thread(
                    target=lambda: asyncio.run(self._run(ready)), name="notices", daemon=True
                )
                self._thread.start()
                ready.wait(CLOSE_S)

    def send(self, message: Message) -> None:
        """Have a message told to the other replicas, soon or never."""
        self.start()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._put, {**message, "origin": self._origin})

    def close(self) -> None:
        """End the thread and wait for that."""
        thread, loop, running = self._thread, self._loop, self._running
        if thread is None or loop is None or running is None or loop.is_closed():
            return
        loop.call_soon_threadsafe(running.cancel)
        thread.join(CLOSE_S)

    async def _run(self, ready: threading.Event) -> None:
        self._loop, self._running = asyncio.get_running_loop(), asyncio.current_task()
        self._waiting, self._broke = asyncio.Queue(MAX_WAITING), asyncio.Event()
        ready.set()
        layer, channel = self._make_layer(), f"{GROUP}.{self._origin}"
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(layer))
                tasks.create_task(self._stay(layer, channel))
        except asyncio.CancelledError:
            await self._quit(layer, channel)

    def _put(self, message: Message) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait((asyncio.get_running_loop().time(), message))

    async def _send(self, layer: Any) -> None:
        loop = asyncio.get_running_loop()
        while True:
            since, message = await self._waiting.get()
            while loop.time() - since < OLD_S:
                if not self._away and await self._worked(layer.group_send(GROUP, {"type": GROUP, **message})):
                    break
                await asyncio.sleep(RETRY_S)

    async def _stay(self, layer: Any, channel: str) -> None:
        """Hear the group, and join it again whenever that, or anything else, broke."""
        while True:
            await self._drop_connections(layer)
            if await self._worked(layer.group_add(GROUP, channel)):
                self._is_back()
                hearing = asyncio.ensure_future(self._hear(layer, channel))
                try:
                    await self._renew(layer, channel)
                finally:
                    hearing.cancel()
                    await asyncio.wait({hearing})
            await asyncio.sleep(RETRY_S)

    async def _renew(self, layer: Any, channel: str) -> None:
        """Write the membership anew until something breaks."""
        while not self._broke.is_set():
            try:
                async with asyncio.timeout(RENEW_S):
                    await self._broke.wait()
            except TimeoutError:
                await self._worked(layer.group_add(GROUP, channel))

    async def _hear(self, layer: Any, channel: str) -> None:
        try:
            while True:
                message = await layer.receive(channel)
                if message.get("origin") != self._origin:
                    self._came(message)
        except Exception as error:  # noqa: BLE001 - layers raise what their libraries do; it is tried again
            self._failed(error)

    async def _worked(self, act: Awaitable[None]) -> bool:
        """Have the layer do something and tell whether it did."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await act
        except Exception as error:  # noqa: BLE001 - layers raise what their libraries do; it is tried again
            self._failed(error)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        self._broke.set()
        if not self._away:
            self._away = True
            log.warning("notices.away", error=str(error) or "it does not answer")

    def _is_back(self) -> None:
        self._broke.clear()
        if self._away:
            self._away = False
            log.info("notices.connected")

    async def _drop_connections(self, layer: Any) -> None:
        """Leave no connection in a pool that died with the others."""
        close_pools = getattr(layer, "close_pools", None)
        if close_pools is not None:
            await self._worked(close_pools())

    async def _quit(self, layer: Any, channel: str) -> None:
        if not self._away:
            await self._worked(layer.group_discard(GROUP, channel))
