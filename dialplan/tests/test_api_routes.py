# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from accounts.tests.factories import make_user, revision
from accounts.tests.people import People, make_people
from accounts.tests.rest import Rest
from dialplan.models import Route

pytestmark = pytest.mark.django_db
ECHO = [{"type": "echo", "params": {}}]
DIAL = [{"type": "dial", "params": {"target": "user/${destination}", "timeout": 20}}]


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def alice(people: People) -> Rest:
    return Rest(people.token("alice"))


@pytest.fixture
def root(people: People) -> Rest:
    return Rest(people.token("root"))


def make_route(route_id: str, **fields: Any) -> Route:
    return Route.objects.create(**({"id": route_id, "name": "n", "pattern": "1", "actions": ECHO} | fields))


def test_a_route_is_made_in_the_only_account(alice: Rest, people: People) -> None:
    before = revision("routes")
    answer = alice.post("routes", {"name": "Echo", "pattern": "600", "actions": [{"type": "echo"}]})
    assert answer.status == 201
    route = Route.objects.get()
    assert (route.account, route.priority, route.enabled) == (people.alpha, 100, True)
    assert answer.body["id"] == route.id
    assert revision("routes") > before


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        (
            {"actions": [{"type": "dial", "params": {"target": "user/1", "timeout": "5"}}]},
            {"actions[0].params.timeout": ["must be a whole number"]},
        ),
        (
            {"actions": [*ECHO, {"type": "dance"}]},
            {"actions[1].type": ["'dance' is no action; there are play_audio, dial, hangup, echo, record"]},
        ),
        ({"pattern": "[1"}, {"pattern": ["the [ at character 1 is never closed"]}),
        ({"actions": []}, {"actions": ["must have at least one entry"]}),
        ({"actions": None}, {"actions": ["This field may not be null."]}),
        ({"priority": 10**9}, {"priority": ["Ensure this value is less than or equal to 1000000."]}),
        ({"name": "x\ty"}, {"name": ["must have no control characters"]}),
    ],
)
def test_a_mistake_points_at_its_place(alice: Rest, fields: Any, errors: dict[str, list[str]]) -> None:
    answer = alice.post("routes", {"name": "n", "pattern": "1", "actions": ECHO} | fields)
    assert (answer.status, answer.body["fields"]) == (400, errors)
    assert not Route.objects.exists()


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '"\\u0000"', "[" * 500 + "]" * 500, "1e999", '{"a": {"b": []}}']
)
def test_odd_json_is_refused(alice: Rest, people: People, text: str) -> None:
    body = f'{{"name": "n", "pattern": "1", "actions": [{{"type": "echo", "params": {{"x": {text}}}}}]}}'
    assert alice("post", "routes", body).status == 400
    body = f'{{"name": {text}, "pattern": "1", "actions": [{{"type": "echo"}}]}}'
    assert alice("post", "routes", body).status == 400


def test_a_body_that_is_nested_too_deep_or_too_large_is_refused(alice: Rest) -> None:
    assert alice("post", "routes", "[" * 200_000).status == 400
    answer = alice("post", "routes", '"' + "x" * 2_000_000 + '"')
    assert (answer.status, answer.body["code"]) == (413, "TOO_LARGE")


def test_a_route_is_changed_and_keeps_its_id(alice: Rest, people: People) -> None:
    make_route("r1", account=people.alpha)
    assert alice.patch("routes/r1", {"enabled": False, "actions": DIAL}).body["actions"] == DIAL
    answer = alice.patch("routes/r1", {"id": "r2"})
    assert answer.body["fields"] == {"id": ["The id of a route cannot be changed."]}
    assert Route.objects.get().id == "r1"


def test_an_id_that_cannot_be_is_told_what_can(alice: Rest) -> None:
    answer = alice.post(
        "routes", {"id": "r 1", "name": "Echo", "pattern": "600", "actions": [{"type": "echo"}]}
    )
    assert answer.body["fields"] == {"id": ["Use letters, digits and . _ : -, a letter or digit first."]}


def test_an_id_that_is_taken_is_refused_and_its_route_kept(alice: Rest, people: People) -> None:
    make_route("r1", account=people.alpha, name="First")
    answer = alice.post("routes", {"id": "r1", "name": "n", "pattern": "1", "actions": ECHO})
    assert (answer.status, list(answer.body["fields"])) == (400, ["id"])
    assert Route.objects.get().name == "First"


@pytest.mark.parametrize("owner", ["beta", "everyone"])
def test_an_id_that_others_have_given_is_free(alice: Rest, people: People, owner: str) -> None:
    theirs = make_route("r1", account=people.beta if owner == "beta" else None, name="Theirs")
    answer = alice.post("routes", {"id": "r1", "name": "n", "pattern": "1", "actions": ECHO})
    assert (answer.status, answer.body["id"]) == (201, "r1")
    assert alice.patch("routes/r1", {"name": "Mine"}).status == 200
    assert alice.get("routes/r1").body["name"] == "Mine"
    assert alice("delete", "routes/r1").status == 204
    assert Route.objects.get() == theirs
    theirs.refresh_from_db()
    assert theirs.name == "Theirs"


def test_who_reaches_several_routes_of_an_id_says_whose(root: Rest, people: People) -> None:
    make_route("r1", account=people.alpha, name="Alpha's")
    make_route("r1", name="Everyone's")
    assert root.get("routes/r1").body["name"] == "Alpha's"
    assert root.get("routes/r1", shared="true").body["name"] == "Everyone's"
    make_route("r1", account=people.beta, name="Beta's")
    answer = root.get("routes/r1")
    assert (answer.status, list(answer.body["fields"])) == (400, ["account"])
    assert root.get("routes/r1", account="beta.example").body["name"] == "Beta's"


