# SPDX-License-Identifier: Apache-2.0
"""How the last run of each periodic job went: what health, `doctor` and a restarted process look at."""

from __future__ import annotations

from django.db import models


class JobRun(models.Model):
    """The last run of one task."""

    NOT_FINISHED = "not finished"
    """The detail of one that runs, or whose worker was killed in it."""

    task = models.CharField(primary_key=True, max_length=100)
    began_at = models.DateTimeField()
    took_s = models.FloatField()
    succeeded = models.BooleanField()
    detail = models.TextField(blank=True, help_text="What it returned, or why it failed.")

    class Meta:
        db_table = "job_runs"

    def __str__(self) -> str:
        return f"{self.task} at {self.began_at:%Y-%m-%d %H:%M:%S}"
