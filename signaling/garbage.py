# SPDX-License-Identifier: Apache-2.0
"""Keeps the cycle collector from pausing calls.

Calls, legs and transactions are freed by their reference counts; what a cycle keeps is rare and small. So the young
generation is kept small enough that a look at it is not noticed, and everything that outlived one such look is left
alone until there is no call that a longer one could disturb.
"""

from __future__ import annotations

import gc
from collections.abc import Sized

YOUNG = 5_000
"""Objects that were made and not freed before they are looked at: 2 to 5 ms. At 200,000 it was a pause of 70 to 100 ms
every 15 s while the load rose to 200 calls a second."""
NEVER = 1_000_000_000
QUIET_S = 60.0
"""How long there must have been no call."""
PAUSE_S = 600.0
"""Between two full collections."""
BUSY_S = 6 * 3600.0
"""A node that always has calls collects in spite of them after so long: a longer pause, rather than memory that only grows."""


def calm() -> None:
    """Leave what there is now out of every later collection, and collect the young generation alone."""
    gc.freeze()
    gc.set_threshold(YOUNG, NEVER, NEVER)


class QuietCollector:
    """Collects everything while there are no calls, or else every six hours.

    Args:
        calls: the calls of the node.
    """

    def __init__(self, calls: Sized) -> None:
        self._calls = calls
        self._quiet_since: float | None = None
        self._collected_at = float("-inf")
        self._busy_since: float | None = None

    def look(self, now: float) -> bool:
        """Collect if it is time to; tell whether it was. What is left when nobody calls will not be looked at again."""
        if self._busy_since is None:
            self._busy_since = now
        if len(self._calls):
            self._quiet_since = None
            if now - self._busy_since < BUSY_S:
                return False
            self._busy_since = now
            gc.collect()
            return True
        if self._quiet_since is None:
            self._quiet_since = now
        if now - self._quiet_since < QUIET_S or now - self._collected_at < PAUSE_S:
            return False
        self._collected_at = self._busy_since = now
        gc.collect()
        gc.freeze()
        return True
