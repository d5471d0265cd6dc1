# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.engine import DialplanError, json_schema, parse_document, parse_document_json, parse_route
from dialplan.engine.reading import MAX_DOCUMENT_BYTES
from dialplan.engine.tests.samples import DIAL_DESTINATION, document, documents, route


def problems_of(value: object) -> list[tuple[str, str, str]]:
    with pytest.raises(DialplanError) as caught:
        parse_document(value)
    return [(problem.route, problem.field, problem.message) for problem in caught.value.errors]


def action(kind: str, **params: Any) -> dict[str, Any]:
    return {"type": kind, "params": params}


@given(documents)
def test_a_document_survives_a_round_trip(value: dict[str, Any]) -> None:
    parsed = parse_document(value)
    assert parsed.model_dump(mode="json") == value
    assert parse_document_json(parsed.model_dump_json()) == parsed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
_route_keys = st.sampled_from(["id", "name", "pattern", "priority", "enabled", "actions", "x"])


@given(
    st.one_of(
        json_values,
        st.lists(st.dictionaries(_route_keys, json_values), max_size=3).map(
            lambda routes: {"routes": routes}
        ),
    )
)
def test_any_value_is_read_or_refused_with_problems(value: object) -> None:
    try:
        parsed = parse_document(value)
    except DialplanError as error:
        assert error.errors
        assert all(problem.message for problem in error.errors)
    else:
        assert parse_document(parsed.model_dump(mode="json")) == parsed


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        parse_document_json(data)
    except DialplanError as error:
        assert str(error)


def test_defaults_are_filled_in() -> None:
    parsed = parse_route(
        route(actions=[{"type": "dial", "params": {"target": "user/1"}}, {"type": "hangup"}])
    )
    assert parsed.model_dump(mode="json") == {
        "id": "r1",
        "name": "A route",
        "pattern": "*",
        "priority": 100,
        "enabled": True,
        "actions": [action("dial", target="user/1", timeout=30), action("hangup", reason="normal")],
    }


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        (action("dial", target="user/1", timeout="30"), "params.timeout", "must be a whole number"),
        (action("dial", target="user/1", timeout=2.5), "params.timeout", "must be a whole number"),
        (action("dial", target="user/1", timeout=True), "params.timeout", "must be a whole number"),
        (action("dial", target="user/1", timeout=0), "params.timeout", "must be at least 1"),
        (action("dial", target="user/1", timeout=601), "params.timeout", "must be at most 600"),
        (
            action("dial", target="user/1", time_out=3),
            "params.time_out",
            "is not a known field; is timeout meant?",
        ),
        (action("dial"), "params.target", "is required"),
        (action("dial", target=5), "params.target", "must be text"),
        (
            action("hangup", reason="tired"),
            "params.reason",
            "must be 'normal', 'busy', 'rejected' or 'unavailable'",
        ),
        (action("echo", loud=1), "params.loud", "is not a known field"),
        (action("dance"), "type", "'dance' is no action; there are play_audio, dial, hangup, echo, record"),
        ({"params": {}}, "type", "is required; there are play_audio, dial, hangup, echo, record"),
        (action("play_audio", file="../etc/x.wav"), "params.file", "'..' cannot be a part of a file name"),
        ({"type": "echo", "note": ""}, "note", "is not a known field"),
    ],
)
def test_it_names_route_field_and_reason_of_a_bad_action(wrong: object, field: str, message: str) -> None:
    value = document(route("good"), route("bad", actions=[DIAL_DESTINATION, wrong]))
    assert problems_of(value) == [("bad", f"routes[1].actions[1].{field}", message)]


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"pattern": "[1"}, "pattern", "the [ at character 1 is never closed"),
        ({"priority": 1_000_001}, "priority", "must be at most 1000000"),
        ({"enabled": "yes"}, "enabled", "must be true or false"),
        ({"name": ""}, "name", "must not be empty"),
        ({"name": "n" * 201}, "name", "must have at most 200 characters"),
        ({"name": "a\x00b"}, "name", "must have no control characters"),
        ({"actions": []}, "actions", "must have at least one entry"),
        ({"actions": {}}, "actions", "must be a list"),
        ({"actions": [{"type": "echo"}] * 51}, "actions", "must have at most 50 entries"),
        ({"prioritty": 3}, "prioritty", "is not a known field; is priority meant?"),
    ],
)
def test_it_names_the_field_of_a_bad_route(fields: dict[str, Any], field: str, message: str) -> None:
    assert problems_of(document(route(**fields))) == [("r1", f"routes[0].{field}", message)]
    with pytest.raises(DialplanError) as caught:
        parse_route(route(**fields))
    assert [(problem.route, problem.field) for problem in caught.value.errors] == [("r1", field)]


@pytest.mark.parametrize("bad_id", ["", "a b", "-a", "a/b", "ä", "a" * 65])
def test_it_refuses_an_id_that_is_no_plain_name(bad_id: str) -> None:
    [(_, field, message)] = problems_of(document(route(bad_id)))
    assert field == "routes[0].id"
    assert "letters, digits" in message


def test_every_problem_is_found_in_one_pass() -> None:
    value = document(route("a", pattern=""), route("b", priority="1", actions=[action("dial")]))
    assert [(route_id, field) for route_id, field, _ in problems_of(value)] == [
        ("a", "routes[0].pattern"),
        ("b", "routes[1].priority"),
        ("b", "routes[1].actions[0].params.target"),
    ]


def test_two_routes_cannot_share_an_id() -> None:
    value = document(route("a"), route("b"), route("a"))
    assert problems_of(value) == [("a", "routes[2].id", "a route before this one has the same id")]


def test_an_undefined_variable_is_found_when_the_route_is_read() -> None:
    value = document(route("a", actions=[action("dial", target="user/${dest}")]))
    [(route_id, field, message)] = problems_of(value)
    assert (route_id, field) == ("a", "routes[0].actions[0].params.target")
    assert message.startswith("${dest} is no variable; there are ${destination}")


def test_an_unknown_version_is_refused() -> None:
    assert problems_of({"version": "2.0", "routes": []}) == [("", "version", "must be '1.0'")]


def test_text_that_is_no_json_is_refused_with_its_place() -> None:
    with pytest.raises(DialplanError, match=r"this is no JSON: .* at line 2 column 1"):
        parse_document_json(b'{"routes": [\n}')


def test_json_that_is_nested_too_deep_is_refused() -> None:
    with pytest.raises(DialplanError, match="this is no JSON"):
        parse_document_json("[" * 100_000)


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(DialplanError, match="at most 16777216 bytes"):
        parse_document_json(b" " * (MAX_DOCUMENT_BYTES + 1))


def test_one_line_of_the_error_tells_one_problem() -> None:
    with pytest.raises(DialplanError) as caught:
        parse_document(document(route("a", pattern=""), route("b", name=3)))
    assert str(caught.value).splitlines() == [
        "route a: routes[0].pattern: a pattern is required; * matches every number",
        "route b: routes[1].name: must be text",
    ]


def test_the_json_schema_knows_every_action() -> None:
    schema = json_schema()
    mapping = schema["$defs"]["RouteDocument"]["properties"]["actions"]["items"]["discriminator"]["mapping"]
    assert set(mapping) == {"play_audio", "dial", "hangup", "echo", "record"}
    assert schema["additionalProperties"] is False
