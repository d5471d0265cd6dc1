# SPDX-License-Identifier: Apache-2.0
"""Celery's beat and worker in one, for a machine without a broker: does each job when it is due, one after the other.

It must not know what the jobs do. Invariant: a job that was due while nothing ran is done once at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from switchboard.jobs.schedule import Schedule


class LocalBeat:
    """Knows when each job began last, and so what is due.

    Args:
        schedule: name of a task → when it is due.
        began: when each began last; one that is not named never did.
    """

    def __init__(self, schedule: Mapping[str, Schedule], began: Mapping[str, datetime]) -> None:
        self._schedule = schedule
        self._began = dict(began)

    def due(self, now: datetime) -> list[str]:
        """Return the tasks that are due."""
        return [name for name in self._schedule if self._due_at(name, now) <= now]

    def run_due(self, now: datetime, run: Callable[[str], object]) -> int:
        """Run what is due; return how many that were. A job that fails is due again at its next time."""
        names = self.due(now)
        for name in names:
            self._began[name] = now
            run(name)
        return len(names)

    def next_at(self, now: datetime) -> datetime:
        """Return when the next job is due."""
        return min((self._due_at(name, now) for name in self._schedule), default=now)

    def _due_at(self, name: str, now: datetime) -> datetime:
        began = self._began.get(name)
        # A clock that was set back must not keep a job waiting until it has caught up.
        return now if began is None or began > now else self._schedule[name].next_after(began)
