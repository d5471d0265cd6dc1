# SPDX-License-Identifier: Apache-2.0
"""Routes and strategies that the tests of the engine share."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

DIAL_DESTINATION = {"type": "dial", "params": {"target": "user/${destination}", "timeout": 30}}


def route(route_id: str = "r1", pattern: str = "*", **fields: Any) -> dict[str, Any]:
    """Return a valid route as a JSON reader returns it, with some fields replaced."""
    return {"id": route_id, "name": "A route", "pattern": pattern, "actions": [DIAL_DESTINATION]} | fields


def document(*routes: dict[str, Any]) -> dict[str, Any]:
    """Return a document of these routes as a JSON reader returns it."""
    return {"version": "1.0", "routes": list(routes)}


_digits = st.sampled_from("0123")
_class = st.builds(
    lambda negated, first, last: f"[{'!' if negated else ''}{min(first, last)}-{max(first, last)}]",
    st.booleans(),
    _digits,
    _digits,
)
_set = st.builds(
    lambda chars: f"[{''.join(sorted(chars))}]", st.sets(st.sampled_from("0123*#"), min_size=1, max_size=3)
)
_token = st.one_of(_digits, st.sampled_from("*?"), _class, _set)
globs = st.lists(_token, min_size=1, max_size=8).map("".join)
"""Globs over a small alphabet that `fnmatch` reads the same way."""
numbers = st.text(alphabet="0123*#a", max_size=10)

_targets = st.sampled_from(
    ["user/1001", "user/${destination}", "sip:100@192.0.2.10:5060", "sip:${caller_id}@[2001:db8::1]"]
)
actions = st.one_of(
    st.builds(lambda f: {"type": "play_audio", "params": {"file": f}}, st.sampled_from(["a.wav", "b/c.wav"])),
    st.builds(
        lambda target, timeout: {"type": "dial", "params": {"target": target, "timeout": timeout}},
        _targets,
        st.integers(1, 600),
    ),
    st.builds(
        lambda reason: {"type": "hangup", "params": {"reason": reason}},
        st.sampled_from(["normal", "busy", "rejected", "unavailable"]),
    ),
    st.just({"type": "echo", "params": {}}),
)
routes = st.builds(
    lambda pattern, priority, enabled, acts: route(
        pattern=pattern, priority=priority, enabled=enabled, actions=acts
    ),
    globs,
    st.integers(-3, 3),
    st.booleans(),
    st.lists(actions, min_size=1, max_size=4),
)
documents = st.lists(routes, max_size=12).map(
    lambda found: document(*({**one, "id": f"r{index}"} for index, one in enumerate(found)))
)
