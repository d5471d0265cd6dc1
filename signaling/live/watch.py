# SPDX-License-Identifier: Apache-2.0
"""Lets the mirror sleep while nobody looks at it, and wakes it for whoever does.

What a call costs the SIP process is paid for each of its changes and events; a node whose live state nobody reads pays
nothing. It knows neither HTTP nor rows. Invariant: whoever has asked for the mirror finds it up to date.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from signaling.live.commands import CommandRefused
from signaling.live.mirror import Mirror
from signaling.live.tables import SLEEP, WAKE

LINGER_S = 600.0
"""How long the mirror stays awake after the last look: a reader of events that comes back sooner has missed none."""
TICK_S = 1.0


class Watch:
    """Keeps the mirror as much awake as it has to be.

    Args:
        mirror: what is looked at.
        call: gives a command to the SIP process; raises `CommandRefused`.
        is_read: tells whether somebody reads the events now.
        clock: monotonic seconds.
        linger_s: how long it stays awake after the last look.
        tick_s: how often that is checked.

    Attributes:
        looked_at: when somebody looked last; may be set from any thread.
    """

    def __init__(
        self,
        mirror: Mirror,
        call: Callable[[str], Awaitable[Any]],
        *,
        is_read: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        linger_s: float = LINGER_S,
        tick_s: float = TICK_S,
    ) -> None:
        self.looked_at = float("-inf")
        self._mirror = mirror
        self._call = call
        self._is_read = is_read
        self._clock = clock
        self._linger_s = linger_s
        self._tick_s = tick_s
        self._waking: asyncio.Task[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch; needs a running loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop watching."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def look(self) -> bool:
        """Note that somebody looks; tell whether that has to wait for `wake`. From any thread."""
        self.looked_at = self._clock()
        return self._mirror.asleep

    async def wake(self) -> None:
        """Return when the mirror is up to date.

        Raises:
            CommandRefused: the SIP process does not tell.
        """
        if not self.look():
            return
        if self._waking is None:
            self._waking = asyncio.get_running_loop().create_task(self._wake())
        await asyncio.shield(self._waking)

    async def _wake(self) -> None:
        try:
            await self._call(WAKE)
            self._mirror.asleep = False
        finally:
            self._waking = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._tick_s)
            if self._is_read():
                self.look()
            if self._mirror.complete and not self._mirror.asleep and self._is_forgotten():
                await self._sleep()

    def _is_forgotten(self) -> bool:
        return self._clock() - self.looked_at > self._linger_s

    async def _sleep(self) -> None:
        self._mirror.sleep()
        with contextlib.suppress(CommandRefused):  # the connection is lost: a new one begins awake
            await self._call(SLEEP)
