# SPDX-License-Identifier: Apache-2.0
"""Finds one page of calls.

Invariant: a page leaves out no call between its first and its last; what it did not come to lies beyond its ``older`` or
``newer`` cursor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import DEFAULT_DB_ALIAS

from cdrs.models import CDR
from cdrs.search.asker import PATIENT_SCAN_S, SCAN_S, Asker, Find
from cdrs.search.criteria import Search
from cdrs.search.cursor import Cursor

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Calls, newest first, and the places where the next pages begin."""

    calls: list[CDR]
    older: Cursor | None = None
    newer: Cursor | None = None
    searched_to: datetime | None = None
    """Set when the search ended before the page was full: the calls on from there were not looked at yet."""


def find(
    search: Search,
    accounts: frozenset[str] | None,
    cursor: Cursor | None = None,
    *,
    size: int = PAGE_SIZE,
    patient: bool = False,
    using: str = DEFAULT_DB_ALIAS,
) -> Page:
    """Return a page of the calls that meet a search.

    Args:
        search: the conditions.
        accounts: ids of the accounts whose calls may be seen; None for all calls.
        cursor: the place where the page begins; None for the newest calls.
        size: most calls of the page.
        patient: look for up to a second, not for a twentieth.
        using: alias of the database.
    """
    scan_s = PATIENT_SCAN_S if patient else SCAN_S
    found = Asker(search, accounts, cursor, wanted=size + 1, scan_s=scan_s, using=using).find()
    if cursor is not None and cursor.newer:
        if len(found.calls) <= size and found.reached is None:
            return find(search, accounts, size=size, patient=patient, using=using)
        return _newer_page(found, size)
    return _older_page(found, size, cursor)


def _older_page(found: Find, size: int, cursor: Cursor | None) -> Page:
    calls = found.calls[:size]
    full = len(found.calls) > size
    above = (
        Cursor.above(calls[0]) if calls else None if cursor is None else Cursor(cursor.time, cursor.id, True)
    )
    return Page(
        calls=calls,
        older=Cursor.below(calls[-1]) if full else found.reached,
        newer=None if cursor is None else above,
        searched_to=None if full or found.reached is None else found.reached.time,
    )


def _newer_page(found: Find, size: int) -> Page:
    calls = found.calls[:size]
    full = len(found.calls) > size
    below = Cursor.below(calls[0]) if calls else None
    newer = Cursor.above(calls[-1]) if full else found.reached
    calls.reverse()
    return Page(
        calls=calls,
        older=below or (Cursor(newer.time, newer.id) if newer else None),
        newer=newer,
        searched_to=None if full or newer is None else newer.time,
    )
