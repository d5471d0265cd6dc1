# SPDX-License-Identifier: Apache-2.0
"""Adds up the figures of the calls of some days in the database, in one query.

Days and hours are those of the current time zone. Invariant: a call counts on the day on which it started.
"""

from __future__ import annotations

import heapq
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Case, Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, ExtractHour, TruncDate
from django.utils.timezone import make_aware

from cdrs.choices import Disposition, Quality
from cdrs.figures import Figures
from cdrs.models import CDR

LONGEST_CALL: Final = timedelta(hours=4)
"""How long before midnight a call may have started to count among those at once after it (MAX_CALL_S)."""
_BAND: Final = Case(*(When(band.condition, then=Value(band.value)) for band in Quality))
_DELAY: Final = ExpressionWrapper(
    Coalesce("ring_time", "answer_time") - F("invite_time"), output_field=DurationField()
)


def midnight(day: date) -> datetime:
    """Return the moment at which a day begins."""
    return make_aware(datetime.combine(day, time.min))


def of_accounts(calls: QuerySet[CDR], accounts: frozenset[str] | None) -> QuerySet[CDR]:
    """Return the calls of the accounts with these ids; None for all."""
    return calls if accounts is None else calls.filter(Q(account__in=accounts))


def started_in(calls: QuerySet[CDR], first: date, last: date) -> QuerySet[CDR]:
    """Return the calls that started on the days from ``first`` to ``last``, both included."""
    return calls.filter(invite_time__gte=midnight(first), invite_time__lt=midnight(last + timedelta(days=1)))


def by_day(calls: QuerySet[CDR]) -> dict[date, Figures]:
    """Return the figures of some calls by the day on which they started."""
    found: dict[date, Figures] = defaultdict(Figures)
    for group in _groups(calls, "day"):
        _count(found[group["day"]], group)
    return dict(found)


def by_account(calls: QuerySet[CDR]) -> dict[uuid.UUID | None, Figures]:
    """Return the figures of some calls by account; under None those of all of them."""
    found: dict[uuid.UUID | None, Figures] = defaultdict(Figures)
    found[None] = Figures()
    for group in _groups(calls, "account_id"):
        for key in {None, group["account_id"]}:
            _count(found[key], group)
    return dict(found)


def _groups(calls: QuerySet[CDR], key: str) -> Any:
    keyed = calls.annotate(day=TruncDate("invite_time")) if key == "day" else calls
    grouped = keyed.annotate(hour=ExtractHour("invite_time"), band=_BAND).order_by()
    return grouped.values(key, "hour", "disposition", "hangup_cause", "sip_status", "band").annotate(
        calls=Count("pk"),
        answered=Count("pk", filter=Q(disposition=Disposition.ANSWERED)),
        talked=Sum("duration_seconds"),
        waited=Sum(_DELAY),
        delayed=Count(_DELAY),
        scores=Sum("mos_score"),
        scored=Count("mos_score"),
    )


def _count(figures: Figures, group: dict[str, Any]) -> None:
    """Add a group of calls that are alike."""
    calls = group["calls"]
    figures.calls += calls
    figures.answered += group["answered"]
    figures.talk_s += group["talked"] or 0.0
    figures.delay_s += group["waited"].total_seconds() if group["waited"] else 0.0
    figures.delayed += group["delayed"]
    figures.mos_sum += group["scores"] or 0.0
    figures.mos_calls += group["scored"]
    figures.by_disposition[group["disposition"]] += calls
    figures.by_cause[group["hangup_cause"]] += calls
    if group["sip_status"]:
        figures.by_reason[f"{group['hangup_cause']} {group['sip_status']}"] += calls
    figures.by_quality[group["band"]] += calls
    figures.by_hour[group["hour"]] += calls


def peaks(calls: QuerySet[CDR], first: date, last: date) -> dict[uuid.UUID | None, int]:
    """Return the most calls at once on some days, by account and, under None, of all; reads each call once."""
    begin, end = midnight(first), midnight(last + timedelta(days=1))
    up = calls.filter(invite_time__gte=begin - LONGEST_CALL, invite_time__lt=end, end_time__gte=begin)
    times = up.order_by("invite_time").values_list("account_id", "invite_time", "end_time")
    return most_at_once(times.iterator(chunk_size=5000))


def most_at_once(
    calls: Iterator[tuple[uuid.UUID | None, datetime, datetime]],
) -> dict[uuid.UUID | None, int]:
    """Return the most calls at once by account and, under None, of all.

    Args:
        calls: account, start and end, in the order of the start.
    """
    ends: dict[uuid.UUID | None, list[datetime]] = defaultdict(list)
    most: dict[uuid.UUID | None, int] = defaultdict(int)
    for account, start, end in calls:
        for key in {None, account}:
            heap = ends[key]
            while heap and heap[0] <= start:
                heapq.heappop(heap)
            heapq.heappush(heap, end)
            most[key] = max(most[key], len(heap))
    return dict(most)
