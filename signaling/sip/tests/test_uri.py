# SPDX-License-Identifier: Apache-2.0
"""SipUri: parsing, escaping, canonical forms and the comparison of RFC 3261 19.1.4."""

from __future__ import annotations

import pytest

from signaling.sip import LocalProtocolError, RemoteProtocolError, SipUri, grammar
from signaling.sip.uri import MAX_URI_CHARS


def test_it_parses_every_component() -> None:
    uri = SipUri.parse("SIPS:alice:secret@Atlanta.COM:5061;Transport=TCP;lr?subject=x%20y&priority=urgent")
    assert (uri.scheme, uri.user, uri.password, uri.host, uri.port) == (
        "sips",
        "alice",
        "secret",
        "atlanta.com",
        5061,
    )
    assert uri.params == (("transport", "TCP"), ("lr", None))
    assert uri.headers == (("subject", "x y"), ("priority", "urgent"))
    assert uri.transport == "tcp"
    assert (uri.param("lr"), uri.param("maddr"), uri.param("maddr", "?")) == ("", None, "?")


@pytest.mark.parametrize(
    "text",
    [
        "sip:atlanta.com",
        "sip:[2001:db8::1]:5060;lr",
        "sip:+1-212-555-1212:1234@gateway.com;user=phone",
        "sip:a%20b%40c@h;x=%3B%3D",
        "sip:%C3%A9@h",
        "sip:*72%23@h",
        "tel:+1-201-555-0123;phone-context=example.com",
        "urn:service:sos",
    ],
)
def test_it_writes_what_it_read(text: str) -> None:
    assert str(SipUri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip",
        "sip:",
        "sip:@host",
        "sip:user@",
        "sip:user@host@other",
        "sip:user@host:0",
        "sip:user@host:65536",
        "sip:user@host:5060x",
        "sip:user@host:\u0665",
        "sip:user@host:",
        "sip:2001:db8::1",
        "sip:[2001:db8::1",
        "sip:[2001:db8:::1]",
        "sip:[fe80::1%25eth0]",
        "sip:[::1]x",
        "sip:us er@host",
        "sip:user@ho st",
        "sip:user@host;",
        "sip:user@host;;lr",
        "sip:user@host;lr;LR",
        "sip:user@host;a=",
        "sip:user@host?",
        "sip:user@host?name",
        "sip:%zz@host",
        "sip:%ff@host",
        "sip:user@host\r\nVia: x",
        "<sip:user@host>",
        "\u017fip:user@host",
        "tel:",
        "tel:+1 201",
        "tel:+1;;",
        "1sip:x",
        "name:<x>",
    ],
)
def test_it_refuses_malformed_uris(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse(text)
    assert caught.value.status_hint == 400


def test_it_refuses_long_uris_with_414() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        SipUri.parse("sip:" + "a" * MAX_URI_CHARS + "@h")
    assert caught.value.status_hint == 414


def test_it_parses_uris_too_long_to_be_remembered() -> None:
    assert SipUri.parse("sip:" + "a" * 1000 + "@h").user == "a" * 1000


@pytest.mark.parametrize("user", ["a\r\nVia: x", 'a"b<c>', "a@b", "a b", "a:b", "a%41", "é", "\x00", "a#b"])
def test_it_escapes_any_user(user: str) -> None:
    text = str(SipUri(user=user, host="h", params=(("x", user),), headers=(("y", user),)))
    assert not set(text) & set(' \r\n<>"')
    assert SipUri.parse(text).user == user
    assert SipUri.parse(text).param("x") == user
    assert SipUri.parse(text).headers == (("y", user),)


@pytest.mark.parametrize("host", ["", "a b", "a\r\nb", "a>b", "a@b", "[::1", "2001:db8::1"])
def test_it_cannot_be_built_with_a_bad_host(host: str) -> None:
    with pytest.raises(LocalProtocolError):
        SipUri(user="a", host=host)


def test_it_cannot_be_built_with_a_bad_scheme() -> None:
    with pytest.raises(LocalProtocolError):
        SipUri(scheme="x y", user="a")
    with pytest.raises(LocalProtocolError):
        SipUri(scheme="tel", user="1", host="example.com")


def test_its_aor_is_canonical() -> None:
    uri = SipUri.parse("sips:%61lice:pw@EXAMPLE.com:5061;transport=tcp?x=y")
    assert uri.aor == "sip:alice@example.com"
    assert SipUri.parse("sip:example.com").aor == "sip:example.com"
    assert SipUri.parse("tel:+123").aor == "tel:+123"


def test_it_is_a_value() -> None:
    uri = SipUri.parse("sip:alice@example.com")
    assert uri == SipUri(user="alice", host="example.com")
    assert {uri: 1}[SipUri.parse("sip:alice@EXAMPLE.com")] == 1
    assert str(uri.replace(port=5070, params=(("lr", None),))) == "sip:alice@example.com:5070;lr"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        ("sip:a@h?subject=x&priority=y", "sip:a@h?priority=y&subject=x"),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0:0::1]"),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
    ],
)
def test_it_finds_equivalent_uris_equal(one: str, other: str) -> None:
    assert SipUri.parse(one).equals(SipUri.parse(other))
    assert SipUri.parse(other).equals(SipUri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM", "sip:alice@AtLanTa.CoM"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:a@h;x=1", "sip:a@h;x=2"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:a:pw@h"),
        ("tel:+1", "tel:1"),
    ],
)
def test_it_finds_different_uris_different(one: str, other: str) -> None:
    assert not SipUri.parse(one).equals(SipUri.parse(other))


def test_a_uri_that_was_written_equals_one_that_was_not_and_changes_with_its_fields() -> None:
    written = SipUri(user="a", host="h")
    assert str(written) == str(written) == "sip:a@h"
    assert written == SipUri(user="a", host="h")
    assert hash(written) == hash(SipUri(user="a", host="h"))
    assert str(written.replace(port=5070)) == "sip:a@h:5070"
    assert "_text" not in repr(written)


def test_of_ports_with_thousands_of_zeros_nothing_is_kept():
    kept = grammar._remembered_port.cache_info().currsize
    for zeros in range(10):
        assert grammar.parse_port("0" * (7000 + zeros) + "5060") == 5060
    assert grammar._remembered_port.cache_info().currsize == kept
