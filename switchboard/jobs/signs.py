# SPDX-License-Identifier: Apache-2.0
"""Signs of life that a worker gives to its parent: one byte when it begins a job, another when it ends one.

Knows no clock and no process. Invariant: a worker is called silent only when it does nothing, and something could have
reached it all the while.
"""

from __future__ import annotations

from typing import Final

BEGUN: Final = b"+"
ENDED: Final = b"-"
VARIABLE: Final = "SWITCHBOARD_SIGNS_FD"
"""The environment variable that names the file descriptor on which a worker gives its signs."""
LONGEST_SILENCE_S: Final = 900.0


class Signs:
    """What is known of one worker.

    Args:
        silence_s: how long nothing at all may be heard. Each worker that was silent gets twice the time of the one
            before, until one is heard: a machine may be too slow for the first.
        now: seconds on a clock that only rises.
    """

    def __init__(self, silence_s: float, now: float) -> None:
        self._silence_s = self._patience_s = silence_s
        self._last = now
        self._running = 0

    def heard(self, data: bytes, now: float) -> None:
        """Take what the worker wrote."""
        if data:
            self._running += data.count(BEGUN) - data.count(ENDED)
            self._last = now
            self._patience_s = self._silence_s

    def nothing_could_come(self, now: float) -> None:
        """Begin to count anew: the broker is away."""
        self._last = now

    def restarted(self, now: float) -> None:
        """Begin anew: there is another worker."""
        self._running = 0
        self._last = now

    def is_silent(self, now: float) -> bool:
        """Tell whether this worker has been silent for too long, and give the next one more time."""
        if self._running > 0 or now - self._last < self._patience_s:
            return False
        self._patience_s = min(2 * self._patience_s, LONGEST_SILENCE_S)
        return True
