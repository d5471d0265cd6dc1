# SPDX-License-Identifier: Apache-2.0
"""NameAddr, Via and CSeq."""

from __future__ import annotations

import pytest

from signaling.sip import CSeq, LocalProtocolError, NameAddr, RemoteProtocolError, SipUri, Via


@pytest.mark.parametrize(
    ("text", "display_name", "uri", "params"),
    [
        ("sip:a@h", "", "sip:a@h", ()),
        ("sip:a@h;tag=1", "", "sip:a@h", (("tag", "1"),)),
        ("<sip:a@h;lr>;tag=1", "", "sip:a@h;lr", (("tag", "1"),)),
        ('"<x>;tag=2" <sip:a@h>;tag=1', "<x>;tag=2", "sip:a@h", (("tag", "1"),)),
        ("<sip:a@h>;x=y;tag=1", "", "sip:a@h", (("x", "y"), ("tag", "1"))),
        ("Bob <sip:a@h>", "Bob", "sip:a@h", ()),
        ("Bob\tB\t<sip:a@h>", "Bob B", "sip:a@h", ()),
        ("Mr. Bob Jr.<sip:a@h>", "Mr. Bob Jr.", "sip:a@h", ()),
        ("Müller <sip:a@h>", "Müller", "sip:a@h", ()),
        ('"A, \\"B\\" \\\\<x>" <sip:a@h> ; tag = 1', 'A, "B" \\<x>', "sip:a@h", (("tag", "1"),)),
        ('"a\tb" <sip:a@h>;x="c\td"', "a b", "sip:a@h", (("x", '"c\td"'),)),
        ('""<sip:a@h>', "", "sip:a@h", ()),
        ("<sip:a@h>;x;y=\"q;=\\\"\";Z=[::1]", "", "sip:a@h", (("x", None), ("y", '"q;=\\""'), ("z", "[::1]"))),
        ("<tel:+1;phone-context=x>", "", "tel:+1;phone-context=x", ()),
    ],
)  # fmt: skip
def test_a_name_addr_parses(text: str, display_name: str, uri: str, params: tuple) -> None:
    value = NameAddr.parse(text)
    assert (value.display_name, str(value.uri), value.params) == (display_name, uri, params)
    assert NameAddr.parse(str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "<sip:a@h",
        '"Bob <sip:a@h>',
        "sip:a@h>;tag=1",
        '<sip:a@h>;x="y>;tag=1',
        "<sip:a@h>;tag=2;x=y>;tag=1",
        '"Bob" sip:a@h',
        '"Bob\\" <sip:a@h>',
        "Bob, Jr <sip:a@h>",
        "sip:a@h?x=y",
        "sip:a,b@h",
        "< sip:a@h>",
        "<sip:a@h>x",
        "<sip:a@h>;",
        "<sip:a@h>;;x",
        "<sip:a@h>;tag=1;TAG=2",
        "<sip:a@h>;x=",
        '<sip:a@h>;x="a"b',
        '<sip:a@h>;x="a',
        "<sip:a@h>;x=a b",
        "<sip:a@h>;x=a,b",
        "<sip:a@h>;\u212a=1",
    ],
)
def test_a_malformed_name_addr_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        NameAddr.parse(text)
    assert caught.value.status_hint == 400


def test_a_name_addr_answers_its_parameters() -> None:
    value = NameAddr.parse('<sip:a@h>;tag=1;expires=60;+sip.instance="<urn:uuid:1>";ob')
    assert (value.tag, value.expires, value.param("+sip.instance"), value.param("ob")) == (
        "1",
        60,
        "<urn:uuid:1>",
        "",
    )
    assert (value.param("q"), value.param("q", "1")) == (None, "1")
    assert NameAddr.parse("<sip:a@h>").tag is None
    assert NameAddr.parse("<sip:a@h>").expires is None
    assert str(value.with_tag("2")).endswith(";ob;tag=2")


def test_contact_expires_is_bounded() -> None:
    assert NameAddr.parse("<sip:a@h>;expires=280297596632815").expires == 2**32 - 1
    with pytest.raises(RemoteProtocolError):
        _ = NameAddr.parse("<sip:a@h>;expires=-1").expires


