# SPDX-License-Identifier: Apache-2.0
"""parse_message and check_request: one reading of each message, bounds, and errors that can be answered."""

from __future__ import annotations

import pytest

from signaling.sip import (
    ParseError,
    ParseLimits,
    RemoteProtocolError,
    SipRequest,
    SipResponse,
    check_request,
    check_response,
    parse_message,
)
from signaling.sip.tests.samples import INVITE, OPTIONS, RESPONSE, replaced, with_line


def request(data: bytes) -> SipRequest:
    message = parse_message(data)
    assert isinstance(message, SipRequest)
    return message


def refusal(data: bytes, limits: ParseLimits | None = None) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse_message(data, limits or ParseLimits())
    return caught.value


def test_it_parses_a_response() -> None:
    response = parse_message(RESPONSE)
    assert isinstance(response, SipResponse)
    assert (response.status, response.reason) == (180, "Ringing")


def test_line_ends_before_the_start_line_are_skipped() -> None:
    assert request(b"\r\n\r\n" + INVITE).method == "INVITE"


@pytest.mark.parametrize(
    "data",
    [
        INVITE.replace(b"\r\n", b"\n"),
        INVITE.replace(b"\r\n", b"\n", 3),
        INVITE.replace(b"\r\n\r\n", b"\n\r\n"),
    ],
    ids=["all", "some", "one"],
)
def test_bare_line_feeds_are_line_ends_everywhere(data: bytes) -> None:
    message = request(data.replace(b"Content-Length: 5", b"Content-Length: 0"))
    assert message.headers.get("Call-ID") == "3848276298220188511@192.0.2.10"
    assert len(message.headers) == 11


def test_a_blank_line_of_bare_line_feeds_ends_the_head() -> None:
    """Else one element would see a header where another sees a body."""
    message = request(with_line(b"X: y\n\nTo: <sip:evil@h>", replaced(b"Content-Length", b"")))
    assert "To" not in message.headers
    assert message.body.startswith(b"To: <sip:evil@h>\r\nVia")


@pytest.mark.parametrize(
    "line",
    [b"Subject: a\rb", b"Subject: a\r", b"Subject: \x00", b"Subject: \x1b[2J", b"Sub\x07ject: a", b"X: \x7f"],
)
def test_bare_control_characters_are_refused(line: bytes) -> None:
    assert refusal(with_line(line)).status_hint == 400


def test_escaped_control_characters_become_spaces() -> None:
    assert request(with_line(b'Subject: "\\\x00\\\x1b\\\\"')).headers.get("Subject") == '"\\ \\ \\\\"'
    assert refusal(with_line(b'Subject: "\\\\\x00"')).status_hint == 400
    assert refusal(with_line(b'Subject: "\\\x00' + b"a" * 8192 + b'"')).status_hint == 400


def test_bytes_that_are_not_utf_8_are_replaced() -> None:
    assert (
        request(replaced(b"From", b'From: "M\xfcller" <sip:a@h>;tag=1')).from_.display_name == "M\ufffdller"
    )


def test_folded_lines_are_joined() -> None:
    message = request(with_line(b"Subject: a\r\n  b  \r\n\tc\r\nTo:\r\n <sip:x@h>", replaced(b"To", b"")))
    assert message.headers.get("Subject") == "a b c"
    assert message.to.uri.user == "x"


def test_a_fold_after_the_start_line_is_refused() -> None:
    assert refusal(with_line(b" Via: SIP/2.0/UDP h")).status_hint == 400


def test_space_before_the_colon_hides_no_header() -> None:
    message = request(with_line(b"To \t : <sip:other@h>"))
    assert len(message.headers.get_all("To")) == 2
    with pytest.raises(RemoteProtocolError):
        check_request(message)


