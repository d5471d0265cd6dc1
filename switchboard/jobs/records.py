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
from switchboard.jobs.schedule import Daily, Every, Schedule
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
    schedule = _schedule_of(task)
    return schedule is not None and (not isinstance(schedule, Every) or schedule.seconds >= OFTEN_S)


def _schedule_of(task: str) -> Schedule | None:
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        if entry["task"] == task:
            schedule: Schedule = entry["schedule"]
            return schedule
    return None


def _begin(*, task_id: str, task: Any, **others: Any) -> None:
    _began[task_id] = time.monotonic()
    if isinstance(_schedule_of(task.name), Daily):
        # One that runs, or whose worker was killed in it, must not count as missed: it would be ordered beside itself, or
        # would kill each worker anew.
        begun = {
            "began_at": timezone.now(),
            "took_s": 0.0,
            "succeeded": True,
            "detail": JobRun.NOT_FINISHED,
        }
        _keep(task.name, begun)


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
    _keep(task.name, kept)


def _keep(task: str, run: dict[str, Any]) -> None:
    try:
        JobRun.objects.update_or_create(task=task, defaults=run)
    except AWAY as error:
        outage.begins(database_reason(error))
    except DatabaseError as error:
        log.warning("job.not_recorded", task=task, error=str(error))
