# SPDX-License-Identifier: Apache-2.0
"""One reader of the event stream: a bounded queue, and a filter.

Invariant: offering an event never waits. A queue that runs full ends the subscription with a reason that its reader
gets, instead of holes that it could not notice.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

EventDict = dict[str, Any]

DEFAULT_QUEUE = 1000


class Dropped(Exception):
    """The subscription was ended; ``str()`` says why."""


class Subscription:
    """What one reader has still to get.

    Args:
        accepts: tells whether an event is for this reader.
        backlog: what it missed, delivered first; not counted against the queue.
        max_queued: most events that may wait.
    """

    def __init__(
        self,
        accepts: Callable[[EventDict], bool],
        backlog: Iterable[EventDict] = (),
        max_queued: int = DEFAULT_QUEUE,
    ) -> None:
        self.accepts = accepts
        self.reason = ""
        """Why it was ended; empty while it goes on."""
        self._backlog = deque(backlog)
        self._queue: deque[EventDict] = deque()
        self._max_queued = max_queued
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, event: EventDict) -> None:
        """Queue an event if it is for this reader."""
        if self.reason or not self.accepts(event):
            return
        if len(self._queue) >= self._max_queued:
            self.end(f"too slow: more than {self._max_queued} events were waiting")
            return
        self._queue.append(event)
        self._wake()

    def end(self, reason: str) -> None:
        """End the subscription; what waits is let go."""
        self.reason = self.reason or reason
        self._queue.clear()
        self._backlog.clear()
        self._wake()

    async def next(self, timeout_s: float) -> EventDict | None:
        """Return the next event, None when none comes in ``timeout_s``.

        Raises:
            Dropped: it was ended.
        """
        if not self._has_something():
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._waiter
            except TimeoutError:
                return None
            finally:
                self._waiter = None
        if self.reason:
            raise Dropped(self.reason)
        return self._backlog.popleft() if self._backlog else self._queue.popleft()

    def _has_something(self) -> bool:
        return bool(self.reason or self._backlog or self._queue)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