def test_a_route_moves_to_no_account_that_has_its_id(root: Rest, people: People) -> None:
    make_route("r1", account=people.alpha)
    make_route("r1", account=people.beta)
    answer = root.patch("routes/r1?account=alpha.example", {"account": "beta.example"})
    assert (answer.status, list(answer.body["fields"])) == (400, ["id"])


def test_routes_of_one_priority_are_listed_by_their_ids(root: Rest) -> None:
    for name in "cab":
        make_route(name)
    page = root.get("routes", limit=2).body
    assert [route["id"] for route in page["results"]] == ["a", "b"]
    query = page["next"].partition("?")[2]
    assert [route["id"] for route in root.get(f"routes?{query}").body["results"]] == ["c"]


def test_routes_of_every_account_are_the_platforms(alice: Rest, root: Rest, people: People) -> None:
    make_route("shared")
    assert [route["id"] for route in alice.get("routes").body["results"]] == ["shared"]
    assert alice.patch("routes/shared", {"enabled": False}).status == 403
    assert alice.delete("routes/shared").status == 403
    body = {"name": "n", "pattern": "1", "actions": ECHO, "account": None}
    assert alice.post("routes", body).status == 403
    assert root.patch("routes/shared", {"enabled": False}).status == 200
    assert root.post("routes", body).status == 201


def test_a_route_cannot_be_moved_into_the_account_of_others(alice: Rest, people: People) -> None:
    make_route("r1", account=people.alpha)
    answer = alice.patch("routes/r1", {"account": str(people.beta.pk)})
    assert (answer.status, list(answer.body["fields"])) == (400, ["account"])
    assert alice.patch("routes/r1", {"account": None}).status == 403
    assert Route.objects.get().account == people.alpha


def test_routes_are_filtered(root: Rest, people: People) -> None:
    make_route("a", account=people.alpha, pattern="1*")
    make_route("b", account=people.beta, pattern="10??", enabled=False)
    make_route("c", pattern="9", actions=7)
    for query, wanted in (
        ({"matches": "1001"}, ["a", "b"]),
        ({"shared": "true"}, ["c"]),
        ({"account": str(people.beta.pk)}, ["b"]),
        ({"enabled": "false"}, ["b"]),
        ({"q": "10"}, ["b"]),
        ({"pattern": "1*"}, ["a"]),
    ):
        found = root.get("routes", ordering="id", **query).body["results"]
        assert [route["id"] for route in found] == wanted


def simulate(rest: Rest, number: str, **more: Any) -> Any:
    return rest.post("dialplan/simulate", {"number": number, **more})


def test_the_simulator_tells_every_route_and_the_actions_filled_in(alice: Rest, people: People) -> None:
    make_user(people.alpha, "1001", display_name="Alice")
    make_user(people.alpha, "1002", display_name="Bob")
    make_route("users", account=people.alpha, pattern="1???", actions=DIAL)
    make_route("late", account=people.alpha, pattern="1*", priority=200)
    make_route("off", pattern="*", enabled=False)
    make_route("broken", pattern="*", actions=[{"type": "dance"}])
    make_route("foreign", account=people.beta, pattern="*")
    body = simulate(alice, "1002", caller="1001").body
    assert {route["id"]: route["reason"] for route in body["routes"]} == {
        "users": "1??? is the first pattern that matches",
        "late": "the pattern matches, but route users comes first",
        "off": "the route is disabled",
        "broken": "the route is not valid: route broken: actions[0].type: 'dance' is no action; "
        "there are play_audio, dial, hangup, echo, record",
    }
    assert (body["route"], body["problem"], body["caller"]) == ("users", "", "Alice (1001)")
    assert body["variables"]["caller_name"] == "Alice"
    assert body["actions"] == [
        {
            "type": "dial",
            "params": {"target": "user/1002", "timeout": 20},
            "words": "Ring the phones of Bob (1002) for 20 s",
            "problem": "",
        }
    ]


def test_the_simulator_tells_what_stands_against_a_call(alice: Rest, people: People) -> None:
    make_route("users", account=people.alpha, pattern="1???", actions=DIAL)
    make_route(
        "id",
        account=people.alpha,
        pattern="2",
        actions=[{"type": "play_audio", "params": {"file": "${caller_id}.wav"}}],
    )
    make_user(people.alpha, "1003", enabled=False)
    assert simulate(alice, "9").body["problem"] == "no route matches: 404 Not Found"
    assert simulate(alice, "1009").body["actions"][0]["problem"] == "the account has no user 1009"
    assert simulate(alice, "1003").body["actions"][0]["problem"] == "1003 is disabled"
    assert "actions[0].params.file" in simulate(alice, "2").body["problem"]
    assert simulate(alice, "1", caller="1003").body["problem"] == "the caller is disabled"
    assert list(simulate(alice, "1", caller="77").body["fields"]) == ["caller"]


def test_the_simulator_changes_nothing_and_needs_no_right_to(people: People) -> None:
    vera = Rest(people.token("vera"))
    before = revision("routes")
    assert simulate(vera, "1").status == 200
    assert simulate(vera, "1", account=str(people.beta.pk)).status == 400
    assert simulate(Rest(people.token("bob")), "1").status == 403
    assert revision("routes") == before
