# SPDX-License-Identifier: Apache-2.0
"""The trace: messages and transitions as records, with secrets masked."""

from __future__ import annotations

from signaling.sip.tests.builders import UDP, Bench, request_bytes
from signaling.sip.trace import Direction, TraceRecord, mask_secrets


def traced() -> tuple[Bench, list[TraceRecord]]:
    records: list[TraceRecord] = []
    return Bench(trace=records.append), records


def test_each_message_and_each_transition_is_one_record() -> None:
    bench, records = traced()
    bench.now = 3.0
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 180)
    assert [(r.direction, r.first_line, r.flow, r.time) for r in records] == [
        (Direction.IN, "INVITE sip:600@198.51.100.1 SIP/2.0", UDP, 3.0),
        (Direction.STATE, "", UDP, 3.0),
        (Direction.OUT, "SIP/2.0 180 Ringing", UDP, 3.0),
    ]
    assert records[0].data == request_bytes()
    assert records[1].note == "INVITE server INVITE z9hG4bKone: Fresh -> Proceeding (send 1xx)"


def test_the_trace_is_switched_on_and_off_while_running() -> None:
    bench, records = traced()
    sink, bench.endpoint.trace = bench.endpoint.trace, None
    bench.receive(request_bytes())
    assert records == []
    bench.endpoint.trace = sink
    bench.receive(request_bytes())
    assert len(records) == 1


def test_a_dropped_message_says_why() -> None:
    bench, records = traced()
    bench.receive(request_bytes("ACK"))
    assert records[-1].note == "dropped: ACK that matches nothing"


def test_digest_responses_are_masked_in_place() -> None:
    line = b'Authorization: Digest username="alice", Response = "0123abc", nonce="n", response=ff\r\nrspauth="aa"'
    masked = mask_secrets(line)
    assert len(masked) == len(line)
    assert b'Response = "*******", nonce="n", response=**\r\nrspauth="**"' in masked


def test_keys_in_descriptions_are_masked_in_place() -> None:
    line = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:a+/b0Q==|2^20\r\na=crypto:2 X INLINE:zz9;inline:y\r\n"
    masked = mask_secrets(line)
    assert len(masked) == len(line)
    assert masked == (
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:********|2^20\r\na=crypto:2 X INLINE:***;inline:*\r\n"
    )


def test_a_record_of_a_request_with_credentials_holds_no_digest() -> None:
    bench, records = traced()
    bench.receive(request_bytes("REGISTER", extra=('Authorization: Digest response="c0ffee"',)))
    assert b"c0ffee" not in records[0].data
    assert len(records[0].data) == len(
        request_bytes("REGISTER", extra=('Authorization: Digest response="c0ffee"',))
    )


def test_the_same_inputs_give_the_same_bytes() -> None:
    def run() -> list[bytes]:
        bench = Bench()
        transaction, request = bench.receive_request(request_bytes())
        bench.do(bench.endpoint.respond_stateless, request, request.response(401, to_tag="t"), UDP)
        bench.respond(transaction, 200)
        bench.advance(5)
        return [data for _, data, _ in bench.sent]

    assert run() == run()