@pytest.mark.parametrize("text", ["a\r\nVia: x", 'a"b', "a\\", "a>b", "\x00"])
def test_a_name_addr_escapes_what_it_is_built_of(text: str) -> None:
    value = str(NameAddr(uri=SipUri(user=text, host="h"), display_name=text, params=(("x", text),)))
    assert "\r" not in value and "\n" not in value and "\x00" not in value
    again = NameAddr.parse(value)
    assert again.uri.user == text
    assert (again.display_name, again.param("x")) == (spaced(text), spaced(text))


def spaced(text: str) -> str:
    return "".join(" " if char < " " else char for char in text)


@pytest.mark.parametrize(
    ("text", "transport", "host", "port"),
    [
        ("SIP/2.0/UDP pc33.Atlanta.com;branch=z9hG4bK1", "UDP", "pc33.atlanta.com", None),
        ("SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK1", "TLS", "192.0.2.1", 5061),
        ("sip/2.0/udp [2001:DB8::1]:5060 ;branch=z9hG4bK1", "UDP", "[2001:db8::1]", 5060),
        ("SIP / 2.0 / UDP first.example.com: 4000;branch=z9hG4bK1", "UDP", "first.example.com", 4000),
        ("SIP/2.0/UDP\tfirst.example.com :4000 ; branch = z9hG4bK1", "UDP", "first.example.com", 4000),
    ],
)
def test_a_via_parses(text: str, transport: str, host: str, port: int | None) -> None:
    via = Via.parse(text)
    assert (via.transport, via.host, via.port, via.branch) == (transport, host, port, "z9hG4bK1")
    assert Via.parse(str(via)) == via


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0 h",
        "SIP/3.0/UDP h",
        "HTTP/2.0/UDP h",
        "\u017fip/2.0/UDP h",
        "SIP/2.0/U(P h",
        "SIP/2.0/UDP h:0",
        "SIP/2.0/UDP h:99999",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP h;branch=1;branch=2",
        "SIP/2.0/UDP h;;",
        "SIP/2.0/UDP 2001:db8::1",
        "SIP/2.0/UDP h/x/y",
    ],
)
def test_a_malformed_via_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Via.parse(text)
    assert caught.value.status_hint == 400


def test_a_via_tells_the_three_states_of_rport() -> None:
    assert Via.parse("SIP/2.0/UDP h").rport is None
    assert Via.parse("SIP/2.0/UDP h;rport").rport == ""
    assert Via.parse("SIP/2.0/UDP h;rport=5060").rport == "5060"


def test_a_via_replaces_parameters_in_place() -> None:
    via = Via.parse("SIP/2.0/UDP h;rport;ttl=1;branch=z9hG4bK1")
    assert str(via.replace_params(received="192.0.2.1", rport="5060", ttl=None)) == (
        "SIP/2.0/UDP h;rport=5060;branch=z9hG4bK1;received=192.0.2.1"
    )
    assert via.replace_params(rport="").rport == ""


@pytest.mark.parametrize(("host", "transport"), [("a b", "UDP"), ("h\r\n", "UDP"), ("h", "U P"), ("", "UDP")])
def test_a_via_cannot_be_built_of_bad_parts(host: str, transport: str) -> None:
    with pytest.raises(LocalProtocolError):
        Via(transport=transport, host=host)


@pytest.mark.parametrize(
    ("text", "number", "method"),
    [
        ("1 INVITE", 1, "INVITE"),
        ("2147483647 BYE", 2**31 - 1, "BYE"),
        ("0009 \t X", 9, "X"),
        ("0 A", 0, "A"),
    ],
)
def test_a_cseq_parses(text: str, number: int, method: str) -> None:
    assert CSeq.parse(text) == CSeq(number=number, method=method)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "INVITE",
        "1 INVITE x",
        "2147483648 INVITE",
        "-1 INVITE",
        "1 IN(VITE",
        "\u0661 INVITE",
        "9" * 5000,
    ],
)
def test_a_malformed_cseq_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        CSeq.parse(text)
