# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.django import TestCase

from accounts.models import Account
from accounts.tests.factories import make_account, revision
from dialplan.engine import DialplanDocument, DialplanError, parse_document
from dialplan.engine.tests.samples import document, documents, route
from dialplan.files import (
    ImportResult,
    export_document,
    import_document,
    import_watched,
    read_document,
)
from dialplan.models import Route

pytestmark = pytest.mark.django_db
PATH = Path("/etc/dialplan.json")


def load(*routes: dict[str, Any], account: Account | None = None, replace: bool = False) -> ImportResult:
    return import_document(parse_document(document(*routes)), account, replace=replace)


def watched(*routes: dict[str, Any]) -> ImportResult:
    return import_watched(parse_document(document(*routes)), PATH)


def counts(**wanted: int) -> ImportResult:
    return ImportResult(**({"created": 0, "updated": 0, "unchanged": 0, "deleted": 0} | wanted))


def ids() -> list[str]:
    return sorted(Route.objects.values_list("id", flat=True))


def test_an_import_creates_and_updates_by_id() -> None:
    assert load(route("a"), route("b")) == counts(created=2)
    assert load(route("b", name="Other"), route("c")) == counts(created=1, updated=1)
    assert ids() == ["a", "b", "c"]
    assert Route.objects.get(id="b").name == "Other"


def test_replacing_deletes_what_the_file_does_not_hold_in_that_scope_alone() -> None:
    account = make_account()
    load(route("a"), route("b"))
    load(route("mine"), account=account)
    assert load(route("b"), replace=True) == counts(unchanged=1, deleted=1)
    assert ids() == ["b", "mine"]


def test_an_import_that_changes_nothing_writes_nothing() -> None:
    load(route("a"))
    before = revision("routes")
    assert load(route("a")) == counts(unchanged=1)
    assert revision("routes") == before


def test_an_import_raises_the_counter_and_the_time_of_change() -> None:
    load(route("a"))
    before, changed = revision("routes"), Route.objects.get().updated_at
    load(route("a", priority=5))
    assert revision("routes") > before
    assert Route.objects.get().updated_at > changed


@pytest.mark.parametrize("other_scope", ["account", "everyone"])
def test_no_file_takes_over_a_route_of_another_scope(other_scope: str) -> None:
    alpha, beta = make_account("alpha.example"), make_account("beta.example")
    load(route("a", name="Original"), account=beta if other_scope == "account" else None)
    assert load(route("a", name="Own"), account=alpha, replace=True) == counts(created=1)
    assert Route.objects.get(account=alpha).name == "Own"
    assert Route.objects.exclude(account=alpha).get().name == "Original"


def test_the_export_of_an_account_holds_its_own_routes_in_order() -> None:
    account = make_account()
    load(route("everyone"))
    load(route("late", priority=200), route("z"), route("a"), account=account)
    assert [one.id for one in export_document(account).routes] == ["a", "z", "late"]
    assert [one.id for one in export_document(None).routes] == ["everyone"]


def test_the_export_refuses_rows_that_are_no_routes() -> None:
    Route.objects.create(id="bad", name="n", pattern="[", actions=[])
    with pytest.raises(DialplanError, match="route bad: pattern"):
        export_document(None)


class TestRoundTrip(TestCase):
    @given(documents)
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_what_goes_in_comes_out(self, value: dict[str, Any]) -> None:
        parsed = parse_document(value)
        with self.settings(AUDIO_FILES_ELSEWHERE=True):
            self.go_around(parsed)

    def go_around(self, parsed: DialplanDocument) -> None:
        import_document(parsed, None, replace=True)
        exported = export_document(None)
        assert sorted(exported.routes, key=lambda one: one.id) == sorted(
            parsed.routes, key=lambda one: one.id
        )
        assert import_document(exported, None, replace=True) == counts(unchanged=len(parsed.routes))


def test_a_watched_file_leaves_routes_that_were_made_by_hand() -> None:
    account = make_account()
    load(route("hand"))
    load(route("mine"), account=account)
    watched(route("a"), route("b"))
    assert watched(route("b")) == counts(unchanged=1, deleted=1)
    assert ids() == ["b", "hand", "mine"]


def test_a_watched_file_wins_over_an_edit_of_its_route() -> None:
    watched(route("a"))
    Route.objects.filter(id="a").update(name="Edited")
    assert watched(route("a")) == counts(updated=1)
    assert Route.objects.get().name == "A route"
    assert Route.objects.get().source == str(PATH)


def test_a_watched_file_adopts_a_route_of_the_same_id() -> None:
    load(route("a"))
    assert watched(route("a")) == counts(updated=1)
    assert watched() == counts(deleted=1)


def test_a_command_leaves_a_route_to_the_watched_file() -> None:
    watched(route("a"))
    load(route("a", name="Other"))
    assert Route.objects.get().source == str(PATH)


def test_a_watched_file_takes_no_route_of_an_account() -> None:
    load(route("a"), account=make_account())
    assert watched(route("a")) == counts(created=1)
    assert watched() == counts(deleted=1)
    assert Route.objects.get().account is not None


def test_many_routes_are_imported_in_few_queries(django_assert_max_num_queries: Any) -> None:
    parsed = parse_document(document(*(route(f"r{number}", str(number)) for number in range(600))))
    with django_assert_max_num_queries(30):
        import_document(parsed, None, replace=True)
    assert Route.objects.count() == 600


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text('{"routes": []}', encoding="utf-8-sig")
    assert read_document(file).routes == []
