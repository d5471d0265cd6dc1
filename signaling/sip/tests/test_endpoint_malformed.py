# SPDX-License-Identifier: Apache-2.0
"""What breaks the protocol is answered when it can be, else dropped, and never raises."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signaling.sip.events import MalformedReceived
from signaling.sip.tests.builders import UDP, Bench, outgoing, request_bytes, response_bytes

MALFORMED = {
    "no CSeq method": (b"CSeq: 1 OPTIONS", b"CSeq: 1", 400),
    "CSeq of another method": (b"CSeq: 1 OPTIONS", b"CSeq: 1 INFO", 400),
    "CSeq out of range": (b"CSeq: 1 OPTIONS", b"CSeq: 36893488147419103232 OPTIONS", 400),
    "body shorter than announced": (b"Content-Length: 0", b"Content-Length: 99", 400),
    "broken From": (b"From: Alice <sip:alice@example.com>", b'From: "Alice <sip:alice@example.com>', 400),
    "no From": (b"From: ", b"X-From: ", 400),
    "unknown scheme": (b"OPTIONS sip:600@198.51.100.1", b"OPTIONS ftp:600", 416),
    "unknown version": (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 505),
    "unknown version also in Via": (b"SIP/2.0\r\nVia: SIP/2.0", b"SIP/7.0\r\nVia: SIP/7.0", 505),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_is_answered_statelessly(what: str) -> None:
    old, new, status = MALFORMED[what]
    bench = Bench()
    (event,) = bench.receive(request_bytes("OPTIONS").replace(old, new, 1))
    assert isinstance(event, MalformedReceived)
    assert (event.error.status_hint, event.answered, event.flow) == (status, True, UDP)
    assert bench.take_statuses() == [status]
    bench.assert_empty()


UNANSWERABLE = {
    "no Via": (b"Via: ", b"X-Via: "),
    "broken Via": (b"SIP/2.0/UDP 192.0.2.1:5070", b"SIP/2.0/UDP"),
    "no headers at all": (b"\r\n", b"\n "),
}


@pytest.mark.parametrize("what", UNANSWERABLE)
def test_a_request_that_cannot_be_answered_is_dropped(what: str) -> None:
    old, new = UNANSWERABLE[what]
    bench = Bench()
    (event,) = bench.receive(request_bytes("OPTIONS").replace(old, new))
    assert isinstance(event, MalformedReceived)
    assert not event.answered
    assert bench.sent == []


def test_a_malformed_ack_is_never_answered() -> None:
    bench = Bench()
    (event,) = bench.receive(request_bytes("ACK").replace(b"CSeq: 1 ACK", b"CSeq: one ACK"))
    assert isinstance(event, MalformedReceived)
    assert (event.answered, bench.sent) == (False, [])


def test_an_ack_before_any_final_response_is_an_error_of_the_peer() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 180)
    (event,) = bench.receive(request_bytes("ACK"))
    assert isinstance(event, MalformedReceived)
    assert bench.take_statuses() == [180]


@pytest.mark.parametrize("old", [b"SIP/2.0 200", b"CSeq: 1 OPTIONS", b"SIP/2.0/UDP"])
def test_a_malformed_response_is_dropped(old: bytes) -> None:
    bench = Bench()
    request = outgoing("OPTIONS")
    bench.do(bench.endpoint.send_request, request, UDP)
    bench.take_sent()
    (event,) = bench.receive(response_bytes(request, 200).replace(old, old[:4], 1))
    assert isinstance(event, MalformedReceived)
    assert (event.answered, bench.sent) == (False, [])


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0", b"\0\0\0\0", b"\r\n", b"  \r\n"])
def test_keep_alives_are_no_messages(data: bytes) -> None:
    assert Bench().receive(data) == []


FRAGMENTS = st.sampled_from(
    [
        b"\r\n",
        b":",
        b";",
        b",",
        b"<",
        b">",
        b'"',
        b"\0",
        b"\xff",
        b" ",
        b"=",
        b"tag",
        b"SIP/2.0",
        b"9" * 30,
        b"Via: ",
    ]
)


@given(
    st.sampled_from(["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"]),
    st.lists(st.tuples(st.integers(0, 330), st.integers(0, 12), FRAGMENTS), min_size=1, max_size=6),
)
@example("CANCEL", [(0, 0, b"\r\n")])
def test_no_mutation_of_a_request_raises_or_leaves_state(
    method: str, edits: list[tuple[int, int, bytes]]
) -> None:
    bench = Bench()
    data = request_bytes(method, extra=("Route: <sip:a;lr>", "Record-Route: <sip:b;lr>"), body="v=0")
    for at, length, piece in edits:
        data = data[:at] + piece + data[at + length :]
    bench.receive(data)
    bench.assert_empty()


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise(data: bytes) -> None:
    Bench().receive(data)


@given(st.lists(st.tuples(st.integers(0, 250), st.integers(0, 12), FRAGMENTS), min_size=1, max_size=6))
def test_no_mutation_of_a_response_raises(edits: list[tuple[int, int, bytes]]) -> None:
    bench = Bench()
    request = outgoing()
    bench.do(bench.endpoint.send_request, request, UDP)
    data = response_bytes(request, 200)
    for at, length, piece in edits:
        data = data[:at] + piece + data[at + length :]
    bench.receive(data)
    bench.advance(100)
    bench.assert_empty()
