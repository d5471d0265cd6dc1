# SPDX-License-Identifier: Apache-2.0
"""The figures of some calls: sums that can be added up over days and accounts, and what follows from them.

Pure: no Django, no clock. Invariant: the figures of two sets of calls without a common one, added, are those of both;
`peak` alone is only the larger one, which is right for sets that lie after each other in time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Self

HOURS = 24


@dataclass(slots=True, kw_only=True)
class Figures:
    """Sums over calls. Times are seconds."""

    calls: int = 0
    answered: int = 0
    talk_s: float = 0.0
    delay_s: float = 0.0
    """Sum of the post-dial delays, from the INVITE to the first sign from the other side."""
    delayed: int = 0
    """Calls that have a post-dial delay."""
    mos_sum: float = 0.0
    mos_calls: int = 0
    peak: int = 0
    """Most calls at once; 0 when it was not looked at."""
    by_disposition: Counter[str] = field(default_factory=Counter)
    by_cause: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)
    """By cause and SIP status, such as ``unavailable 404``; days that were kept by an earlier version have none."""
    by_quality: Counter[str] = field(default_factory=Counter)
    by_hour: list[int] = field(default_factory=lambda: [0] * HOURS)
    """Calls that started in each hour of the day."""

    def add(self, other: Figures) -> None:
        """Add the figures of other calls."""
        for name in ("calls", "answered", "talk_s", "delay_s", "delayed", "mos_sum", "mos_calls"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.peak = max(self.peak, other.peak)
        self.by_disposition.update(other.by_disposition)
        self.by_cause.update(other.by_cause)
        self.by_reason.update(other.by_reason)
        self.by_quality.update(other.by_quality)
        self.by_hour = [mine + more for mine, more in zip(self.by_hour, other.by_hour, strict=True)]

    @property
    def answer_seizure_ratio(self) -> float | None:
        """Answered calls of all calls, 0 to 1 (ASR, ITU-T E.411); None without calls."""
        return self.answered / self.calls if self.calls else None

    @property
    def average_duration_s(self) -> float | None:
        """Mean time from answer to end of an answered call (ACD); None without one."""
        return self.talk_s / self.answered if self.answered else None

    @property
    def average_delay_s(self) -> float | None:
        """Mean post-dial delay; None when no call has one."""
        return self.delay_s / self.delayed if self.delayed else None

    @property
    def average_mos(self) -> float | None:
        """Mean of the estimated mean opinion scores; None when none was measured."""
        return self.mos_sum / self.mos_calls if self.mos_calls else None

    @property
    def reasons(self) -> dict[tuple[str, int | None], int]:
        """How many calls ended by which cause with which SIP status; None where that was none, or is not known."""
        found: Counter[tuple[str, int | None]] = Counter(
            {(cause, None): n for cause, n in self.by_cause.items()}
        )
        for key, calls in self.by_reason.items():
            cause, _, status = key.partition(" ")
            found[cause, int(status)] += calls
            found[cause, None] -= calls
        return {reason: calls for reason, calls in found.items() if calls > 0}

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON holds them."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Return the figures that `to_json` gave; of a later version's, those that are known here."""
        known = {f.name for f in fields(cls)}
        made = cls(**{name: value for name, value in values.items() if name in known})
        for name in ("by_disposition", "by_cause", "by_reason", "by_quality"):
            setattr(made, name, Counter(getattr(made, name)))
        return made
