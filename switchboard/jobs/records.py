# SPDX-License-Identifier: Apache-2.0
"""Keeps how each periodic job went, wherever it ran: Celery tells of every task that ends, also of eager ones.

Invariant: what is kept is never a reason for a job to fail, and a database that is away is one line of the log, however many
jobs find it so.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from celery.signals import task_postrun, task_prerun
from celery.states import SUCCESS
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils import timezone

from switchboard.database_away import AWAY, outage
from switchboard.jobs.health import HEARTBEAT
from switchboard.jobs.schedule import Every
from switchboard.last_words import database_reason
from switchboard.models import JobRun

log = structlog.get_logger("switchboard.jobs")

DETAIL_CHARACTERS: Final = 500
OFTEN_S: Final = 60.0
"""Jobs that run more often are not recorded: each run would be a write that nobody reads."""

_began: dict[str, float] = {}
"""Task id → when it began, by a clock that only rises."""


def connect() -> None:
    """Record from now on."""
    task_prerun.connect(_begin, dispatch_uid="switchboard.jobs.begin")
    task_postrun.connect(_end, dispatch_uid="switchboard.jobs.end")


def last_runs() -> dict[str, datetime]:
    """Return when each job began last."""
    return dict(JobRun.objects.values_list("task", "began_at"))


def recorded(task: str) -> bool:
    """Return whether the runs of a task are kept: those of periodic jobs that are not all too frequent."""
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        if entry["task"] == task:
            schedule = entry["schedule"]
            return not isinstance(schedule, Every) or schedule.seconds >= OFTEN_S
    return False


def _begin(*, task_id: str, **others: Any) -> None:
    _began[task_id] = time.monotonic()


def _end(*, task_id: str, task: Any, state: str, retval: Any, **others: Any) -> None:
    took_s = time.monotonic() - _began.pop(task_id, time.monotonic())
    succeeded = state == SUCCESS
    if isinstance(retval, AWAY):
        outage.begins(database_reason(retval))
    elif not succeeded:
        log.error("job.failed", task=task.name, error=str(retval), took_s=round(took_s, 3))
    if not recorded(task.name):
        return
    if succeeded and task.name != HEARTBEAT:
        log.info("job.done", task=task.name, result=retval, took_s=round(took_s, 3))
    kept = {
        "began_at": timezone.now() - timedelta(seconds=took_s),
        "took_s": took_s,
        "succeeded": succeeded,
        "detail": "" if retval is None else str(retval)[:DETAIL_CHARACTERS],
    }
    try:
        JobRun.objects.update_or_create(task=task.name, defaults=kept)
    except AWAY as error:
        outage.begins(database_reason(error))
    except DatabaseError as error:
        log.warning("job.not_recorded", task=task.name, error=str(error))
