# SPDX-License-Identifier: Apache-2.0
"""What a search means in the database: which calls meet it, and what its text is.

A text is a SIP Call-ID when a call has it; else a number when it looks like one or a call has a number that begins so;
else a part of a name. That holds for the whole search, whatever page of it is shown.
"""

from __future__ import annotations

from enum import StrEnum

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q, QuerySet

from cdrs.models import CDR
from cdrs.search import lookups  # noqa: F401 - registers the lookup `begins`
from cdrs.search.criteria import Search, all_of

SIDES = ("caller_number", "callee_number")


class Meaning(StrEnum):
    """What the text of a search is."""

    NOTHING = "nothing"
    CALL_ID = "call_id"
    NUMBER = "number"
    NAME = "name"


def matching(
    search: Search, accounts: frozenset[str] | None, *, using: str = DEFAULT_DB_ALIAS
) -> QuerySet[CDR]:
    """Return all calls that meet a search, newest first, for what needs all of them.

    Args:
        search: the conditions.
        accounts: ids of the accounts whose calls may be seen; None for all calls.
        using: alias of the database.
    """
    calls = CDR.objects.using(using)
    text = {
        Meaning.NOTHING: Q(),
        Meaning.CALL_ID: Q(call_id=search.text.strip()),
        Meaning.NUMBER: either_number(search),
        Meaning.NAME: named(search),
    }[meaning_of(search, accounts, calls)]
    return calls.filter(without_text(search, accounts) & text).order_by("-invite_time", "-pk")


def meaning_of(search: Search, accounts: frozenset[str] | None, calls: QuerySet[CDR]) -> Meaning:
    """Return what the text of a search is; costs a few look-ups in indexes."""
    text = search.text.strip()
    if not text:
        return Meaning.NOTHING
    if calls.filter(without_text(search, accounts), call_id=text).exists():
        return Meaning.CALL_ID
    if search.number:
        return Meaning.NUMBER
    seen = calls.filter(within(search, accounts))
    is_number = any(seen.filter(number_of(search, side)).exists() for side in SIDES)
    return Meaning.NUMBER if is_number else Meaning.NAME


def without_text(search: Search, accounts: frozenset[str] | None) -> Q:
    """Return the calls that meet everything but the text."""
    return search.period & within(search, accounts) & all_of(search.conditions.values())


def within(search: Search, accounts: frozenset[str] | None) -> Q:
    """Return the calls of the accounts that may be seen and are asked for."""
    reached = reach(search, accounts)
    return Q() if reached is None else Q(account__in=reached)


def reach(search: Search, accounts: frozenset[str] | None) -> frozenset[str] | None:
    """Return the ids of the accounts that may be seen and are asked for; None for all of them."""
    if not search.account:
        return accounts
    asked = frozenset({search.account})
    return asked if accounts is None else asked & accounts


def number_of(search: Search, column: str) -> Q:
    """Return the calls with the number of the search on one side."""
    text = search.number or search.text.strip()
    return Q(**{column: text}) if search.exact else Q(**{f"{column}__begins": text})


def either_number(search: Search) -> Q:
    """Return the calls with the number of the search on either side."""
    caller, callee = (number_of(search, side) for side in SIDES)
    return caller | callee


def named(search: Search) -> Q:
    """Return the calls of people whose name contains the text."""
    part = search.text.strip()
    return Q(caller_name__icontains=part) | Q(callee_name__icontains=part)
