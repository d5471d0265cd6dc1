# SPDX-License-Identifier: Apache-2.0
"""Whole dialplan documents over REST."""

import json
from typing import Any

import pytest

from accounts.tests.factories import revision
from accounts.tests.people import People, make_people
from accounts.tests.rest import Answer, Rest
from dialplan.engine.tests.samples import document, route
from dialplan.models import Route

pytestmark = pytest.mark.django_db
ECHO = [{"type": "echo", "params": {}}]
TWO = document(route("a", "500"), route("b", "600"))


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def alice(people: People) -> Rest:
    return Rest(people.token("alice"))


@pytest.fixture
def root(people: People) -> Rest:
    return Rest(people.token("root"))


def load(rest: Rest, body: Any, **query: Any) -> Answer:
    return rest.post("dialplan/import", body, **query)


def ids(account: Any) -> list[str]:
    return list(Route.objects.filter(account=account).order_by("id").values_list("id", flat=True))


def test_a_document_is_stored_in_the_only_account(alice: Rest, people: People) -> None:
    before = revision("routes")
    answer = load(alice, TWO)
    counts = {"created": 2, "updated": 0, "unchanged": 0, "deleted": 0}
    assert (answer.status, answer.body) == (200, {"applied": True, **counts})
    assert ids(people.alpha) == ["a", "b"]
    assert revision("routes") > before
    assert load(alice, TWO).body["unchanged"] == 2


def test_what_is_exported_can_be_imported(alice: Rest, people: People) -> None:
    load(alice, TWO)
    exported = alice.get("dialplan/export").body
    assert [one["id"] for one in exported["routes"]] == ["a", "b"]
    assert load(alice, exported, replace="true").body["unchanged"] == 2


def test_an_import_is_tried_without_storing_anything(alice: Rest, people: People) -> None:
    Route.objects.create(id="old", account=people.alpha, name="n", pattern="1", actions=ECHO)
    before = revision("routes")
    answer = load(alice, TWO, dry_run="true", replace="true")
    counts = {"created": 2, "updated": 0, "unchanged": 0, "deleted": 1}
    assert (answer.status, answer.body) == (200, {"applied": False, **counts})
    assert ids(people.alpha) == ["old"]
    assert revision("routes") == before


def test_other_routes_stay_unless_they_are_to_be_replaced(alice: Rest, people: People) -> None:
    Route.objects.create(id="old", account=people.alpha, name="n", pattern="1", actions=ECHO)
    Route.objects.create(id="shared", name="n", pattern="1", actions=ECHO)
    load(alice, TWO)
    assert ids(people.alpha) == ["a", "b", "old"]
    load(alice, TWO, replace="true")
    assert (ids(people.alpha), ids(None)) == (["a", "b"], ["shared"])


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_every_problem_is_told_with_its_route_and_place(alice: Rest, dry_run: str) -> None:
    broken = document(route("a"), route("b", pattern="["), route("c", actions=[{"type": "dance"}]))
    answer = load(alice, broken, dry_run=dry_run)
    assert (answer.status, answer.body["code"]) == (400, "INVALID")
    assert answer.body["error"] == (
        "Nothing was imported: route b: routes[1].pattern: the [ at character 1 is never closed "
        "(the first of 2 problems)."
    )
    assert list(answer.body["fields"]) == ["routes[1].pattern", "routes[2].actions[0].type"]
    assert [(one["route"], one["field"]) for one in answer.body["problems"]] == [
        ("b", "routes[1].pattern"),
        ("c", "routes[2].actions[0].type"),
    ]
    assert not Route.objects.exists()


@pytest.mark.parametrize("text", ["", "{", '{"routes": NaN}', "[" * 500, '"\\ud800"', "\x00"])
def test_what_is_no_document_is_told_in_a_sentence(alice: Rest, text: str) -> None:
    answer = load(alice, text)
    assert (answer.status, "fields" in answer.body) == (400, False)
    assert answer.body["error"].startswith("Nothing was imported: ")
    assert answer.body["problems"][0]["route"] == ""


