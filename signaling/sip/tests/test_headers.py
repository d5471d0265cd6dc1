# SPDX-License-Identifier: Apache-2.0
"""Headers: one lookup for every spelling, lists, and no way to write a line end."""

from __future__ import annotations

import pytest

from signaling.sip import Headers, LocalProtocolError, RemoteProtocolError, canonical_name
from signaling.sip.names import COMPACT_FORMS, KNOWN_NAMES


@pytest.mark.parametrize("name", KNOWN_NAMES)
def test_it_knows_each_name_in_any_case(name: str) -> None:
    assert {canonical_name(name.upper()), canonical_name(name.lower()), canonical_name(name)} == {name}


@pytest.mark.parametrize(("short", "name"), COMPACT_FORMS.items())
def test_it_folds_compact_forms(short: str, name: str) -> None:
    assert canonical_name(short) == canonical_name(short.upper()) == name


def test_it_spells_unknown_names_alike() -> None:
    assert canonical_name("x-FOO-bar") == canonical_name("X-Foo-Bar") == "X-Foo-Bar"


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\n", "é", "\u212a", "To "])
def test_it_knows_no_name_that_is_no_token(name: str) -> None:
    """U+212A is the Kelvin sign, whose lower case is k, the compact form of Supported."""
    assert canonical_name(name) is None


def test_it_answers_any_spelling() -> None:
    headers = Headers([("v", "one"), ("Via", "two"), ("VIA", "three"), ("x-a", "four")])
    assert headers.get("via") == "one"
    assert headers.get_all("V") == ["one", "two", "three"]
    assert "viA" in headers and "X-A" in headers and "To" not in headers
    assert "no token" not in headers
    assert headers.get("To") is None and headers.get("To", "?") == "?"
    assert headers.items() == [("Via", "one"), ("Via", "two"), ("Via", "three"), ("X-A", "four")]
    assert len(headers) == 4


def test_it_changes_lines() -> None:
    headers = Headers([("Via", "b"), ("To", "t")])
    headers.prepend("Via", "a")
    headers.prepend("Route", "r")
    headers.set("t", "u")
    headers.add("Via", "c")
    assert headers.items() == [("Route", "r"), ("Via", "a"), ("Via", "b"), ("Via", "c"), ("To", "u")]
    headers.remove("v")
    headers.remove("Absent")
    headers.set_all("Route", ["x", "y"])
    assert headers.items() == [("Route", "x"), ("Route", "y"), ("To", "u")]
    headers.set_all("Route", [])
    assert "Route" not in headers


def test_a_copy_is_independent() -> None:
    headers = Headers([("Via", "a")])
    copy = headers.copy()
    copy.add("Via", "b")
    assert headers.get_all("Via") == ["a"]
    assert copy != headers
    assert headers == Headers([("v", "a")])


def test_it_splits_lists_outside_quotes_and_brackets() -> None:
    headers = Headers(
        [
            ("Contact", '"a, \\"b" <sip:x@h;p=1,2>;q=1 , <sip:y@h>'),
            ("Contact", ""),
            ("Contact", "sip:z@h,,"),
            ("Allow", "INVITE,ACK ,  BYE"),
        ]
    )
    assert headers.get_list("m") == ['"a, \\"b" <sip:x@h;p=1,2>;q=1', "<sip:y@h>", "sip:z@h"]
    assert headers.get_list("Allow") == ["INVITE", "ACK", "BYE"]
    assert headers.get_list("Supported") == []


@pytest.mark.parametrize("value", ['"open, x', "<sip:a, b", 'x, "a\\"'])
def test_it_refuses_lists_with_open_quotes_or_brackets(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Headers([("Contact", value)]).get_list("Contact")


@pytest.mark.parametrize("value", ["a\r\nVia: x", "a\n", "\r", "a\r"])
@pytest.mark.parametrize("change", ["add", "set", "prepend"])
def test_it_refuses_line_ends(change: str, value: str) -> None:
    headers = Headers([("Subject", "x")])
    with pytest.raises(LocalProtocolError):
        getattr(headers, change)("Subject", value)
    with pytest.raises(LocalProtocolError):
        headers.set_all("Subject", [value])
    assert headers.items() == [("Subject", "x")]


@pytest.mark.parametrize("name", ["Via: x\r\nTo", "", "a b"])
def test_it_refuses_bad_names(name: str) -> None:
    with pytest.raises(LocalProtocolError):
        Headers().add(name, "x")


def test_it_forgets_remembered_values_when_changed() -> None:
    headers = Headers([("Subject", "x")])
    headers.memo["key"] = "x"
    headers.set("Subject", "y")
    assert headers.memo == {}
