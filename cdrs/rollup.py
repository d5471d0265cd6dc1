# SPDX-License-Identifier: Apache-2.0
"""Keeps the figures of past days, so that a report over a year reads some hundred rows and not millions of calls.

Invariant: a kept day says what its calls say. Whoever stores a call of a past day forgets what is kept of that day; it
is added up from the calls until the next `roll_up`. A sealed day, whose calls were pruned, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Max, Min, Q, QuerySet
from django.utils.timezone import localdate, localtime

from cdrs import aggregate
from cdrs.figures import Figures
from cdrs.models import CDR, DailyRollup

LATE_DAYS = 3
"""How far back `roll_up_missing` always adds up again."""


def roll_up(day: date, *, using: str = DEFAULT_DB_ALIAS) -> int:
    """Add up the calls of a past day and keep the figures, in place of those kept before; return the calls.

    Does nothing for a sealed day.

    Raises:
        ValueError: the day is not over.
    """
    if day >= localdate():
        raise ValueError(f"{day} is not over")
    calls = CDR.objects.using(using)
    with transaction.atomic(using=using):
        kept = DailyRollup.objects.using(using).select_for_update().filter(day=day)
        if any(row.sealed for row in kept):
            return 0
        figures = aggregate.by_account(aggregate.started_in(calls, day, day))
        for account, peak in aggregate.peaks(calls, day, day).items():
            figures.setdefault(account, Figures()).peak = peak
        kept.delete()
        DailyRollup.objects.using(using).bulk_create(
            DailyRollup(day=day, account_id=account, figures=sums.to_json())
            for account, sums in figures.items()
        )
    return figures[None].calls


def roll_up_missing(*, using: str = DEFAULT_DB_ALIAS) -> list[date]:
    """Keep every past day that has calls and is not kept, and the last few again; return those days."""
    days = days_with_calls(using=using)
    if not days:
        return []
    # Those that an earlier version kept lack the reasons.
    current = _totals(using).filter(Q(sealed=True) | Q(figures__has_key="by_reason"))
    kept = set(current.filter(day__gte=days[0]).values_list("day", flat=True))
    recent = localdate() - timedelta(days=LATE_DAYS)
    wanted = [day for day in days if day < localdate() and (day not in kept or day >= recent)]
    for day in wanted:
        roll_up(day, using=using)
    return wanted


def days_with_calls(*, using: str = DEFAULT_DB_ALIAS) -> list[date]:
    """Return every day from that of the first call to that of the last one."""
    ends = CDR.objects.using(using).aggregate(first=Min("invite_time"), last=Max("invite_time"))
    if ends["first"] is None:
        return []
    first, last = localtime(ends["first"]).date(), localtime(ends["last"]).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def forget(days: Iterable[date], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Drop what is kept of some days, because a call was stored that started on them."""
    DailyRollup.objects.using(using).filter(day__in=list(days), sealed=False).delete()


def past_days(times: Iterable[float]) -> set[date]:
    """Return the days before today on which calls started at some of these times (seconds since the epoch)."""
    today = aggregate.midnight(localdate()).timestamp()
    return {localtime(datetime.fromtimestamp(at, UTC)).date() for at in times if at < today}


def seal(day: date, *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Keep a day's figures for good, because its calls are about to be deleted."""
    if not _totals(using).filter(day=day).exists():
        roll_up(day, using=using)
    DailyRollup.objects.using(using).filter(day=day).update(sealed=True)


def figures_of(
    first: date, last: date, accounts: frozenset[str] | None, *, using: str = DEFAULT_DB_ALIAS
) -> dict[date, Figures]:
    """Return the figures of each day from ``first`` to ``last`` that has any.

    Args:
        first: the first day.
        last: the last day, included.
        accounts: ids of the accounts whose calls count; None for all calls.
        using: alias of the database.
    """
    kept_days = set(_totals(using).filter(day__range=(first, last)).values_list("day", flat=True))
    found = _kept(first, last, accounts, using)
    calls = aggregate.of_accounts(CDR.objects.using(using).all(), accounts)
    for begin, end in _gaps(first, last, kept_days):
        found |= aggregate.by_day(aggregate.started_in(calls, begin, end))
    return found


def _kept(first: date, last: date, accounts: frozenset[str] | None, using: str) -> dict[date, Figures]:
    rows = DailyRollup.objects.using(using).filter(day__range=(first, last))
    rows = rows.filter(Q(account__isnull=True) if accounts is None else Q(account__in=accounts))
    found: dict[date, Figures] = {}
    for row in rows:
        found.setdefault(row.day, Figures()).add(Figures.from_json(row.figures))
    return found


def _gaps(first: date, last: date, kept: set[date]) -> list[tuple[date, date]]:
    """Return the days that are not kept as pairs of a first and a last day."""
    gaps: list[tuple[date, date]] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day in kept:
            continue
        if gaps and gaps[-1][1] == day - timedelta(days=1):
            gaps[-1] = (gaps[-1][0], day)
        else:
            gaps.append((day, day))
    return gaps


def _totals(using: str) -> QuerySet[DailyRollup]:
    return DailyRollup.objects.using(using).filter(account__isnull=True)
