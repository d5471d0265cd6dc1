# SPDX-License-Identifier: Apache-2.0
"""Reads every signaling node once for all open pages of this process, while at least one is open.

One task per node, so that one that is away delays no other. Everything here belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from switchboard.dashboard.backends import Backend, Picture, configured, read

EVERY_S = 0.5
"""From one look at a node to the next, for one that answers fast."""


class Watch:
    """The last picture of each node, and who wants to know of a new one.

    Args:
        backends: the nodes.
        look: asks one node; runs in a thread.
        every_s: from one look to the next.
    """

    def __init__(
        self,
        backends: Sequence[Backend],
        look: Callable[[Backend], Picture] = read,
        every_s: float = EVERY_S,
    ) -> None:
        self._backends = list(backends)
        self._look = look
        self._every_s = every_s
        self._pictures: dict[str, Picture] = {}
        self._watchers: set[asyncio.Event] = set()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def pictures(self) -> list[Picture]:
        """The last pictures, in the order of the settings; empty until every node was looked at."""
        if len(self._pictures) < len(self._backends):
            return []
        return [self._pictures[backend.name] for backend in self._backends]

    def join(self) -> asyncio.Event:
        """Begin to watch; the event is set at each new picture."""
        news = asyncio.Event()
        self._watchers.add(news)
        if not self._tasks:
            self._tasks = [asyncio.ensure_future(self._follow(backend)) for backend in self._backends]
        elif self.pictures:
            news.set()
        return news

    def leave(self, news: asyncio.Event) -> None:
        """Stop watching; with the last one the looking ends."""
        self._watchers.discard(news)
        if not self._watchers:
            for task in self._tasks:
                task.cancel()
            self._tasks = []
            self._pictures = {}

    async def _follow(self, backend: Backend) -> None:
        while True:
            self._pictures[backend.name] = await asyncio.to_thread(self._look, backend)
            if self.pictures:
                for news in self._watchers:
                    news.set()
            await asyncio.sleep(pause_s(self._pictures[backend.name], self._every_s))


def pause_s(picture: Picture, every_s: float) -> float:
    """Return how long to leave a node in peace: at least four times as long as its answer took."""
    return max(every_s, 4 * picture.elapsed_ms / 1000)


_of_loop: tuple[asyncio.AbstractEventLoop, Watch] | None = None


def shared_watch() -> Watch:
    """Return the watch of this process's event loop."""
    global _of_loop
    loop = asyncio.get_running_loop()
    if _of_loop is None or _of_loop[0] is not loop:
        _of_loop = (loop, Watch(configured()))
    return _of_loop[1]
