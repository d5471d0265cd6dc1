# SPDX-License-Identifier: Apache-2.0
"""SipRequest and SipResponse: typed properties, answers and the bytes written."""

from __future__ import annotations

import pytest

from signaling.sip import (
    STAR,
    Headers,
    LocalProtocolError,
    RemoteProtocolError,
    SipRequest,
    SipResponse,
    SipUri,
    parse_message,
)
from signaling.sip.tests.samples import INVITE, OPTIONS, RESPONSE, replaced, with_line


def request(data: bytes = INVITE) -> SipRequest:
    message = parse_message(data)
    assert isinstance(message, SipRequest)
    return message


def test_a_request_answers_typed_values() -> None:
    message = request()
    assert (message.method, str(message.uri)) == ("INVITE", "sip:1002@switchboard.local")
    assert message.call_id == "3848276298220188511@192.0.2.10"
    assert (message.cseq.number, message.cseq.method) == (20716, "INVITE")
    assert (message.from_.display_name, message.from_.tag, message.to.tag) == ("Alice", "9fxced76sl", None)
    assert (message.top_via.branch, message.top_via.rport) == ("z9hG4bKPjc8f3a1b2e4d5", "")
    assert (message.max_forwards, message.expires, message.content_type) == (70, None, "application/sdp")
    assert message.name_addrs("Contact")[0].uri.param("ob") == ""
    assert message.body == b"v=0\r\n"


def test_a_request_in_compact_form_answers_the_same() -> None:
    message = request(OPTIONS)
    assert [via.host for via in message.vias] == ["[2001:db8::9:1]", "a.example.com", "b.example.com"]
    assert message.to.display_name == 'A "quoted" name'
    assert [contact.expires for contact in message.name_addrs("Contact")] == [60, 90]
    assert message.expires == 3600


def test_lists_of_addresses_are_answered() -> None:
    response = parse_message(RESPONSE)
    assert [str(route.uri) for route in response.record_routes] == [
        "sip:p1.example.com;lr",
        "sip:p2.example.com;lr",
    ]
    assert response.routes == []


def test_contact_star_is_told_apart() -> None:
    assert request(replaced(b"Contact", b"Contact: *")).contacts == STAR
    with pytest.raises(RemoteProtocolError):
        _ = request(with_line(b"Contact: *", INVITE)).contacts


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        (b"Call-ID", b"a b", "call_id"),
        (b"Call-ID", b"\xc3\xa9", "call_id"),
        (b"Call-ID", b"", "call_id"),
        (b"CSeq", b"x INVITE", "cseq"),
        (b"From", b"<", "from_"),
        (b"To", b"sip:", "to"),
        (b"Via", b"x", "top_via"),
        (b"Via", b"SIP/2.0/UDP h, x", "vias"),
        (b"Via", b'"', "vias"),
        (b"Contact", b"<sip:a@h>, <", "contacts"),
        (b"Max-Forwards", b"256", "max_forwards"),
        (b"Max-Forwards", b"-1", "max_forwards"),
        (b"Content-Type", b"sdp", "content_type"),
        (b"Content-Type", b"a/b/c", "content_type"),
    ],
)
def test_a_malformed_value_is_refused_when_asked_for(name: bytes, value: bytes, attribute: str) -> None:
    message = request(replaced(name, name + b": " + value))
    with pytest.raises(RemoteProtocolError) as caught:
        getattr(message, attribute)
    assert caught.value.status_hint == 400


@pytest.mark.parametrize("name", [b"Call-ID", b"CSeq", b"From", b"To", b"Via"])
def test_an_absent_mandatory_value_is_refused(name: bytes) -> None:
    message = request(replaced(name, b""))
    attribute = {b"From": "from_", b"Via": "top_via"}.get(name, name.decode().lower().replace("-", "_"))
    with pytest.raises(RemoteProtocolError):
        getattr(message, attribute)


@pytest.mark.parametrize(("text", "seconds"), [(b"0", 0), (b"7200", 7200), (b"1" + b"0" * 300, 2**32 - 1)])
def test_expires_is_clamped(text: bytes, seconds: int) -> None:
    assert request(with_line(b"Expires: " + text)).expires == seconds


def test_values_follow_the_headers() -> None:
    message = request()
    assert message.to.tag is None
    message.headers.set("To", str(message.to.with_tag("x")))
    assert message.to.tag == "x"


