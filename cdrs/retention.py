# SPDX-License-Identifier: Apache-2.0
"""Deletes the calls of days that are older than they are kept. The figures of these days stay.

Invariant: calls are deleted by whole days, and only after the figures of the day were sealed.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from django.db import DEFAULT_DB_ALIAS
from django.utils.timezone import localdate

from cdrs import rollup
from cdrs.aggregate import midnight, started_in
from cdrs.models import CDR

BATCH: Final = 5000
"""Calls deleted in one transaction, so that writers never wait long."""


def prune(keep_days: int, *, using: str = DEFAULT_DB_ALIAS) -> int:
    """Delete the calls that started more than `keep_days` whole days ago; return how many.

    Raises:
        ValueError: less than one day is to be kept.
    """
    if keep_days < 1:
        raise ValueError("at least the calls of one day are kept")
    oldest_kept = localdate() - timedelta(days=keep_days)
    deleted = 0
    while (day := _oldest_day(oldest_kept, using)) is not None:
        rollup.seal(day, using=using)
        deleted += _delete_day(day, using)
    return deleted


def _oldest_day(oldest_kept: date, using: str) -> date | None:
    old = CDR.objects.using(using).filter(invite_time__lt=midnight(oldest_kept))
    first = old.order_by("invite_time").values_list("invite_time", flat=True).first()
    return None if first is None else localdate(first)


def _delete_day(day: date, using: str) -> int:
    deleted = 0
    calls = started_in(CDR.objects.using(using), day, day)
    while keys := list(calls.order_by("invite_time").values_list("pk", flat=True)[:BATCH]):
        # Not by the collector: nothing refers to a call.
        deleted += CDR.objects.using(using).filter(pk__in=keys)._raw_delete(using)
    return deleted
