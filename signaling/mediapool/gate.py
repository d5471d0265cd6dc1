# SPDX-License-Identifier: Apache-2.0
"""When queued requests leave as a batch. A batch costs both ends far more than a request in it.

* Nothing was written for `PACE_S` and nothing is unanswered: in this turn of the event loop.
* Something was written just now: `PACE_S` after it, together with what comes until then. Batches grow with load by
  themselves, and a node that few calls ask never waits.
* Something older is still unanswered: with its reply, at most `HOLD_S` later.
* Only requests that nobody is kept waiting by (the end of sessions) on a busy node: with the next batch, at most
  `PATIENCE_S` later.

It must not know requests or streams.
"""

from __future__ import annotations

import asyncio

PACE_S = 0.006
"""Least time between two batches. At 200 calls a second it halves what the stream costs both ends; a call waits for
it twice at most, half of it on average, before its callee rings and before its caller hears the answer."""
HOLD_S = 0.002
PATIENCE_S = 0.010
BUSY_S = 0.020
"""A node that was written to this lately is expected to be written to again soon."""


class WriteGate:
    """Tells the one writer of a stream when to write."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_open = False
        self._has_urgent = False
        self._written_at = float("-inf")
        self._timer: asyncio.Handle | None = None
        self._opens_at = 0.0
        self._writer: asyncio.Future[None] | None = None

    def request(self, *, is_patient: bool, is_unanswered: bool) -> None:
        """Note that something was queued.

        Args:
            is_patient: nobody is kept waiting by it.
            is_unanswered: an earlier batch still waits for its replies.
        """
        now = self._loop.time()
        if is_patient and now - self._written_at < BUSY_S:
            self._open_at(now + PATIENCE_S)
            return
        self._has_urgent = True
        paced = self._written_at + PACE_S
        if paced > now:
            self._open_at(paced)
        elif is_unanswered:
            self._open_at(now + HOLD_S)
        else:
            self.open()

    def answered(self) -> None:
        """Note that no batch is unanswered any more."""
        if self._has_urgent and self._loop.time() >= self._written_at + PACE_S:
            self.open()

    def open(self) -> None:
        """Let the writer write what is queued."""
        self._is_open = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)

    async def wait(self) -> None:
        """Return when it is time to write."""
        if not self._is_open:
            self._writer = self._loop.create_future()
            try:
                await self._writer
            finally:
                self._writer = None
        self._is_open = self._has_urgent = False
        self._written_at = self._loop.time()

    def _open_at(self, when: float) -> None:
        if self._timer is not None:
            if self._opens_at <= when:
                return
            self._timer.cancel()
        # uvloop answers with a handle that has no time when the moment is over before it looks at the clock.
        self._opens_at = when
        self._timer = self._loop.call_at(when, self.open)
