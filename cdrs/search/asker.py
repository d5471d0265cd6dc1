# SPDX-License-Identifier: Apache-2.0
"""Asks the database for the calls of one page, driver by driver, in the order in which the page shows them.

Knows nothing of pages. Invariant: a `Find` holds every call that meets the search up to its last one, or up to where it
was `reached`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connections
from django.db.models import Q, QuerySet

from cdrs.models import CDR
from cdrs.search import drivers as d
from cdrs.search.criteria import Search, all_of
from cdrs.search.cursor import FIRST_ID, LAST_ID, Cursor
from cdrs.search.matching import Meaning, either_number, meaning_of, named, reach, within, without_text

SCAN_S: Final = 0.04
"""Longest time spent on looking at calls that may or may not meet the search; then it takes a click to go on."""
PATIENT_SCAN_S: Final = 1.0
"""The same for someone who clicked."""
FIRST_STEP: Final = 1000
"""Calls looked at in the first step of a scan; the next ones are as long as the time that is left allows."""
GROWTH: Final = 3
"""How much longer a step may be than the one before: what was fast in memory may be slow on disk."""
READ_PER_SORTED: Final = 10
"""How many times can be sorted from an index while one call is read from the table and checked."""
PASSES: Final = 2
"""How often the times of a number are read for a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """Calls in the order in which they are met."""

    calls: list[CDR] = field(default_factory=list)
    reached: Cursor | None = None
    """How far the search came when its time was up; None when there are no more calls, or more than were wanted."""


class Asker:
    """One search for the calls on one side of a place.

    Args:
        search: the conditions.
        accounts: ids of the accounts whose calls may be seen; None for all calls.
        cursor: the place; None for the newest calls.
        wanted: most calls to find.
        scan_s: about the longest time to look for them.
        using: alias of the database.
    """

    def __init__(
        self,
        search: Search,
        accounts: frozenset[str] | None,
        cursor: Cursor | None,
        *,
        wanted: int,
        scan_s: float,
        using: str,
    ) -> None:
        self._search = search
        self._accounts = accounts
        self._cursor = cursor
        self._newer = cursor is not None and cursor.newer
        self._wanted = wanted
        self._scan_s = scan_s
        self._using = using
        self._pins = connections[using].vendor == "postgresql"
        self._calls = CDR.objects.using(using)
        self._scope = within(search, accounts)
        self._range = search.period & (cursor.condition if cursor else Q())

    def find(self) -> Find:
        """Return the calls that are met first."""
        search = self._search
        if reach(search, self._accounts) == frozenset():
            return Find()
        meaning = meaning_of(search, self._accounts, self._calls)
        if meaning is Meaning.CALL_ID:
            found = self._calls.filter(without_text(search, self._accounts) & self._range)
            return Find(calls=list(found.filter(call_id=search.text.strip())))
        if meaning is Meaning.NUMBER:
            return self._by_number(d.number_drivers(search))
        return self._in_order(named(search) if meaning is Meaning.NAME else Q())

    def _by_number(self, sides: list[d.Driver]) -> Find:
        """Return the calls of a number by its own index, or in the order of time where that is likely to be faster."""
        checked = all_of(self._search.conditions.values())
        drivers, others = d.ordered_drivers(self._search, self._accounts, self._using)
        # The index is read from the newest call of the number to the oldest, whatever the place in the list.
        rows = d.estimated(sides, self._scope, self._using)
        met = max(d.estimated(sides, self._scope & self._range & checked, self._using), 1)
        in_order = min(others, self._wanted * others / met) * READ_PER_SORTED
        by_number = PASSES * rows + (min(rows, self._wanted * rows / met) * READ_PER_SORTED if checked else 0)
        if in_order < by_number or rows > d.SORTED_AT_LAST:
            found = self._by(drivers, either_number(self._search))
            if found.reached is None or checked or rows > d.SORTED_AT_LAST:
                return found
        return self._all_of(sides, self._scope, checked)

    def _in_order(self, more: Q) -> Find:
        return self._by(d.ordered_drivers(self._search, self._accounts, self._using)[0], more)

    def _by(self, drivers: list[d.Driver], more: Q) -> Find:
        name = drivers[0].name
        rest = [condition for other, condition in self._search.conditions.items() if other != name]
        if name != "account":
            rest.append(self._scope)
        return self._all_of(drivers, Q(), all_of([*rest, more]))

    def _all_of(self, drivers: list[d.Driver], inside: Q, rest: Q) -> Find:
        """Return what several drivers give in one order, no further than all of them have come.

        Args:
            drivers: what gives the calls.
            inside: what the drivers' indexes answer too.
            rest: what is checked call by call.
        """
        met: dict[object, CDR] = {}
        ends: list[Cursor] = []
        for driver in drivers:
            found = self._scan(driver, inside, rest, self._scan_s / len(drivers))
            met.update((call.pk, call) for call in found.calls)
            if found.reached is not None:
                ends.append(found.reached)
        calls = sorted(met.values(), key=lambda call: (call.invite_time, call.pk), reverse=not self._newer)
        if not ends:
            return Find(calls=calls[: self._wanted])
        nearest = min(ends, key=_place) if self._newer else max(ends, key=_place)
        sure = [call for call in calls if self._is_met_by(call, nearest)]
        return Find(calls=sure[: self._wanted], reached=nearest)

    def _scan(self, driver: d.Driver, inside: Q, rest: Q, time_s: float) -> Find:
        """Return what a driver gives in the order of time, as far as it comes in `time_s`, step by step.

        A step first asks the index alone for the time of its last call, so that the calls are then read from a range
        that holds no more than the step.
        """
        order = driver.order(newer=self._newer, pinned=self._pins)
        driven = self._calls.filter(driver.condition & inside & self._range).order_by(*order)
        if not rest and driver.in_order:
            return Find(calls=list(driven[: self._wanted]))
        calls: list[CDR] = []
        step = FIRST_STEP if rest else self._wanted
        started, place = time.perf_counter(), self._cursor
        while True:
            end = self._end_of(driven, order, step, place)
            bound = Q() if end is None else end.up_to
            calls += driven.filter(bound & rest)[: self._wanted - len(calls)]
            if len(calls) == self._wanted or end is None:
                return Find(calls=calls)
            spent_s = time.perf_counter() - started
            if spent_s >= time_s:
                return Find(calls=calls, reached=end)
            place, driven = end, driven.filter(end.condition)
            step = max(FIRST_STEP, min(step * GROWTH, int(step * (time_s - spent_s) / spent_s)))

    def _end_of(
        self, driven: QuerySet[CDR], order: list[d.Order], step: int, start: Cursor | None
    ) -> Cursor | None:
        """Return the place up to which a step of a scan looks, None when there are no more calls than the step.

        All calls of the last one's time belong to the step: the time is in the index, the id is not. It is read only
        where one time has more calls than the step.
        """
        by_time = driven.order_by(*order[:-1]).values_list("invite_time", flat=True)
        last = next(iter(by_time[step - 1 : step]), None)
        if last is None:
            return None
        if start is not None and last == start.time:
            return Cursor(*driven.values_list("invite_time", "pk")[step - 1], newer=self._newer)
        return Cursor(last, LAST_ID if self._newer else FIRST_ID, self._newer)

    def _is_met_by(self, call: CDR, end: Cursor) -> bool:
        """Return whether a call is met no later than a place."""
        here, there = (call.invite_time, call.pk), _place(end)
        return here <= there if self._newer else here >= there


def _place(cursor: Cursor) -> tuple[datetime, object]:
    return cursor.time, cursor.id
