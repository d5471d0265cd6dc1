# SPDX-License-Identifier: Apache-2.0
"""What became of the calls of the last hour, from the call records of some accounts.

Kept for some seconds for each set of accounts, so that many open pages cost the database one look.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import TruncMinute
from django.utils.text import capfirst
from django.utils.timezone import localtime, now

from accounts.choices import Permission
from accounts.tenancy import Access, scope
from cdrs.models import CDR, Disposition
from cdrs.reasons import in_short
from cdrs.story import tell

MINUTES = 60
KEPT_S = 3.0
FAILURES = 5
_MAX_KEPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """The calls that came within one minute."""

    start: datetime
    calls: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A call that failed, in words."""

    id: str
    when: datetime
    story: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The last hour, oldest minute first; and the newest failures."""

    minutes: tuple[Minute, ...]
    failures: tuple[Failure, ...]

    @property
    def calls(self) -> int:
        """Calls of the hour."""
        return sum(minute.calls for minute in self.minutes)

    @property
    def answered(self) -> int:
        """Calls of the hour that were answered."""
        return sum(minute.answered for minute in self.minutes)

    @property
    def seizure_ratio(self) -> float | None:
        """The answer-seizure ratio in percent; None without a call."""
        return 100 * self.answered / self.calls if self.calls else None

    @property
    def calls_per_minute(self) -> float:
        """Mean of the last five whole minutes."""
        recent = self.minutes[-6:-1]
        return sum(minute.calls for minute in recent) / len(recent)


def history(access: Access) -> History:
    """Return the last hour of the accounts whose call records a person may see."""
    accounts = access.accounts_with(Permission.VIEW_CDRS)
    kept = _kept.get(accounts)
    if kept is not None and time.monotonic() - kept[0] < KEPT_S:
        return kept[1]
    if len(_kept) >= _MAX_KEPT:
        _kept.clear()
    found = _read(access, now())
    _kept[accounts] = (time.monotonic(), found)
    return found


def forget() -> None:
    """Drop what is kept."""
    _kept.clear()


_kept: dict[frozenset[str] | None, tuple[float, History]] = {}


def _read(access: Access, moment: datetime) -> History:
    calls = scope(CDR.objects.order_by(), access, permission=Permission.VIEW_CDRS)
    first = moment.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)
    counted: Any = (
        calls.filter(invite_time__gte=first)
        .annotate(minute=TruncMinute("invite_time"))
        .values("minute")
        .annotate(calls=Count("id"), answered=Count("id", filter=Q(answer_time__isnull=False)))
    )
    by_minute = {row["minute"]: row for row in counted}
    minutes = []
    for number in range(MINUTES):
        start = first + timedelta(minutes=number)
        row = by_minute.get(start, {"calls": 0, "answered": 0})
        minutes.append(Minute(start=start, calls=row["calls"], answered=row["answered"]))
    failed = calls.filter(
        disposition__in=(Disposition.FAILED, Disposition.BUSY, Disposition.NO_ANSWER),
        invite_time__gte=moment - timedelta(days=7),
    )
    newest = failed.order_by("-invite_time", "-id")[:FAILURES]
    return History(minutes=tuple(minutes), failures=tuple(_failure(call) for call in newest))


def _failure(call: CDR) -> Failure:
    status = f" · SIP {call.sip_status}" if call.sip_status else ""
    cause = f"{capfirst(in_short(call))}{status}"
    return Failure(id=str(call.pk), when=localtime(call.invite_time), story=tell(call), cause=cause)
