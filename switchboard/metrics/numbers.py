# SPDX-License-Identifier: Apache-2.0
"""Numbers that are counted on the paths of calls: as cheap as Python allows, and read at a scrape.

Not safe across threads: each belongs to one event loop. Invariant: what is counted never falls.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping

from switchboard.metrics.catalogue import CATALOGUE

LAG_INTERVAL_S = 0.5
"""How often the event loop is asked whether it is late: two timers a second cost nothing."""


class Histogram:
    """Counts of observations by size.

    Args:
        bounds: upper bounds of the buckets, rising; what is above the last one is counted apart.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0
        """Sum of the observations."""

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @classmethod
    def of(cls, name: str) -> Histogram:
        """Return an empty one with the buckets of a metric of the catalogue."""
        return cls(CATALOGUE[name].buckets)


Number = float | Histogram
Readings = dict[str, Mapping[tuple[str, ...], Number]]
"""Metric name → values of its labels, in their order → number."""


class LagMeter:
    """Measures how late the event loop comes back to a timer.

    Args:
        loop: the loop to measure.
        clock: seconds, finer than the loop's own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self.lag = Histogram.of("switchboard_event_loop_lag_seconds")
        self._loop = loop
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure."""
        due = self._clock() + LAG_INTERVAL_S
        self._timer = self._loop.call_later(LAG_INTERVAL_S, self._look, due)

    def stop(self) -> None:
        """Stop measuring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def read(self) -> Readings:
        """Return what was measured."""
        return {"switchboard_event_loop_lag_seconds": {(): self.lag}}

    def _look(self, due: float) -> None:
        self.lag.observe(max(self._clock() - due, 0.0))
        self.start()