@pytest.mark.parametrize(
    "line", [b"no colon", b": no name", b"a b: c", b"\xe2\x84\xaa: x", b"a\xa0: x", b"(): x"]
)
def test_bad_header_lines_are_refused(line: bytes) -> None:
    assert refusal(with_line(line)).status_hint == 400


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"INVITE",
        b"INVITE sip:a@h",
        b"INVITE  sip:a@h SIP/2.0",
        b"INVITE sip:a@h  SIP/2.0",
        b"INVITE sip:a@h SIP/2.0 ",
        b" INVITE sip:a@h SIP/2.0",
        b"INVITE\tsip:a@h\tSIP/2.0",
        b"INV(ITE sip:a@h SIP/2.0",
        b"INVITE sip:a@h HTTP/1.1",
        b"SIP/2.0 99 x",
        b"SIP/2.0 700 x",
        b"SIP/2.0 20 x",
        b"SIP/2.0 2000 x",
        b"SIP/2.0 +20 x",
        b"SIP/2.0  200 x",
        b"SIP/2.0",
    ],
)
def test_bad_start_lines_are_refused(start: bytes) -> None:
    assert refusal(start + INVITE[INVITE.index(b"\r\n") :]).status_hint == 400


@pytest.mark.parametrize("version", [b"SIP/3.0", b"SIP/2.1", b"sip/7.0", b"SIP/2.00"])
def test_other_versions_are_refused_with_505(version: bytes) -> None:
    error = refusal(INVITE.replace(b"SIP/2.0\r\nVia", version + b"\r\nVia"))
    assert error.status_hint == 505
    assert error.request is not None


def test_versions_and_schemes_are_read_in_any_case() -> None:
    message = request(
        INVITE.replace(b"sip:1002@switchboard.local SIP/2.0", b"SIP:1002@SWITCHBOARD.local sip/2.0")
    )
    assert str(message.uri) == "sip:1002@switchboard.local"
    assert parse_message(RESPONSE.replace(b"SIP/2.0 180", b"sip/2.0 180")).status == 180  # type: ignore[union-attr]


def test_the_content_length_cuts_the_body() -> None:
    assert request(INVITE + b"rest").body == b"v=0\r\n"
    assert request(replaced(b"Content-Length", b"l: 0")).body == b""
    assert request(replaced(b"Content-Length", b"")).body == b"v=0\r\n"
    assert request(replaced(b"Content-Length", b"L  : 00005 ")).body == b"v=0\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 6",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 5.0",
        b"Content-Length: 0x5",
        b"Content-Length:",
        b"Content-Length: 5, 5",
        b"Content-Length: 5\r\nContent-Length: 5",
        b"Content-Length: 5\r\nl : 4",
        b"Content-Length: " + b"9" * 5000,
        b"Content-Length: \xd9\xa5",
    ],
)
def test_a_bad_content_length_is_refused(line: bytes) -> None:
    assert refusal(replaced(b"Content-Length", line)).status_hint == 400


@pytest.mark.parametrize("end", [0, 1, 10, 60, 200, INVITE.index(b"\r\n\r\n") + 3])
def test_a_cut_head_is_refused(end: int) -> None:
    assert refusal(INVITE[:end]).status_hint == 400


def test_it_bounds_the_message() -> None:
    assert refusal(INVITE + b"a" * 65536).status_hint == 513
    assert refusal(INVITE, ParseLimits(max_message_bytes=len(INVITE) - 1)).status_hint == 513


def test_it_bounds_the_headers() -> None:
    limits = ParseLimits(max_headers=11)
    assert request(INVITE).method == parse_message(INVITE, limits).method == "INVITE"  # type: ignore[union-attr]
    assert refusal(with_line(b"X: y"), limits).status_hint == 400
    assert refusal(with_line(b"X: " + b"y" * 8192)).status_hint == 400
    assert refusal(with_line(b"X: y\r\n " + b"y" * 5000 + b"\r\n " + b"y" * 5000)).status_hint == 400
    assert request(with_line(b"X: " + b"y" * 8000)).headers.get("X") == "y" * 8000


def test_it_bounds_the_request_uri() -> None:
    long = INVITE.replace(b"sip:1002@", b"sip:" + b"1" * 2048 + b"@")
    assert refusal(long).status_hint == 414
    assert request(INVITE.replace(b"sip:1002@", b"sip:" + b"1" * 2000 + b"@")).uri.user == "1" * 2000


