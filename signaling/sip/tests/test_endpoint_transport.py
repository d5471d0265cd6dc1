# SPDX-License-Identifier: Apache-2.0
"""Lost connections and failed sends (RFC 3261 8.1.3.1, 17.1.4, 18.2.2, RFC 6026)."""

from __future__ import annotations

import pytest

from signaling.sip.events import TransportFailed
from signaling.sip.flow import Flow
from signaling.sip.tests.builders import HERE, TCP, UDP, Bench, outgoing, request_bytes, response_bytes
from signaling.sip.transaction_tables import State

VIA_TCP = "SIP/2.0/TCP 192.0.2.1:5071"
OTHER = TCP._replace(connection=8)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_request_whose_connection_fails_is_reported_and_ends(method: str) -> None:
    bench = Bench()
    transaction = bench.do(bench.endpoint.send_request, outgoing(method), TCP)
    bench.do(bench.endpoint.transport_failed, TCP)
    assert bench.take_events() == [TransportFailed(transaction)]
    bench.assert_empty()


def test_another_connection_to_the_same_peer_is_not_touched() -> None:
    bench = Bench()
    bench.do(bench.endpoint.send_request, outgoing(), TCP)
    bench.do(bench.endpoint.transport_failed, OTHER)
    assert bench.take_events() == []
    assert bench.endpoint.client_transactions == 1


def test_a_ringing_call_survives_its_connection_and_is_answered_over_another() -> None:
    bench = Bench()
    request = outgoing()
    bench.do(bench.endpoint.send_request, request, TCP)
    bench.receive(response_bytes(request, 180), TCP)
    bench.do(bench.endpoint.transport_failed, TCP)
    bench.take_events()
    assert len(bench.receive(response_bytes(request, 200), OTHER)) == 1


def test_a_response_goes_by_a_new_connection_when_that_of_the_request_is_lost() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes(via=VIA_TCP), TCP)
    bench.respond(transaction, 180)
    bench.do(bench.endpoint.transport_failed, TCP)
    bench.respond(transaction, 200)
    reopened = Flow("tcp", ("192.0.2.1", 5071), HERE, 0)
    assert [flow for _, _, flow in bench.sent] == [TCP, reopened]
    bench.take_events()
    bench.do(bench.endpoint.transport_failed, reopened)
    assert bench.take_events() == [TransportFailed(transaction)]
    assert transaction.state is State.ACCEPTED


def test_a_websocket_cannot_be_opened_again() -> None:
    bench = Bench()
    flow = TCP._replace(transport="wss")
    transaction, _ = bench.receive_request(request_bytes("OPTIONS", via="SIP/2.0/WSS x.invalid"), flow)
    bench.do(bench.endpoint.accept, transaction)
    bench.take_events()
    bench.do(bench.endpoint.transport_failed, flow)
    assert bench.take_events() == [TransportFailed(transaction)]
    bench.assert_empty()


def test_an_answer_after_a_failed_transport_is_absorbed() -> None:
    bench = Bench()
    transaction, request = bench.receive_request(request_bytes("OPTIONS"))
    bench.do(bench.endpoint.accept, transaction)
    bench.do(bench.endpoint.transport_failed, UDP)
    bench.do(bench.endpoint.respond, transaction, request.response(200, to_tag="here"))
    assert bench.sent == []
    bench.assert_empty()


def test_a_flow_that_carries_nothing_may_fail() -> None:
    bench = Bench()
    bench.do(bench.endpoint.transport_failed, UDP)
    assert bench.take_events() == []
