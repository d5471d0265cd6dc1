# SPDX-License-Identifier: Apache-2.0
"""Spreads out what many calls would do at once. Pure: the time is an argument."""

from __future__ import annotations


class Pace:
    """Gives out turns.

    Args:
        per_second: how many turns there are in a second.
    """

    __slots__ = ("_interval_s", "_next")

    def __init__(self, per_second: float) -> None:
        self._interval_s = 1.0 / per_second
        self._next = float("-inf")

    def turn(self, now: float) -> float:
        """Take the next turn and return when it is: now, or later when others came first."""
        self._next = max(now, self._next + self._interval_s)
        return self._next
