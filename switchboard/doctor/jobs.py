# SPDX-License-Identifier: Apache-2.0
"""Check of the periodic jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import Error as DatabaseError
from django.utils import timezone

from switchboard.doctor.findings import Finding, failure, fine, warning
from switchboard.jobs.health import HEARTBEAT, why_silent, why_unfinished
from switchboard.models import JobRun


def jobs(settings: Any) -> Iterator[Finding]:
    """Somebody does the periodic jobs, and none fails."""
    started_by = "start the ui role" if settings.UI_RUNS_JOBS else "start: manage.py runjobs"
    try:
        runs = list(JobRun.objects.order_by("task"))
    except DatabaseError:
        # The check of the database says so.
        return
    now = timezone.now()
    if silent := why_silent(runs, now):
        yield warning(
            "jobs", silent, f"{started_by}; it does roll-ups, retention and the conversion of prompts"
        )
    else:
        yield fine("jobs", f"done by {next(run.detail for run in runs if run.task == HEARTBEAT)}")
    for run in runs:
        if not run.succeeded:
            yield failure("jobs", f"{run.task} failed: {run.detail}", "see the log of the worker")
        elif unfinished := why_unfinished(run, now):
            yield warning("jobs", unfinished, "see whether its worker was killed, for want of memory say")
