# SPDX-License-Identifier: Apache-2.0
"""What a search of calls must give on every database; run by one test module for each."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cdrs.choices import Quality
from cdrs.models import CDR
from cdrs.search import Cursor, Page, Search, find

START = datetime(2030, 1, 7, tzinfo=UTC)
ALPHA, BETA, GONE = (uuid.UUID(int=number) for number in (1, 2, 3))
ALL = None
CALLS = 240

Check = Callable[[CDR], bool]
SEARCHES: list[tuple[Search, Check]] = [
    (Search(), lambda call: True),
    (Search(disposition="BUSY"), lambda call: call.disposition == "BUSY"),
    (Search(disposition="ANSWERED"), lambda call: call.disposition == "ANSWERED"),
    (Search(cause="busy"), lambda call: call.hangup_cause == "busy"),
    (
        Search(cause="error", disposition="BUSY"),
        lambda call: (call.hangup_cause, call.disposition) == ("error", "BUSY"),
    ),
    (Search(route="r1", node="n2"), lambda call: (call.route_id, call.signaling_server) == ("r1", "n2")),
    (Search(node="nowhere"), lambda call: False),
    (Search(account=str(BETA)), lambda call: call.account_id == BETA),
    (Search(text="10"), lambda call: "10" in (call.caller_number[:2], call.callee_number[:2])),
    (Search(text="1001", exact=True), lambda call: "1001" in (call.caller_number, call.callee_number)),
    (Search(text="+49 (30) 1"), lambda call: call.caller_number.startswith("+49301")),
    (Search(text="100", quality="poor"), lambda call: is_party(call, "100") and of(call) is Quality.POOR),
    (Search(text="alice"), lambda call: call.caller_name == "Alice"),
    (Search(text="box-3"), lambda call: call.caller_number == "box-3"),
    (Search(text="call-17"), lambda call: call.call_id == "call-17"),
    (Search(text="call-1"), lambda call: call.call_id == "call-1"),
    (Search(text="100%"), lambda call: False),
    (
        Search(since=START + timedelta(hours=30), until=START + timedelta(hours=60)),
        lambda call: timedelta(hours=30) <= call.invite_time - START < timedelta(hours=60),
    ),
    (Search(weekday=1, hour=5), lambda call: (call.invite_time.weekday(), call.invite_time.hour) == (1, 5)),
    *((Search(quality=band), lambda call, band=band: of(call) == band) for band in Quality),
]


def of(call: CDR) -> Quality:
    """Return the band of quality of a call."""
    return Quality.of(call.mos_score)


def is_party(call: CDR, beginning: str) -> bool:
    """Return whether one of the numbers begins so."""
    return call.caller_number.startswith(beginning) or call.callee_number.startswith(beginning)


def make_calls(database: str) -> None:
    """Store calls of every kind; many start at the same time, so that pages end between them."""
    chance = random.Random(3)
    CDR.objects.using(database).bulk_create(
        CDR(
            id=uuid.UUID(int=chance.getrandbits(128)),
            call_id=f"call-{number}",
            account_id=chance.choice([ALPHA, ALPHA, BETA, GONE, None]),
            caller_number=chance.choice(["1001", "1002", "10010", "+49301234", "box-3", "box-4"]),
            caller_name=chance.choice(["Alice", "Bob", ""]),
            callee_number=chance.choice(["1001", "1002", "200", "%"]),
            invite_time=START + timedelta(minutes=chance.randrange(80) * 90),
            end_time=START,
            disposition=chance.choice(["ANSWERED", "ANSWERED", "BUSY", "FAILED"]),
            hangup_cause=chance.choice(["normal", "busy", "error"]),
            hangup_by="caller",
            mos_score=chance.choice([None, 1.0, 3.59, 3.6, 3.99, 4.0, 4.4]),
            route_id=chance.choice(["r1", "r2", ""]),
            signaling_server=chance.choice(["n1", "n2"]),
        )
        for number in range(CALLS)
    )


def walk(step: Callable[[Cursor | None], Page]) -> list[CDR]:
    """Return the calls of all pages, from the newest to the oldest."""
    page = step(None)
    calls = list(page.calls)
    while page.older is not None:
        page = step(page.older)
        calls += page.calls
    return calls


class SearchCases:
    """Inherit this in a class whose module has the fixture ``calls``: the alias of a database with `make_calls`."""

    def expected(self, calls: str, check: Check, accounts: frozenset[str] | None) -> list[str]:
        rows = CDR.objects.using(calls).order_by("-invite_time", "-pk")
        return [
            call.call_id
            for call in rows
            if check(call) and (accounts is None or str(call.account_id) in accounts)
        ]

    @pytest.mark.parametrize("accounts", [ALL, frozenset([str(ALPHA)]), frozenset([str(ALPHA), str(BETA)])])
    @pytest.mark.parametrize(("search", "check"), SEARCHES)
    def test_its_pages_hold_each_call_that_meets_it_once_and_in_order(
        self, calls: str, search: Search, check: Check, accounts: frozenset[str] | None
    ) -> None:
        found = walk(lambda cursor: find(search, accounts, cursor, size=7, using=calls))
        assert [call.call_id for call in found] == self.expected(calls, check, accounts)

    @pytest.mark.parametrize("accounts", [ALL, frozenset([str(ALPHA), str(BETA)])])
    @pytest.mark.parametrize(("search", "check"), SEARCHES)
    def test_it_finds_them_all_when_its_time_is_always_up_at_once(
        self,
        calls: str,
        search: Search,
        check: Check,
        accounts: frozenset[str] | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("cdrs.search.asker.FIRST_STEP", 2)
        monkeypatch.setattr("cdrs.search.page.SCAN_S", 0.0)
        found = walk(lambda cursor: find(search, accounts, cursor, size=7, using=calls))
        assert [call.call_id for call in found] == self.expected(calls, check, accounts)

    @pytest.mark.parametrize(("search", "check"), SEARCHES)
    def test_the_way_back_leads_over_the_same_pages(self, calls: str, search: Search, check: Check) -> None:
        pages = [find(search, ALL, size=7, using=calls)]
        while (older := pages[-1].older) is not None:
            pages.append(find(search, ALL, older, size=7, using=calls))
        page = pages[-1]
        for expected in reversed(pages[:-1]):
            assert page.newer is not None
            page = find(search, ALL, page.newer, size=7, using=calls)
            assert [call.pk for call in page.calls] == [call.pk for call in expected.calls]
        assert find(search, ALL, page.newer, size=7, using=calls).newer is None

    def test_the_way_back_is_found_when_its_time_is_always_up_at_once(
        self, calls: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cdrs.search.asker.FIRST_STEP", 2)
        monkeypatch.setattr("cdrs.search.page.SCAN_S", 0.0)
        search, check = next(case for case in SEARCHES if case[0].node == "n2")
        cursor: Cursor | None = Cursor(START - timedelta(days=1), uuid.UUID(int=0), newer=True)
        found: list[str] = []
        while cursor is not None:
            page = find(search, ALL, cursor, size=7, using=calls)
            # The last page is the first one of the list, filled up with calls that were met before.
            met = [call.call_id for call in page.calls]
            found = met + [call_id for call_id in found if call_id not in met]
            cursor = page.newer
        assert found == self.expected(calls, check, ALL)

    def test_whoever_reaches_no_account_finds_nothing(self, calls: str) -> None:
        assert find(Search(), frozenset(), using=calls).calls == []

    def test_it_does_not_find_calls_of_an_account_that_is_asked_for_and_not_reached(self, calls: str) -> None:
        assert find(Search(account=str(BETA)), frozenset([str(ALPHA)]), using=calls).calls == []

    def test_it_says_how_far_it_looked_when_its_time_was_up(
        self, calls: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cdrs.search.asker.FIRST_STEP", 20)
        monkeypatch.setattr("cdrs.search.page.SCAN_S", 0.0)
        page = find(Search(cause="normal", disposition="BUSY", node="n1"), ALL, using=calls)
        if page.searched_to is None:
            pytest.fail("the step is shorter than the calls of any one condition")
        assert page.searched_to > START and page.older is not None
