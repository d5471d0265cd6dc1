# SPDX-License-Identifier: Apache-2.0
"""Token buckets by key in bounded memory.

Each bucket is one number, the time at which it will be full again (the generic cell rate algorithm), so a check is
one dictionary look-up and one comparison. Invariants: at most twice `max_keys` buckets exist; a bucket that was not used
for as long as it takes to fill is forgotten, which changes nothing; forgetting one sooner, because there are too
many, can only make the limit more lenient, and those used last are forgotten last.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable


class Limiter:
    """Allows `burst` events at once and `per_s` a second on average, for each key apart.

    Args:
        burst: most events at once, at least 1.
        per_s: events a second, above 0.
        max_keys: buckets kept in each of two generations; a full generation becomes the old one, and the old one is
            forgotten. That approximates "least recently used" without any work per look-up.
    """

    __slots__ = ("_current", "_interval_s", "_max_keys", "_old", "_rotated_at", "_slack_s")

    def __init__(self, *, burst: float, per_s: float, max_keys: int) -> None:
        if burst < 1 or per_s <= 0 or max_keys < 1:
            raise ValueError("a limiter needs burst >= 1, per_s > 0 and max_keys >= 1")
        self._interval_s = 1.0 / per_s
        self._slack_s = (burst - 1) * self._interval_s + 1e-9
        self._max_keys = max_keys
        self._current: dict[Hashable, float] = {}
        self._old: dict[Hashable, float] = {}
        self._rotated_at = 0.0

    @property
    def fills_in_s(self) -> float:
        """How long an empty bucket takes to be full, in seconds."""
        return self._slack_s + self._interval_s

    def take(self, key: Hashable, now: float, weight: int = 1) -> bool:
        """Take one event of `key`, or one that counts as several, from its bucket.

        False, with nothing taken, when there is not enough in it; a full one has enough for any weight.
        """
        full_at = self._current.get(key)
        if full_at is None:
            full_at = self._promote(key, now)
        if full_at < now:
            full_at = now
        elif full_at - now > self._slack_s - (weight - 1) * self._interval_s:
            return False
        self._current[key] = full_at + weight * self._interval_s
        return True

    def give_back(self, key: Hashable, weight: int = 1) -> None:
        """Put one event of `key`, or one that counted as several, back; a full bucket stays full."""
        full_at = self._current.get(key)
        if full_at is not None:
            self._current[key] = full_at - weight * self._interval_s

    def missing(self, key: Hashable, now: float) -> float:
        """Return how many events were taken from the bucket of `key` and have not come back."""
        full_at = self._current.get(key)
        if full_at is None:
            full_at = self._old.get(key, 0.0)
        return max(0.0, full_at - now) / self._interval_s

    def has(self, key: Hashable, now: float) -> bool:
        """Whether `take` would succeed; takes nothing."""
        full_at = self._current.get(key)
        if full_at is None:
            full_at = self._old.get(key, 0.0)
        return full_at - now <= self._slack_s

    def charge(self, key: Hashable, count: int, now: float, *, owed_s: float = 0.0) -> None:
        """Take events that were counted elsewhere.

        Args:
            key: of the bucket.
            count: how many.
            now: monotonic seconds.
            owed_s: how long an empty bucket may stay empty for events that were more than it held.
        """
        full_at = self._current.get(key)
        if full_at is None:
            full_at = self._promote(key, now)
        charged = max(full_at, now) + count * self._interval_s
        self._current[key] = min(charged, now + self.fills_in_s + owed_s)

    def __len__(self) -> int:
        return len(self._current) + len(self._old)

    def _promote(self, key: Hashable, now: float) -> float:
        """Return the bucket of a key that is not in the current generation, having moved it there."""
        full_at = self._old.pop(key, 0.0)
        if len(self._current) >= self._max_keys or now - self._rotated_at > self._slack_s + self._interval_s:
            self._rotate(now)
        self._current[key] = full_at
        return full_at

    def tidy(self, now: float) -> None:
        """Forget buckets that are full again, of keys that nobody asks for any more; call it once in a while."""
        if len(self) and now - self._rotated_at > self.fills_in_s:
            self._rotate(now)

    def _rotate(self, now: float) -> None:
        self._old = self._current
        self._current = {}
        self._rotated_at = now


class CountingLimiter(Limiter):
    """A limiter that notes what is taken, for others who hold the same limit.

    Args:
        on_first: called when something is taken from a bucket that nothing was noted of; None: nobody waits for it.
    """

    __slots__ = ("_on_first", "taken")

    MOST_NOTED = 5_000
    """Buckets noted between two collections; beyond it the limit holds here alone."""

    def __init__(
        self, *, burst: float, per_s: float, max_keys: int, on_first: Callable[[], None] | None = None
    ) -> None:
        super().__init__(burst=burst, per_s=per_s, max_keys=max_keys)
        self._on_first = on_first
        self.taken: dict[Hashable, int] = {}
        """Events by bucket since the last `collect`."""

    def take(self, key: Hashable, now: float, weight: int = 1) -> bool:
        """Take an event of `key` from its bucket, and note it."""
        if not super().take(key, now, weight):
            return False
        taken = self.taken
        count = taken.get(key)
        if count is not None:
            taken[key] = count + weight
        elif len(taken) < self.MOST_NOTED:
            taken[key] = weight
            if self._on_first is not None:
                self._on_first()
        return True

    def collect(self) -> dict[Hashable, int]:
        """Return what was taken since the last time."""
        taken, self.taken = self.taken, {}
        return taken
