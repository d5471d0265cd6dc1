# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, datetime

import pytest
from django.db import connection

from cdrs.search import BadCursor, Cursor, Search, find
from cdrs.tests.search_cases import START, SearchCases, make_calls

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls() -> str:
    make_calls("default")
    return "default"


class TestOnTheDatabaseOfTheSettings(SearchCases):
    pass


@pytest.mark.parametrize(
    ("text", "number"),
    [("1001", "1001"), ("+49 (30) 12-34", "+49301234"), ("*97", "*97"), ("alice", ""), ("10a", ""), ("", "")],
)
def test_it_takes_a_text_for_a_number_when_it_looks_like_one(text: str, number: str) -> None:
    assert Search(text=text).number == number


def test_a_search_becomes_the_parameters_of_a_link() -> None:
    search = Search(text="10", exact=True, since=datetime(2030, 1, 1, tzinfo=UTC), cause="busy", hour=0)
    assert search.params() == {
        "q": "10",
        "from": "2030-01-01T00:00:00",
        "cause": "busy",
        "hour": "0",
        "match": "exact",
    }


def test_an_empty_search_has_no_parameters() -> None:
    assert Search().params() == {} and Search().is_empty and not Search(hour=0).is_empty


@pytest.mark.parametrize(
    "text", ["", "<", "<1-0", "1-" + "0" * 32, "<99999999999999999999-" + "0" * 32, "<x"]
)
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        Cursor.parse(text)


def test_a_cursor_that_leads_out_of_time_is_refused() -> None:
    with pytest.raises(BadCursor):
        Cursor.parse("<-99999999999999999-" + "0" * 32)


def test_a_cursor_survives_a_link(calls: str) -> None:
    page = find(Search(), None, size=3)
    assert page.older is not None
    assert Cursor.parse(str(page.older)) == page.older


def test_a_page_without_conditions_costs_one_query(calls: str, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        find(Search(), None)


def test_calls_that_arrive_meanwhile_do_not_shift_the_next_page(calls: str) -> None:
    first = find(Search(), None, size=5)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cdrs SET invite_time = %s WHERE call_id = 'call-0'", [START.replace(year=2031)]
        )
    second = find(Search(), None, first.older, size=5)
    assert not {call.pk for call in first.calls} & {call.pk for call in second.calls}
