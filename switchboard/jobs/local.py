# SPDX-License-Identifier: Apache-2.0
"""Does the jobs in this process until it is told to stop: Celery, eager, where there is no broker."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections
from django.utils.timezone import localtime

from switchboard.jobs.beat import LocalBeat

log = structlog.get_logger("switchboard.jobs")

DATABASE_RETRY_S: Final = 5.0
LONGEST_SLEEP_S: Final = 60.0
"""The clock may be set while this sleeps."""


def serve(stopping: threading.Event) -> None:
    """Do what is due, again and again, until the event is set."""
    from switchboard.celery import app, quiet

    quiet()
    app.loader.import_default_modules()
    app.finalize()
    entries: list[dict[str, Any]] = list(settings.CELERY_BEAT_SCHEDULE.values())
    beat = LocalBeat({entry["task"]: entry["schedule"] for entry in entries}, _last_runs(stopping))

    def run(name: str) -> None:
        # Eager: an exception is the task's result and is logged by the records.
        app.tasks[name].apply(throw=False)
        connections.close_all()

    while not stopping.is_set():
        beat.run_due(localtime(), run)
        now = localtime()
        stopping.wait(min(max((beat.next_at(now) - now).total_seconds(), 0.05), LONGEST_SLEEP_S))


def _last_runs(stopping: threading.Event) -> dict[str, datetime]:
    """Return when each job began last; the database may start later than this process."""
    from switchboard.jobs import records

    told = False
    while not stopping.is_set():
        try:
            return records.last_runs()
        except DatabaseError as error:
            if not told:
                log.warning("jobs.database_away", error=str(error).partition("\n")[0])
            told = True
            connections.close_all()
            stopping.wait(DATABASE_RETRY_S)
    return {}
