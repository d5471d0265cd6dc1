# SPDX-License-Identifier: Apache-2.0
"""Chooses how a search is answered: which index gives calls in the order of time, and what is checked call by call.

A driver is a condition with an index of its own that ends in the start of the call; reading that index backwards gives
the newest calls first, for any value. Of several the one with the fewest calls drives; PostgreSQL's statistics tell
which. A number drives without order: the times of its calls are sorted, which needs the index alone and is cheap as
long as they are not too many.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from django.db import connections
from django.db.models import DateTimeField, ExpressionWrapper, F, Q, QuerySet, Value
from django.db.models.expressions import Combinable

from cdrs.choices import Disposition, Quality
from cdrs.models import CDR
from cdrs.search.criteria import COLUMNS, Search
from cdrs.search.matching import SIDES, number_of, reach

MAX_ACCOUNTS: Final = 8
"""Someone with more accounts is served from the order of time alone, each account not by its own."""
SORTED_AT_LAST: Final = 300_000
"""Most calls of a number whose times are sorted for a page."""

_COMMON: Final = {"cause": "normal", "disposition": Disposition.ANSWERED}
"""Values that are not in the index of their column."""
_RAREST_FIRST: Final = ("cause", "route", "node", "disposition")


Order = Combinable | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A condition that one index answers, and the columns in front of the time in that index."""

    name: str
    """The search's condition that it answers."""
    condition: Q = field(default_factory=Q)
    columns: tuple[str, ...] = ()
    in_order: bool = True
    """Whether the index gives its calls in the order of time."""

    def order(self, *, newer: bool, pinned: bool) -> list[Order]:
        """Return the ORDER BY, from the page outwards, that leaves the planner no other index than this driver's.

        Args:
            newer: whether the page grows towards newer calls.
            pinned: whether an expression is to keep the planner from another index where the columns cannot.
        """
        sign, opposite = ("", "-") if newer else ("-", "")
        if self.in_order or not pinned:
            # The leading columns have one value each; an index without them would not be in this order.
            return [*(f"{opposite}{column}" for column in self.columns), f"{sign}invite_time", f"{sign}pk"]
        # Read by the index of the time, in the hope to meet the number soon, this might read the whole table.
        moved = ExpressionWrapper(F("invite_time") + Value(timedelta(0)), output_field=DateTimeField())
        return [moved.asc() if newer else moved.desc(), f"{sign}pk"]


BY_TIME: Final = Driver(name="time")


def number_drivers(search: Search) -> list[Driver]:
    """Return the drivers of the two sides that a number may stand on."""
    return [Driver(name=side, condition=number_of(search, side), in_order=False) for side in SIDES]


def ordered_drivers(search: Search, accounts: frozenset[str] | None, using: str) -> tuple[list[Driver], int]:
    """Return the drivers that together give the search's calls in the order of time, and about how many they give.

    There is one driver, or one for each account. The number is 0 when there is no choice.
    """
    candidates = [[driver] for driver in _conditions(search)]
    reached = reach(search, accounts)
    if reached is not None and len(reached) <= MAX_ACCOUNTS:
        candidates.append([_exactly("account", "account_id", account) for account in sorted(reached)])
    if len(candidates) < 2 and not search.text:
        return candidates[0] if candidates else [BY_TIME], 0
    counted = [(estimated(drivers, search.period, using), n) for n, drivers in enumerate(candidates)]
    rows, best = min(counted, default=(estimated([BY_TIME], search.period, using), -1))
    return candidates[best] if candidates else [BY_TIME], rows


def estimated(drivers: Iterable[Driver], more: Q, using: str) -> int:
    """Return about how many calls the drivers give together; 0 when the database keeps no statistics."""
    if connections[using].vendor != "postgresql":
        return 0
    return sum(plan_rows(CDR.objects.using(using).filter(driver.condition & more)) for driver in drivers)


def plan_rows(queryset: QuerySet[CDR]) -> int:
    """Return about how many rows PostgreSQL expects of a query."""
    plan = queryset.order_by().values("pk").explain(format="json")
    return int(json.loads(plan)[0]["Plan"]["Plan Rows"])


def _conditions(search: Search) -> list[Driver]:
    """Return the conditions that have an index of their own, the one that is most often the rarest first."""
    found = []
    if search.quality in (Quality.POOR, Quality.FAIR):
        found.append(Driver(name="quality", condition=Quality(search.quality).condition))
    for name in _RAREST_FIRST:
        value = getattr(search, name)
        if value and value != _COMMON.get(name):
            found.append(_exactly(name, COLUMNS[name], value))
    return found


def _exactly(name: str, column: str, value: str) -> Driver:
    """Return the driver of a column with one value, written as a range; see `Driver.order`."""
    return Driver(
        name=name,
        condition=Q(**{f"{column}__gte": value, f"{column}__lte": value}),
        columns=(column,),
    )
