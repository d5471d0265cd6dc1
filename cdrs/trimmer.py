# SPDX-License-Identifier: Apache-2.0
"""Keeps the stream from growing for ever: removes what every consumer of it took some time ago.

Invariant: a message that a consumer has not acknowledged is not removed, whoever's consumer it is.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from cdrs.nats_link import STREAM

EVERY_S: Final = 60.0


class Trimmer:
    """Trims the stream once a minute, when it is asked to.

    Args:
        stream: where the stream is.
        keep_s: how long a message stays after everybody has taken it.
        monotonic: seconds that only rise.
    """

    def __init__(
        self, stream: JetStreamContext, keep_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._keep_s = keep_s
        self._monotonic = monotonic
        self._due_at = monotonic()
        self._taken: deque[tuple[float, int]] = deque()
        """When it was seen that all messages up to a number were taken."""

    async def trim_when_due(self) -> None:
        """Trim if the last time is long enough ago; a server that does not answer is asked another time."""
        now = self._monotonic()
        if now < self._due_at:
            return
        self._due_at = now + EVERY_S
        with contextlib.suppress(NatsError, TimeoutError):
            await self._trim(now)

    async def _trim(self, now: float) -> None:
        consumers = await self._stream.consumers_info(STREAM)
        floors = [info.ack_floor.stream_seq for info in consumers if info.ack_floor is not None]
        self._taken.append((now, min(floors, default=0)))
        removable = 0
        while self._taken and self._taken[0][0] <= now - self._keep_s:
            removable = self._taken.popleft()[1]
        if removable:
            # All messages before this number are removed.
            await self._stream.purge_stream(STREAM, seq=removable + 1)
