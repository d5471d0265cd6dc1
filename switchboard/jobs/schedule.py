# SPDX-License-Identifier: Apache-2.0
"""When a job is due. Knows neither Celery nor Django, so that the settings can name times at no cost.

Invariant: `next_after` is later than the moment it is given, and says the same for the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again."""

    seconds: float

    def next_after(self, moment: datetime) -> datetime:
        """Return when the job is due after it began at `moment`."""
        return moment + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Daily:
    """Once a day, at a time of the moment's own time zone."""

    hour: int
    minute: int

    def next_after(self, moment: datetime) -> datetime:
        """Return when the job is due after it began at `moment`."""
        today = moment.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        return today if today > moment else today + timedelta(days=1)


Schedule = Every | Daily
