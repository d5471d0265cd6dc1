# SPDX-License-Identifier: Apache-2.0
"""What is looked for in the calls, as a value: built by a form, by REST or by a link, turned back into a link.

Asks the database nothing. Invariant: `Search(**x).params()` read by the form gives an equal search.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Final

from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import localtime

from cdrs.choices import Quality
from cdrs.models import Recording

_NUMBER: Final = re.compile(r"[+*#0-9][*#0-9 ()./-]*")
_SEPARATORS: Final = str.maketrans("", "", " ()./-")
COLUMNS: Final = {
    "disposition": "disposition",
    "cause": "hangup_cause",
    "route": "route_id",
    "node": "signaling_server",
}
"""Condition → column, of those that ask for one value."""
_PARAMETERS: Final = {
    "q": "text",
    "from": "since",
    "to": "until",
    **{name: name for name in (*COLUMNS, "status", "quality", "account", "weekday", "hour", "recorded")},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Conditions that a call has to meet, all of them; an empty one asks for nothing."""

    text: str = ""
    """A number or how it begins, a SIP Call-ID, or a part of a name."""
    exact: bool = False
    """Whether a number has to be the whole one."""
    since: datetime | None = None
    """Calls that started then or later."""
    until: datetime | None = None
    """Calls that started before then."""
    disposition: str = ""
    cause: str = ""
    status: int | None = None
    """Final SIP status that the caller got; 0: none."""
    route: str = ""
    """Id of the dialplan's route."""
    node: str = ""
    """Signaling node."""
    quality: str = ""
    account: str = ""
    weekday: int | None = None
    """0 for Monday to 6 for Sunday, in the current time zone."""
    hour: int | None = None
    """0 to 23, in the current time zone."""
    recorded: bool | None = None
    """Whether there is a recording of the call."""
    min_mos: float | None = None
    """Calls that were measured and sounded at least like this; asked for by REST, not by links."""
    max_mos: float | None = None
    """Calls that were measured and sounded at most like this; asked for by REST, not by links."""

    @property
    def number(self) -> str:
        """The text as a number without separators, empty when it does not look like one."""
        text = self.text.strip()
        return text.translate(_SEPARATORS) if _NUMBER.fullmatch(text) else ""

    @property
    def is_empty(self) -> bool:
        """Whether every call meets it."""
        return self == Search(exact=self.exact)

    def but(self, **changes: object) -> Search:
        """Return the search with some conditions changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def params(self) -> dict[str, str]:
        """Return the conditions as parameters of a link."""
        values = {name: getattr(self, field) for name, field in _PARAMETERS.items()}
        params = {name: _written(value) for name, value in values.items() if value not in ("", None)}
        return {**params, "match": "exact"} if self.exact and self.text else params

    @property
    def period(self) -> Q:
        """The calls that started in the time asked for."""
        wanted = Q()
        if self.since is not None:
            wanted &= Q(invite_time__gte=self.since)
        if self.until is not None:
            wanted &= Q(invite_time__lt=self.until)
        return wanted

    @property
    def conditions(self) -> dict[str, Q]:
        """The conditions other than text, time and account, by name."""
        found = {
            name: Q(**{column: value}) for name, column in COLUMNS.items() if (value := getattr(self, name))
        }
        if self.status is not None:
            found["status"] = Q(sip_status=self.status or None)
        if self.quality:
            found["quality"] = Quality(self.quality).condition
        if self.weekday is not None:
            found["weekday"] = Q(invite_time__iso_week_day=self.weekday + 1)
        if self.hour is not None:
            found["hour"] = Q(invite_time__hour=self.hour)
        if self.recorded is not None:
            known = Q(Exists(Recording.objects.filter(cdr=OuterRef("pk"))))
            found["recorded"] = known if self.recorded else ~known
        if self.min_mos is not None:
            found["min_mos"] = Q(mos_score__gte=self.min_mos)
        if self.max_mos is not None:
            found["max_mos"] = Q(mos_score__lte=self.max_mos)
        return found


def all_of(conditions: Iterable[Q]) -> Q:
    """Return the calls that meet every condition."""
    return reduce(and_, conditions, Q())


def _written(value: object) -> str:
    if isinstance(value, datetime):
        return localtime(value).replace(tzinfo=None).isoformat(timespec="auto")
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
