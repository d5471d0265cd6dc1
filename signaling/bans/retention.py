# SPDX-License-Identifier: Apache-2.0
"""Forgets bans that ended long ago, and what is known of their changes. Invariant: one in force stays."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from signaling.bans.row import Ban

BATCH = 1000


def prune(keep_days: int, now: datetime) -> int:
    """Delete bans that ended more than `keep_days` days before `now`; return how many.

    Raises:
        ValueError: less than one day is to be kept.
    """
    if keep_days < 1:
        raise ValueError("bans that ended are kept for at least one day")
    old = Ban._base_manager.filter(expires_at__lt=now - timedelta(days=keep_days))
    deleted = 0
    while keys := list(old.values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            # Not by the collector: no node needs to read again, and nobody's change is to be noted.
            Ban.history.filter(id__in=keys).delete()
            deleted += Ban._base_manager.filter(pk__in=keys)._raw_delete(using=old.db)
    return deleted
