# SPDX-License-Identifier: Apache-2.0
"""Keeps a picture of every signaling node for all open pages of this process, while at least one is open.

Each node's event stream tells when to look at what; a node whose stream cannot be had is looked at again and again.
One task per node, so that one that is away delays no other. Everything here belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from switchboard.dashboard.backends import PULSE, TABLES, Backend, Picture, configured, executor, read
from switchboard.dashboard.tail import CLOSED, OPENED, EventTail

GAP_S = 0.5
"""Between two looks at the calls, and from one look to the next at a node without an event stream."""
LONG_GAP_S = 2.0
"""Between two looks at a table that is longer than the calls and further down the page. The first look after a quiet
while does not wait."""
PULSE_S = 0.75
"""How often the pool of RTP managers is looked at. With the time that an answer may take, a node that is away is shown
as such within two seconds."""
SETTLE_S = 1.0
"""What an event touched is looked at once more after this: the answers to what it tells of have no event."""
WHOLE_S = 10.0
"""How often everything is looked at although no event asks for it: registrations are refreshed without one."""
REST = 4
"""A node is left in peace for so many times as long as its answer took."""
TOUCHED = {
    "call": ("calls", "dialogs", "sessions"),
    "session": ("sessions",),
    "registration": ("registrations",),
    "rtpmanager": (PULSE,),
}
"""First word of an event's type → the tables that it changes; of what is not here: all."""

Look = Callable[[Backend, Collection[str], "Picture | None"], Picture]


class Stream(Protocol):
    """What is listened to."""

    def start(self) -> None: ...

    def close(self) -> None: ...


Listen = Callable[[Backend, Callable[[str], None]], Stream]


class Follower:
    """Keeps the picture of one node.

    Args:
        backend: the node.
        look: asks it; runs in a thread.
        listen: makes its event stream, which tells of events from any thread.
        tell: is called when it was looked at.
    """

    def __init__(self, backend: Backend, look: Look, listen: Listen, tell: Callable[[], None]) -> None:
        self.picture: Picture | None = None
        self._backend = backend
        self._look = look
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._stream = listen(backend, self._heard_in_thread)
        self._is_listening = False
        self._news = asyncio.Event()
        self._touched_at = dict.fromkeys(TABLES, float("-inf"))
        self._looked_at = dict.fromkeys(TABLES, float("-inf"))
        self._rests_until = float("-inf")

    async def run(self) -> None:
        """Go on until cancelled."""
        self._stream.start()
        try:
            while True:
                now = self._loop.time()
                due = {table: self._due_at(table) for table in TABLES}
                tables = [table for table, at in due.items() if at <= now]
                if tables:
                    await self._take(tables)
                else:
                    await self._sleep(min(due.values()) - now)
        finally:
            self._stream.close()

    def heard(self, event_type: str) -> None:
        """Note what an event touches."""
        if event_type in (OPENED, CLOSED):
            self._is_listening = event_type == OPENED
        for table in TOUCHED.get(event_type.partition(".")[0], TABLES):
            self._touched_at[table] = self._loop.time()
        self._news.set()

    def _heard_in_thread(self, event_type: str) -> None:
        self._loop.call_soon_threadsafe(self.heard, event_type)

    def _due_at(self, table: str) -> float:
        """Return when a table is to be looked at again."""
        looked_at, touched_at = self._looked_at[table], self._touched_at[table]
        if self.picture is None:
            return float("-inf")
        if self.picture.problem or not self._is_listening:
            due_at = looked_at + GAP_S
        elif touched_at > looked_at:
            due_at = max(touched_at, looked_at + _gap_s(table))
        else:
            due_at = looked_at + (PULSE_S if table == PULSE else WHOLE_S)
            if looked_at < touched_at + SETTLE_S:
                due_at = min(due_at, max(touched_at + SETTLE_S, looked_at + _gap_s(table)))
        return max(due_at, self._rests_until)

    async def _take(self, tables: Collection[str]) -> None:
        began = self._loop.time()
        before = self.picture
        if before is None or before.problem:
            tables = TABLES
        self.picture = await self._loop.run_in_executor(executor(), self._look, self._backend, tables, before)
        for table in tables:
            self._looked_at[table] = began
        self._rests_until = self._loop.time() + REST * self.picture.elapsed_ms / 1000
        self._tell()

    async def _sleep(self, wait_s: float) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._news.wait()
        except TimeoutError:
            return


def _gap_s(table: str) -> float:
    return GAP_S if table in ("calls", PULSE) else LONG_GAP_S


class Watch:
    """The last picture of each node, and who wants to know of a new one.

    Args:
        backends: the nodes.
        look: see `Follower`.
        listen: see `Follower`.
    """

    def __init__(self, backends: Sequence[Backend], look: Look = read, listen: Listen = EventTail) -> None:
        self._backends = list(backends)
        self._look = look
        self._listen = listen
        self._followers: list[Follower] = []
        self._watchers: set[asyncio.Event] = set()
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def pictures(self) -> list[Picture]:
        """The last pictures, in the order of the settings; empty until every node was looked at."""
        seen = [follower.picture for follower in self._followers if follower.picture is not None]
        return seen if len(seen) == len(self._followers) else []

    def join(self) -> asyncio.Event:
        """Begin to watch; the event is set at each look."""
        news = asyncio.Event()
        self._watchers.add(news)
        if not self._tasks:
            self._followers = [
                Follower(backend, self._look, self._listen, self._tell) for backend in self._backends
            ]
            self._tasks = [asyncio.ensure_future(follower.run()) for follower in self._followers]
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
            self._followers = []

    def _tell(self) -> None:
        if self.pictures:
            for news in self._watchers:
                news.set()


_of_loop: tuple[asyncio.AbstractEventLoop, Watch] | None = None


def shared_watch() -> Watch:
    """Return the watch of this process's event loop."""
    global _of_loop
    loop = asyncio.get_running_loop()
    if _of_loop is None or _of_loop[0] is not loop:
        _of_loop = (loop, Watch(configured()))
    return _of_loop[1]
