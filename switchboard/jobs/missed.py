# SPDX-License-Identifier: Apache-2.0
"""Orders the daily jobs that nobody did when they were due: no worker ran, or Redis or the database was away.

Celery's beat knows only what it ordered itself, in a file that a new container has not. Invariant: a job is ordered at most
once an hour, so one that takes long, or whose run cannot be recorded, is not ordered again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from celery.exceptions import OperationalError as BrokerAway
from django.conf import settings
from django.db import Error as DatabaseError
from django.utils.timezone import localtime
from redis.exceptions import RedisError

from switchboard.jobs import records
from switchboard.jobs.schedule import Daily

log = structlog.get_logger("switchboard.jobs")

LATE: Final = timedelta(minutes=10)
"""Until then the job of today may be on its way, or be done just now."""
AGAIN_S: Final = 3600.0

_ordered: dict[str, float] = {}
"""Task → when it was ordered here, by a clock that only rises."""


def overdue(schedule: Mapping[str, Daily], began: Mapping[str, datetime], now: datetime) -> list[str]:
    """Return the tasks that were due a while ago.

    Args:
        schedule: name of a task → when it is due.
        began: when each began last, in the time zone of the schedule; one that is not named never did.
        now: in that time zone.
    """
    return [
        name
        for name, daily in schedule.items()
        if name not in began or daily.next_after(began[name]) + LATE <= now
    ]


def order(send: Callable[..., object]) -> None:
    """Order what is overdue.

    Args:
        send: orders a task by its name; ``expires`` is in seconds.
    """
    entries: list[dict[str, Any]] = list(settings.CELERY_BEAT_SCHEDULE.values())
    schedule = {entry["task"]: entry["schedule"] for entry in entries if isinstance(entry["schedule"], Daily)}
    try:
        began = {name: localtime(moment) for name, moment in records.last_runs().items()}
    except DatabaseError:
        # Whoever records this run tells of it.
        return
    now = time.monotonic()
    for name in overdue(schedule, began, localtime()):
        if now - _ordered.get(name, float("-inf")) <= AGAIN_S:
            continue
        try:
            send(name, expires=AGAIN_S)
        except (BrokerAway, RedisError, OSError):
            # It is told of by the parent; the next sign of life tries again.
            return
        _ordered[name] = now
        log.info("job.missed", task=name)