def test_the_top_via_is_replaced_alone() -> None:
    message = request(replaced(b"Via", b"Via: SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP c"))
    message.replace_top_via(message.top_via.replace_params(received="192.0.2.1"))
    assert message.top_via.received == "192.0.2.1"
    assert message.headers.get_all("Via") == [
        "SIP/2.0/UDP a;branch=1;received=192.0.2.1",
        "SIP/2.0/UDP b",
        "SIP/2.0/UDP c",
    ]
    message.remove_top_via()
    assert [via.host for via in message.vias] == ["b", "c"]


def test_it_writes_the_content_length_itself() -> None:
    headers = Headers([("Via", "SIP/2.0/UDP h"), ("Content-Length", "99"), ("Subject", "é")])
    message = SipRequest("MESSAGE", SipUri.parse("sip:a@h"), headers, b"\x00\xff")
    assert (
        message.to_bytes()
        == (
            "MESSAGE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nSubject: é\r\nContent-Length: 2\r\n\r\n"
        ).encode()
        + b"\x00\xff"
    )


@pytest.mark.parametrize("method", ["", "IN VITE", "A\r\nB", "é"])
def test_a_request_needs_a_token_as_method(method: str) -> None:
    with pytest.raises(LocalProtocolError):
        SipRequest(method, SipUri.parse("sip:a@h"), Headers())


def test_a_reason_cannot_break_the_status_line() -> None:
    with pytest.raises(LocalProtocolError):
        SipResponse(200, "OK\r\nVia: x", Headers()).to_bytes()


@pytest.mark.parametrize("status", [99, 700, -1])
def test_a_status_is_a_status(status: int) -> None:
    with pytest.raises(LocalProtocolError):
        SipResponse(status, None, Headers())


def test_a_response_copies_what_it_must() -> None:
    response = request(with_line(b"Record-Route: <sip:p;lr>")).response(180, to_tag="abc")
    assert response.reason == "Ringing"
    assert response.headers.items() == [
        ("Via", "SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z9hG4bKPjc8f3a1b2e4d5"),
        ("From", '"Alice" <sip:1001@switchboard.local>;tag=9fxced76sl'),
        ("To", "<sip:1002@switchboard.local>;tag=abc"),
        ("Call-ID", "3848276298220188511@192.0.2.10"),
        ("CSeq", "20716 INVITE"),
        ("Record-Route", "<sip:p;lr>"),
    ]


@pytest.mark.parametrize("status", [100, 404, 500])
def test_record_route_is_copied_only_where_a_dialog_can_start(status: int) -> None:
    assert "Record-Route" not in request(with_line(b"Record-Route: <sip:p;lr>")).response(status).headers
    options = request(with_line(b"Record-Route: <sip:p;lr>", OPTIONS))
    assert "Record-Route" not in options.response(200).headers


def test_a_trying_carries_the_timestamp() -> None:
    assert request(with_line(b"Timestamp: 54")).response(100).headers.get("Timestamp") == "54"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"To: sip:b@h", "sip:b@h;tag=new"),
        (b"To: <sip:b@h>;tag=old", "<sip:b@h>;tag=old"),
        (b"To: <sip:b@h> ; TAG = old", "<sip:b@h> ; TAG = old"),
        (b'To: "x;tag=y" <sip:b@h>', '"x;tag=y" <sip:b@h>;tag=new'),
        (b"To: <sip:b@h;tag=no>", "<sip:b@h;tag=no>;tag=new"),
        (b'To: "open;tag <sip:b@h>', '"open;tag <sip:b@h>'),
    ],
)
def test_a_tag_is_added_only_where_there_is_none(line: bytes, answer: str) -> None:
    assert request(replaced(b"To", line)).response(200, to_tag="new").headers.get("To") == answer


def test_a_tag_must_be_a_token() -> None:
    with pytest.raises(LocalProtocolError):
        request().response(200, to_tag="a;b")


def test_a_response_does_not_share_lines_with_its_request() -> None:
    message = request()
    message.response(200).headers.add("Via", "SIP/2.0/UDP other")
    assert len(message.headers.get_all("Via")) == 1


def test_a_copy_is_independent() -> None:
    message = request()
    copy = message.copy()
    copy.headers.remove("Via")
    copy.uri = SipUri.parse("sip:x@h")
    assert "Via" in message.headers and message.uri.user == "1002"
    answer = message.response(200)
    answer.copy().headers.remove("Via")
    assert "Via" in answer.headers


def test_a_malformed_request_uri_is_refused_when_asked_for() -> None:
    message = request(INVITE.replace(b"sip:1002@switchboard.local SIP", b"sip:1002@@x SIP"))
    with pytest.raises(RemoteProtocolError):
        _ = message.uri
    assert message.response(400).status == 400
