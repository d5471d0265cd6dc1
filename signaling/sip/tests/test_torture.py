# SPDX-License-Identifier: Apache-2.0
"""RFC 4475 and RFC 5118: each message is refused by the layer that must refuse it, or passes whole."""

from __future__ import annotations

import pytest

from signaling.sip import (
    ParseError,
    RemoteProtocolError,
    SipRequest,
    SipResponse,
    check_request,
    check_response,
    parse_message,
)
from signaling.sip.tests.torture_cases import RFC_4475, RFC_5118, TORTURE, TORTURE_CASES, Layer, TortureCase


def case(name: str) -> TortureCase:
    return next(row for row in TORTURE_CASES if row.name == name)


def request(name: str) -> SipRequest:
    message = parse_message(case(name).data)
    assert isinstance(message, SipRequest)
    check_request(message)
    return message


def check(message: SipRequest | SipResponse) -> None:
    if isinstance(message, SipRequest):
        check_request(message)
    else:
        check_response(message)


def test_the_corpus_and_the_table_are_complete() -> None:
    assert len(RFC_4475) == 49
    files = {path.stem for path in TORTURE.glob("*/*.dat")}
    assert files == {row.name for row in TORTURE_CASES}
    assert len(files) == 49 + len(RFC_5118)


@pytest.mark.parametrize("row", TORTURE_CASES, ids=lambda row: row.name)
def test_it_is_refused_by_the_right_layer_with_the_right_status(row: TortureCase) -> None:
    if row.layer is Layer.PARSER:
        with pytest.raises(ParseError) as caught:
            parse_message(row.data)
        if row.status is None:
            assert caught.value.request is None
        else:
            assert caught.value.status_hint == row.status
            assert caught.value.request is not None
        return
    message = parse_message(row.data)
    if row.layer is Layer.CHECK:
        with pytest.raises(RemoteProtocolError) as refused:
            check(message)
        assert refused.value.status_hint == (row.status or 400)
        return
    check(message)
    again = parse_message(message.to_bytes())
    assert again.body == message.body
    again.headers.remove("Content-Length")
    message.headers.remove("Content-Length")
    assert again.headers == message.headers


def test_it_reads_the_tortuous_invite() -> None:
    message = request("wsinv")
    assert message.to.tag == "1918181833n"
    assert message.from_.display_name == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert message.max_forwards == 68
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert [via.host for via in message.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    assert [via.branch for via in message.vias] == ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]
    assert message.headers.get("Subject") == ""
    assert message.headers.get("NewFangledHeader") == "newfangled value continued newfangled value"
    contact = message.name_addrs("Contact")[0]
    assert contact.display_name == 'Quoted string ""'
    assert (contact.param("newparam"), contact.param("secondparam"), contact.param("q")) == (
        "newvalue",
        "",
        "0.33",
    )
    assert message.routes[0].uri.param("unknown-no-value") == ""
    assert len(message.body) == 150


def test_it_reads_every_legal_character() -> None:
    message = request("intmeth")
    assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.top_via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.from_.display_name == "token1~` token2'+_ token3*%!.-"
    assert message.from_.param("fromparam''~+*_!.-%") == "работающий"
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    # Control characters in quoted pairs are legal, but none gets past the parser.
    assert message.to.display_name == "BEL:  NUL:  DEL: "


def test_it_decodes_escapes_once() -> None:
    message = request("esc01")
    assert message.uri.user == "sips:user@example.com"
    assert message.to.uri.user == "user"
    assert message.from_.uri.user == "I have spaces"
    contact = message.name_addrs("Contact")[0].uri
    assert contact.user == "caller"
    assert contact.params == (("lr", None), ("name", "value%41"))


def test_it_decodes_no_escapes_outside_uris() -> None:
    message = request("esc02")
    assert message.method == "RE%47IST%45R"
    assert message.to.display_name == "%Z%45"
    assert len(message.contacts) == 2


def test_it_keeps_an_escaped_nul() -> None:
    assert request("escnull").to.uri.aor == "sip:null-%00-null@example.com"


def test_it_reads_long_values() -> None:
    message = request("longreq")
    assert len(message.vias) == 34
    assert message.vias[-1].received == "192.0.2.5"
    assert message.to.uri.port == 6000


def test_it_drops_what_follows_the_content_length() -> None:
    message = request("dblreq")
    assert (message.method, message.body) == ("REGISTER", b"")


def test_it_finds_no_parameter_in_a_user_part() -> None:
    uri = request("semiuri").uri
    assert (uri.user, uri.params) == ("user;par=u@example.net", ())


def test_it_reads_unknown_transports() -> None:
    transports = [via.transport for via in request("transports").vias]
    assert transports == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]


def test_it_keeps_a_binary_body() -> None:
    message = request("mpart01")
    assert message.content_type == "multipart/mixed"
    assert len(message.body) == 553
    assert b"\x2a\x86\x48\x86\xf7\x0d" in message.body


def test_it_reads_any_reason_phrase() -> None:
    unusual, empty = parse_message(case("unreason").data), parse_message(case("noreason").data)
    assert isinstance(unusual, SipResponse) and isinstance(empty, SipResponse)
    assert unusual.reason.startswith("= 2**3 * 5**2 но сто")
    assert (empty.status, empty.reason) == (100, "")


def test_it_tells_header_parameters_from_uri_parameters() -> None:
    outside, inside = (
        request("cparam01").name_addrs("Contact")[0],
        request("cparam02").name_addrs("Contact")[0],
    )
    assert (outside.param("unknownparam"), outside.uri.params) == ("", ())
    assert (inside.param("unknownparam"), inside.uri.param("unknownparam")) == (None, "")


def test_it_keeps_the_headers_of_a_contact() -> None:
    assert request("regescrt").name_addrs("Contact")[0].uri.headers == (("Route", "<sip:sip.example.com>"),)


def test_it_accepts_a_client_of_rfc_2543() -> None:
    message = request("inv2543")
    assert (message.top_via.branch, message.max_forwards, message.from_.tag) == (None, None, None)


def test_it_reads_ipv6_references() -> None:
    assert request("ipv6-good").name_addrs("Contact")[0].uri.host == "[2001:db8::1]"
    ambiguous, plain = request("port-ambiguous").uri, request("port-unambiguous").uri
    assert (ambiguous.host, ambiguous.port) == ("[2001:db8::10:5070]", None)
    assert (plain.host, plain.port) == ("[2001:db8::10]", 5070)


def test_it_reads_received_with_and_without_brackets() -> None:
    assert request("via-received-param-with-delim").top_via.received == "[2001:db8::9:255]"
    assert request("via-received-param-no-delim").top_via.received == "2001:db8::9:255"
