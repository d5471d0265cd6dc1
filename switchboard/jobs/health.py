# SPDX-License-Identifier: Apache-2.0
"""Whether somebody does the periodic jobs, for whoever asks about health.

Invariant: asking costs nothing and waits for nothing. The database is looked at by a thread, never by a request: a
frozen one must not keep a probe waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone

from switchboard.models import JobRun

HEARTBEAT: Final = "switchboard.heartbeat"
SILENT: Final = timedelta(minutes=4)
"""Several signs of life were missed."""
FRESH_S: Final = 5.0
DATABASE_ANSWERS_S: Final = 10.0


def why_silent(runs: Iterable[JobRun], now: datetime) -> str:
    """Return what is wrong when no sign of life came lately, else nothing."""
    heartbeat = next((run for run in runs if run.task == HEARTBEAT), None)
    if heartbeat is None:
        return "no worker has ever done the periodic jobs"
    if now - heartbeat.began_at > SILENT:
        return f"no worker has done the periodic jobs since {heartbeat.began_at:%Y-%m-%d %H:%M:%S} UTC"
    return ""


class JobsHealth:
    """What was seen last, renewed in the background when it is asked for.

    Args:
        look: returns the runs of the jobs; may block, may raise the database's errors.
        monotonic: seconds that only rise.
    """

    def __init__(
        self,
        look: Callable[[], list[JobRun]] = lambda: list(JobRun.objects.all()),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since = monotonic()
        """When this began to be looked at: a worker may start later than who asks."""
        self._seen_at = float("-inf")
        self._looking_since: float | None = None
        self._problems: list[str] = []

    def problems(self) -> list[str]:
        """Return what is wrong, as seen some seconds ago; the first time nothing is known."""
        now = self._monotonic()
        with self._lock:
            looking_since = self._looking_since
            if looking_since is None and now - self._seen_at > FRESH_S:
                self._looking_since = now
                threading.Thread(target=self._renew, name="jobs-health", daemon=True).start()
        if looking_since is not None and now - looking_since > DATABASE_ANSWERS_S:
            return [f"database: no answer for {now - looking_since:.0f} s"]
        return self._problems

    def _renew(self) -> None:
        try:
            problems = self._problems_of(self._look())
        except DatabaseError:
            # Without the reason: whoever asks about health has not logged in.
            problems = ["database: it does not answer"]
        finally:
            connections.close_all()
        with self._lock:
            self._problems = problems
            self._seen_at = self._monotonic()
            self._looking_since = None

    def _problems_of(self, runs: list[JobRun]) -> list[str]:
        problems = [
            f"jobs: {run.task} failed at {run.began_at:%Y-%m-%d %H:%M:%S} UTC"
            for run in runs
            if not run.succeeded
        ]
        silent = why_silent(runs, timezone.now())
        if silent and self._monotonic() - self._since > SILENT.total_seconds():
            problems.insert(0, f"jobs: {silent}")
        return problems


jobs_health = JobsHealth()
"""That of this process."""
