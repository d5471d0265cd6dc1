# SPDX-License-Identifier: Apache-2.0
import fnmatch
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.engine import (
    ActionError,
    CallFacts,
    Dial,
    Dialplan,
    Echo,
    Hangup,
    HangupReason,
    PlayAudio,
    UserTarget,
    compile_routes,
    parse_document,
    parse_route,
)
from dialplan.engine.tests.samples import document, documents, numbers, route

FACTS = CallFacts(destination="1002", caller_id="1001", caller_name="Alice", call_id="abc@host")


def plan(*routes: dict[str, Any], shared: tuple[dict[str, Any], ...] = ()) -> Dialplan:
    return compile_routes(map(parse_route, routes), map(parse_route, shared))


def matched(dialplan: Dialplan, number: str) -> str | None:
    found = dialplan.match(number)
    return found.id if found else None


def test_the_lower_priority_number_comes_first() -> None:
    dialplan = plan(route("a", "1*", priority=20), route("b", "*", priority=10))
    assert matched(dialplan, "100") == "b"


def test_a_literal_does_not_jump_the_queue() -> None:
    dialplan = plan(route("a", "500", priority=20), route("b", "5??", priority=10))
    assert matched(dialplan, "500") == "b"


def test_ties_are_broken_by_id_whatever_the_order_of_the_file() -> None:
    assert matched(plan(route("b"), route("a")), "1") == "a"
    assert matched(plan(route("a"), route("b")), "1") == "a"


def test_an_account_overrides_the_routes_of_everyone_at_the_same_priority() -> None:
    dialplan = plan(route("z"), shared=(route("a"),))
    assert matched(dialplan, "1") == "z"


def test_a_route_of_everyone_with_a_lower_priority_number_comes_before_the_accounts_own() -> None:
    dialplan = plan(route("own", priority=100), shared=(route("everyone", priority=1),))
    assert matched(dialplan, "1") == "everyone"


def test_a_disabled_route_matches_nothing() -> None:
    assert matched(plan(route("a", enabled=False)), "1") is None


def test_an_empty_dialplan_matches_nothing() -> None:
    assert matched(Dialplan(), "1") is None
    assert Dialplan().explain("1") == []


@given(documents, numbers)
def test_it_picks_what_trying_one_route_after_the_other_picks(value: dict[str, Any], number: str) -> None:
    tried = sorted(value["routes"], key=lambda one: (one["priority"], one["id"]))
    fitting = [one["id"] for one in tried if one["enabled"] and fnmatch.fnmatchcase(number, one["pattern"])]
    dialplan = compile_routes(parse_document(value).routes)
    assert matched(dialplan, number) == (fitting[0] if fitting else None)


@given(documents, numbers)
def test_the_explanation_agrees_with_the_decision(value: dict[str, Any], number: str) -> None:
    dialplan = compile_routes(parse_document(value).routes)
    verdicts = dialplan.explain(number)
    assert [verdict.route for verdict in verdicts] == list(dialplan.routes)
    assert [verdict.route.id for verdict in verdicts if verdict.chosen] == [
        one for one in [matched(dialplan, number)] if one is not None
    ]
    assert all(verdict.reason for verdict in verdicts)


def test_the_explanation_tells_every_route_why() -> None:
    dialplan = plan(
        route("a", "2*"),
        route("b", "1???"),
        route("c", "1*"),
        route("d", "1*", enabled=False),
        route("e", "100"),
    )
    assert [(v.route.id, v.chosen, v.matched, v.reason) for v in dialplan.explain("1001")] == [
        ("a", False, False, "character 1 is 1, not 2"),
        ("b", True, True, "1??? is the first pattern that matches"),
        ("c", False, True, "the pattern matches, but route b comes first"),
        ("d", False, True, "the route is disabled"),
        ("e", False, False, "the pattern ends before character 4 (1)"),
    ]


def test_a_route_becomes_verbs_with_the_facts_of_the_call() -> None:
    actions = [
        {"type": "play_audio", "params": {"file": "hello/${caller_id}.wav"}},
        {"type": "dial", "params": {"target": "user/${destination}", "timeout": 5}},
        {"type": "echo"},
        {"type": "hangup", "params": {"reason": "busy"}},
    ]
    found = plan(route("a", actions=actions)).match("1002")
    assert found is not None
    assert found.verbs(FACTS) == (
        PlayAudio(file="hello/1001.wav"),
        Dial(target=UserTarget(name="1002"), timeout_s=5),
        Echo(),
        Hangup(reason=HangupReason.BUSY),
    )


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"type": "dial", "params": {"target": "user/${caller_name}"}}, "actions[1].params.target"),
        ({"type": "play_audio", "params": {"file": "${call_id}.wav"}}, "actions[1].params.file"),
    ],
)
def test_a_call_that_makes_an_action_impossible_names_route_and_field(action: Any, field: str) -> None:
    found = plan(route("a", actions=[{"type": "echo"}, action])).match("1")
    assert found is not None
    with pytest.raises(ActionError) as caught:
        found.verbs(CallFacts("1", caller_name="", call_id="../../secret"))
    assert (caught.value.route, caught.value.field) == ("a", field)


@given(st.text())
def test_any_number_from_the_network_can_be_looked_up(number: str) -> None:
    dialplan = compile_routes(parse_document(document(route("a", "[!1]*"), route("b", "1*"))).routes)
    assert (dialplan.match(number) is not None) == (0 < len(number) <= 128)