def test_an_error_carries_what_an_answer_needs() -> None:
    broken = refusal(with_line(b"no colon")).request
    assert broken is not None
    answer = broken.response(400, to_tag="x")
    assert answer.call_id == "3848276298220188511@192.0.2.10"
    assert answer.top_via.branch == "z9hG4bKPjc8f3a1b2e4d5"
    assert (answer.to.tag, answer.cseq.method) == ("x", "INVITE")


@pytest.mark.parametrize(
    "data",
    [
        with_line(b"no colon", INVITE.replace(b"INVITE", b"ACK")),
        with_line(b"no colon", RESPONSE),
        with_line(b"no colon", replaced(b"Via", b"")),
        with_line(b"no colon", replaced(b"Call-ID", b"")),
        with_line(b"X: \x00"),
        b"\x80" * 100,
        b"",
    ],
    ids=["ack", "response", "no via", "no call-id", "controls", "noise", "empty"],
)
def test_an_error_that_must_not_be_answered_carries_no_request(data: bytes) -> None:
    assert refusal(data).request is None


@pytest.mark.parametrize("data", [INVITE, OPTIONS])
def test_a_sound_request_passes_the_checks(data: bytes) -> None:
    check_request(request(data))


def test_a_sound_response_passes_the_checks() -> None:
    response = parse_message(RESPONSE)
    assert isinstance(response, SipResponse)
    check_response(response)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (replaced(b"Via", b""), 400),
        (replaced(b"From", b""), 400),
        (replaced(b"To", b""), 400),
        (replaced(b"Call-ID", b""), 400),
        (replaced(b"CSeq", b""), 400),
        (replaced(b"CSeq", b"CSeq: 1 BYE"), 400),
        (replaced(b"CSeq", b"CSeq: 1 invite"), 400),
        (replaced(b"CSeq", b"CSeq: 2147483648 INVITE"), 400),
        (with_line(b"i: other"), 400),
        (with_line(b"Max-Forwards: 70"), 400),
        (with_line(b"f: <sip:x@h>;tag=2"), 400),
        (with_line(b"Via: x"), 400),
        (replaced(b"Via", b"Via: SIP/2.0/UDP h;branch=z9hG4bK1, x"), 400),
        (replaced(b"Max-Forwards", b"Max-Forwards: 300"), 400),
        (replaced(b"Max-Forwards", b"Max-Forwards: 0"), 483),
        (replaced(b"Contact", b"Contact: <sip:a@h>;;"), 400),
        (with_line(b"Route: <x"), 400),
        (with_line(b"Record-Route: x"), 400),
        (INVITE.replace(b"sip:1002@switchboard.local SIP", b"http://h/ SIP"), 416),
        (INVITE.replace(b"sip:1002@switchboard.local SIP", b"sip:1002@h?To=x SIP"), 400),
        (INVITE.replace(b"sip:1002@switchboard.local SIP", b"sip:1002@ SIP"), 400),
    ],
)
def test_a_bad_request_is_refused_with_its_status(data: bytes, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        check_request(request(data))
    assert caught.value.status_hint == status


@pytest.mark.parametrize(
    "data",
    [
        replaced(b"Max-Forwards", b""),
        replaced(b"Max-Forwards", b"Max-Forwards: 0", OPTIONS),
        replaced(b"Max-Forwards", b"Max-Forwards: 0").replace(b"To: <sip:1002@switchboard.local>", b"To: <sip:b@h>;tag=2"),
        INVITE.replace(b"sip:1002@switchboard.local SIP", b"tel:+12015550123 SIP"),
        replaced(b"From", b"From: <http://example.com/>;tag=1"),
    ],
    ids=["no max-forwards", "options for us", "in a dialog", "tel", "other scheme in From"],
)  # fmt: skip
def test_a_lenient_case_passes_the_checks(data: bytes) -> None:
    check_request(request(data))


@pytest.mark.parametrize("name", [b"Via", b"CSeq", b"Call-ID", b"From", b"To"])
def test_a_bad_response_fails_the_checks(name: bytes) -> None:
    response = parse_message(replaced(name, b"", RESPONSE))
    assert isinstance(response, SipResponse)
    with pytest.raises(RemoteProtocolError):
        check_response(response)
