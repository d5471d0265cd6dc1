# SPDX-License-Identifier: Apache-2.0
"""Whether somebody does the periodic jobs, for whoever asks about health.

Invariant: who asks waits for half a second at most. The database is looked at by a thread, never by a request: a
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

from switchboard.database_away import AWAY, outage
from switchboard.last_words import database_reason
from switchboard.models import JobRun

HEARTBEAT: Final = "switchboard.heartbeat"
SILENT: Final = timedelta(minutes=4)
"""Several signs of life were missed."""
LONG: Final = timedelta(hours=6)
"""A job that has not finished by then was probably killed in it."""
FRESH_S: Final = 5.0
PATIENCE_S: Final = 0.5
"""How long somebody who asks waits for a look: what was seen before may be old, and at first there is nothing."""
DATABASE_ANSWERS_S: Final = 10.0


def why_silent(runs: Iterable[JobRun], now: datetime) -> str:
    """Return what is wrong when no sign of life came lately, else nothing."""
    heartbeat = next((run for run in runs if run.task == HEARTBEAT), None)
    if heartbeat is None:
        return "no worker has ever done the periodic jobs"
    if now - heartbeat.began_at > SILENT:
        return f"no worker has done the periodic jobs since {heartbeat.began_at:%Y-%m-%d %H:%M:%S} UTC"
    return ""


def why_unfinished(run: JobRun, now: datetime) -> str:
    """Return what is wrong when a job began long ago and has not finished, else nothing."""
    if run.detail != JobRun.NOT_FINISHED or now - run.began_at <= LONG:
        return ""
    return f"{run.task} began at {run.began_at:%Y-%m-%d %H:%M:%S} UTC and did not finish"


class JobsHealth:
    """What is seen when it is asked for, or was seen some seconds ago.

    Args:
        look: returns the runs of the jobs; may block, may raise the database's errors.
        monotonic: seconds that only rise.
        patience_s: how long somebody who asks waits for it.
    """

    def __init__(
        self,
        look: Callable[[], list[JobRun]] = lambda: list(JobRun.objects.all()),
        monotonic: Callable[[], float] = time.monotonic,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._look = look
        self._monotonic = monotonic
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._looked = threading.Event()
        self._since = monotonic()
        """When this began to be looked at: a worker may start later than who asks."""
        self._seen_at = float("-inf")
        self._looking_since: float | None = None
        self._problems: list[str] = []

    def problems(self) -> list[str]:
        """Return what is wrong: as it is now, or as it was last seen when a look takes long."""
        now = self._monotonic()
        with self._lock:
            if self._looking_since is None and now - self._seen_at > FRESH_S:
                self._looking_since = now
                self._looked.clear()
                threading.Thread(target=self._renew, name="jobs-health", daemon=True).start()
        self._looked.wait(self._patience_s)
        looking_since = self._looking_since
        if looking_since is not None and now - looking_since > DATABASE_ANSWERS_S:
            return [f"database: no answer for {now - looking_since:.0f} s"]
        return self._problems

    def _renew(self) -> None:
        try:
            problems = self._problems_of(self._look())
        except AWAY as error:
            # Without the reason: whoever asks about health has not logged in. The log has it.
            outage.begins(database_reason(error))
            problems = ["database: it does not answer"]
        except DatabaseError:
            problems = ["database: its tables cannot be read; run manage.py migrate"]
        finally:
            connections.close_all()
        with self._lock:
            self._problems = problems
            self._seen_at = self._monotonic()
            self._looking_since = None
        self._looked.set()

    def _problems_of(self, runs: list[JobRun]) -> list[str]:
        problems = [
            f"jobs: {run.task} failed at {run.began_at:%Y-%m-%d %H:%M:%S} UTC"
            for run in runs
            if not run.succeeded
        ]
        now = timezone.now()
        problems += [f"jobs: {why}" for run in runs if (why := why_unfinished(run, now))]
        silent = why_silent(runs, now)
        if silent and self._monotonic() - self._since > SILENT.total_seconds():
            problems.insert(0, f"jobs: {silent}")
        return problems


jobs_health = JobsHealth()
"""That of this process."""
