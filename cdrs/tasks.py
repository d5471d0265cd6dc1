# SPDX-License-Identifier: Apache-2.0
"""What is done for call records every night; ``manage.py cdrs`` does the same by hand."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings

from cdrs import retention, rollup
from cdrs.recordings import retention as recordings


@shared_task(name="cdrs.roll_up")
def roll_up() -> dict[str, int]:
    """Add up the past days that are not added up, and the last few again, for the report page."""
    return {"days": len(rollup.roll_up_missing())}


@shared_task(name="cdrs.prune")
def prune() -> dict[str, int]:
    """Delete calls that are older than ``CDR_RETENTION_DAYS``; 0 keeps them for ever."""
    days = settings.CDR_RETENTION_DAYS
    return {"deleted": retention.prune(days) if days else 0}


@shared_task(name="cdrs.prune_recordings")
def prune_recordings() -> dict[str, int]:
    """Delete recordings that are older than ``RECORDING_RETENTION_DAYS`` with their files; 0 keeps them for ever.

    Files without a row are counted, and deleted when they are that old.
    """
    return recordings.prune(settings.RECORDING_RETENTION_DAYS)._asdict()
