# SPDX-License-Identifier: Apache-2.0
"""What peers can make the endpoint keep is bounded."""

from __future__ import annotations

import gc

from signaling.sip.endpoint_requests import EndpointLimits
from signaling.sip.events import RequestReceived, TransactionTimedOut
from signaling.sip.flow import Flow
from signaling.sip.message import SipResponse
from signaling.sip.tests.builders import HERE, UDP, Bench, outgoing, request_bytes
from signaling.sip.timers import COMPACT_MINIMUM


def limited(**limits: int) -> Bench:
    return Bench(limits=EndpointLimits(**limits))


def fill(bench: Bench, count: int, flow: Flow = UDP) -> None:
    for number in range(count):
        data = request_bytes(
            "OPTIONS", branch=f"z9hG4bK{flow.remote[0]}-{number}", call_id=f"{number}{flow.remote[0]}"
        )
        transaction, _ = bench.receive_request(data, flow)
        bench.respond(transaction, 200)
    bench.take_sent()
    bench.take_events()


def refused(bench: Bench, data: bytes, flow: Flow = UDP) -> bool:
    events = bench.receive(data, flow)
    sent = bench.take_sent()
    if events:
        return False
    (response,) = sent
    assert isinstance(response, SipResponse)
    assert (response.status, response.headers.get("Retry-After")) == (503, "5")
    return True


def test_a_full_table_refuses_new_requests_with_503_and_keeps_nothing() -> None:
    bench = limited(max_server_transactions=10)
    fill(bench, 10)
    assert refused(bench, request_bytes())
    assert bench.endpoint.server_transactions == 10


def test_retransmissions_are_answered_even_when_the_table_is_full() -> None:
    bench = limited(max_server_transactions=1)
    fill(bench, 1)
    bench.receive(request_bytes("OPTIONS", branch="z9hG4bK192.0.2.1-0", call_id="0192.0.2.1"))
    assert bench.take_statuses() == [200]


def test_one_source_cannot_take_the_whole_table() -> None:
    bench = limited(max_server_transactions_per_source=5)
    fill(bench, 5)
    assert refused(bench, request_bytes())
    assert not refused(bench, request_bytes(), Flow("udp", ("192.0.2.2", 5070), HERE))


def test_calls_can_still_end_when_the_table_is_full() -> None:
    bench = limited(max_server_transactions=5, in_dialog_reserve=2)
    fill(bench, 5)
    for number in range(2):
        data = request_bytes("BYE", to_tag="here", branch=f"z9hG4bKbye{number}", call_id=f"bye{number}")
        bench.respond(bench.receive_request(data)[0], 200)
    bench.take_sent()
    assert refused(bench, request_bytes("BYE", to_tag="here"))


def test_the_table_takes_requests_again_when_transactions_have_ended() -> None:
    bench = limited(max_server_transactions=3, max_server_transactions_per_source=3)
    fill(bench, 3)
    bench.advance(32)
    assert not refused(bench, request_bytes())


def challenge_flood(bench: Bench, first: int, last: int) -> None:
    """Answer INVITEs, each of another call, with a stateless 401."""
    endpoint = bench.endpoint
    template = request_bytes(branch="z9hG4bK@@@@@@", call_id="@@@@@@")
    for number in range(first, last):
        now = number * 1e-5
        endpoint.receive_datagram(template.replace(b"@@@@@@", b"%06d" % number), UDP, now)
        event = endpoint.next_event()
        assert type(event) is RequestReceived
        response = event.request.response(401, to_tag=endpoint.stateless_tag(event.request))
        endpoint.respond_stateless(event.request, response, event.flow, now)
        assert len(endpoint.datagrams_to_send(now)) == 1


def test_a_flood_of_100000_unauthenticated_invites_leaves_no_state() -> None:
    bench = Bench()
    challenge_flood(bench, 0, 10_000)  # Fills what caches there are below the endpoint.
    gc.collect()
    before = len(gc.get_objects())
    challenge_flood(bench, 10_000, 110_000)
    gc.collect()
    assert len(gc.get_objects()) - before < 100
    bench.assert_empty()


def test_ten_thousand_abandoned_transactions_are_all_freed_after_64_t1() -> None:
    bench = Bench()
    for number in range(2_500):
        for method in ("INVITE", "OPTIONS"):
            bench.do(bench.endpoint.send_request, outgoing(method, call_id=f"o{number}"), UDP)
            data = request_bytes(method, branch=f"z9hG4bK{method}{number}", call_id=f"i{number}{method}")
            bench.respond(bench.receive_request(data)[0], 486 if number % 2 else 200)
    assert bench.endpoint.client_transactions + bench.endpoint.server_transactions == 10_000
    bench.take_events()
    bench.advance(32)
    bench.assert_empty()
    assert bench.endpoint._core.queue.entries <= COMPACT_MINIMUM
    assert sum(type(event) is TransactionTimedOut for event in bench.take_events()) == 6_250


def test_a_finished_transaction_is_freed_without_the_garbage_collector() -> None:
    bench = Bench()
    gc.collect()
    gc.disable()
    try:
        fill(bench, 200)
        alive = len(gc.get_objects())
        bench.advance(32)
        assert alive - len(gc.get_objects()) > 200
        assert not [
            found for found in gc.get_objects() if type(found).__name__ == "NonInviteServerTransaction"
        ]
    finally:
        gc.enable()