def test_a_document_of_more_than_a_usual_body_is_taken_and_one_over_its_limit_not(alice: Rest) -> None:
    many = [route(f"r{number}", "1", name="n" * 190) for number in range(5000)]
    assert len(json.dumps(many)) > 1024 * 1024
    assert load(alice, document(*many)).body["created"] == 5000
    answer = load(alice, '"' + "x" * (16 * 1024 * 1024) + '"')
    assert (answer.status, answer.body["code"]) == (413, "TOO_LARGE")


def test_a_body_of_another_type_is_refused(alice: Rest) -> None:
    assert alice.post("dialplan/import", csv="a,b\n").status == 415


def test_a_prompt_that_is_not_there_is_refused_and_an_id_of_others_is_free(
    alice: Rest, people: People
) -> None:
    Route.objects.create(id="a", account=people.beta, name="Beta's", pattern="1", actions=ECHO)
    assert load(alice, TWO).body["created"] == 2
    play = [{"type": "play_audio", "params": {"file": "nowhere.wav"}}]
    answer = load(alice, document(route("c", actions=play)))
    assert list(answer.body["fields"]) == ["routes[0].actions[0].params.file"]
    assert Route.objects.get(account=people.beta).name == "Beta's"


def test_routes_of_every_account_are_the_platforms_to_change_and_everybodys_to_read(
    alice: Rest, root: Rest, people: People
) -> None:
    assert load(alice, TWO, shared="true").status == 403
    assert load(root, TWO, shared="true").status == 200
    assert ids(None) == ["a", "b"]
    assert len(alice.get("dialplan/export", shared="true").body["routes"]) == 2
    assert alice.get("dialplan/export").body["routes"] == []
    bound = Rest(people.token("root", account=people.alpha))
    assert load(bound, TWO, shared="true").status == 403


def test_who_reaches_several_accounts_says_which(root: Rest, people: People) -> None:
    for answer in (load(root, TWO), root.get("dialplan/export")):
        assert answer.body["fields"] == {"account": ["Say which account, or shared=true."]}
    alpha = str(people.alpha.pk)
    assert load(root, TWO, account=alpha).status == 200
    assert len(root.get("dialplan/export", account=alpha).body["routes"]) == 2
    both = root.get("dialplan/export", account=alpha, shared="true")
    assert list(both.body["fields"]) == ["shared"]


@pytest.mark.parametrize("query", [{"replce": "true"}, {"dry_run": ""}, {"account": "7"}, {"shared": "x"}])
def test_a_misspelt_parameter_stores_nothing(alice: Rest, query: dict[str, str]) -> None:
    answer = load(alice, TWO, **query)
    assert (answer.status, list(answer.body["fields"])) == (400, list(query))
    assert not Route.objects.exists()


def test_the_account_of_others_is_out_of_reach(alice: Rest, people: People) -> None:
    beta = str(people.beta.pk)
    Route.objects.create(id="x", account=people.beta, name="secret", pattern="1", actions=ECHO)
    for answer in (load(alice, TWO, account=beta), alice.get("dialplan/export", account=beta)):
        assert (answer.status, list(answer.body["fields"])) == (400, ["account"])
        assert "secret" not in str(answer.body)


def test_who_may_only_read_may_export_alone(people: People) -> None:
    vera, bob = Rest(people.token("vera")), Rest(people.token("bob"))
    assert (vera.get("dialplan/export").status, load(vera, TWO).status) == (200, 403)
    assert (bob.get("dialplan/export").status, load(bob, TWO).status) == (403, 403)


def test_rows_that_are_no_routes_are_told_in_place_of_an_export(alice: Rest, people: People) -> None:
    Route.objects.create(id="bad", account=people.alpha, name="n", pattern="[", actions=ECHO)
    answer = alice.get("dialplan/export")
    assert (answer.status, answer.body["code"]) == (409, "CONFLICT")
    assert [one["route"] for one in answer.body["problems"]] == ["bad"]


def test_the_history_tells_of_an_import(alice: Rest, people: People) -> None:
    load(alice, TWO)
    record = Route.objects.get(id="a").history.latest()
    assert (record.history_change_reason, record.history_user) == ("Imported", people["alice"])
