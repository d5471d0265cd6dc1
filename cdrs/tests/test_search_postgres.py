# SPDX-License-Identifier: Apache-2.0
import uuid
from collections.abc import Iterator
from typing import Any

import environ
import pytest
from django.db import connections, transaction
from django.db.models import Q

from cdrs.choices import Quality
from cdrs.models import CDR
from cdrs.search import Search
from cdrs.search.drivers import BY_TIME, Driver, number_drivers, ordered_drivers
from cdrs.search.matching import within
from cdrs.tests.conftest import extra_database
from cdrs.tests.search_cases import ALPHA, SearchCases, make_calls
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgres

EVERY = Q()
OPTIONS = {"options": "-c search_path=switchboard,public", "connect_timeout": 2}


@pytest.fixture(scope="module")
def calls(postgres_server: PostgresServer, django_db_blocker: Any) -> Iterator[str]:  # noqa: F811
    """A database with calls, of which the planner has statistics."""
    url = postgres_server.create_database(f"cdrs_{uuid.uuid4().hex[:8]}")
    config = {**environ.Env.db_url_config(url), "OPTIONS": OPTIONS}
    with extra_database("cdr_search", config, django_db_blocker) as alias:
        make_calls(alias)
        with connections[alias].cursor() as cursor:
            cursor.execute("ANALYZE cdrs")
        yield alias


class TestOnPostgres(SearchCases):
    pass


def plan(calls: str, driver: Driver, more: Q = EVERY) -> str:
    """Return how the planner reads a driver's calls when the table is large: it is too small here to need an index."""
    order = driver.order(newer=False, pinned=True)
    with transaction.atomic(using=calls), connections[calls].cursor() as cursor:
        for way in ("seqscan", "bitmapscan", *(["sort"] if driver.in_order else [])):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        return CDR.objects.using(calls).filter(driver.condition & more).order_by(*order)[:50].explain()


@pytest.mark.parametrize(
    ("search", "index"),
    [
        (Search(), "cdrs_time"),
        (Search(account=str(ALPHA)), "cdrs_account_time"),
        (Search(route="r1"), "cdrs_route_time"),
        (Search(node="n1"), "cdrs_node_time"),
        (Search(cause="busy"), "cdrs_cause_time"),
        (Search(disposition="BUSY"), "cdrs_disposition_time"),
        (Search(quality=Quality.POOR), "cdrs_poor_quality_time"),
        (Search(quality=Quality.FAIR), "cdrs_fair_quality_time"),
    ],
)
def test_each_condition_is_answered_by_its_own_index_in_the_order_of_time(
    calls: str, search: Search, index: str
) -> None:
    drivers, _ = ordered_drivers(search, None, calls)
    text = plan(calls, drivers[0])
    assert f"using {index}" in text and "Seq Scan" not in text
    # At most the calls of one time are put in the order of their ids.
    assert "Sort Key" not in text or "Presorted Key" in text


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("account", "scope"), [("", ""), (str(ALPHA), "account_")])
def test_a_number_is_answered_by_its_own_index_on_either_side(
    calls: str, exact: bool, account: str, scope: str
) -> None:
    search = Search(text="1001", exact=exact, account=account)
    for driver, side in zip(number_drivers(search), ("caller", "callee"), strict=True):
        assert f"cdrs_{scope}{side} " in plan(calls, driver, within(search, None))


@pytest.mark.parametrize(
    "search", [Search(cause="normal"), Search(disposition="ANSWERED"), Search(quality="good")]
)
def test_what_most_calls_are_is_found_in_the_order_of_time(calls: str, search: Search) -> None:
    assert ordered_drivers(search, None, calls)[0] == [BY_TIME]


def test_the_rarer_of_two_conditions_drives(calls: str) -> None:
    drivers, rows = ordered_drivers(Search(quality="poor", node="n1"), None, calls)
    rare = CDR.objects.using(calls).filter(Quality.POOR.condition).count()
    common = CDR.objects.using(calls).filter(signaling_server="n1").count()
    assert (drivers[0].name == "quality") == (rare < common) and rows > 0
