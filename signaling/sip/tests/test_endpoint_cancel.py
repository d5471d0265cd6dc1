# SPDX-License-Identifier: Apache-2.0
"""CANCEL on both sides (RFC 3261 9)."""

from __future__ import annotations

from typing import Any

import pytest

from signaling.sip.errors import LocalProtocolError
from signaling.sip.events import CancelReceived, ResponseReceived, StrayReceived, TransactionTimedOut
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.tests.builders import STRAY, UDP, Bench, outgoing, request_bytes, response_bytes
from signaling.sip.transaction_client import ClientTransaction
from signaling.sip.transaction_tables import State


def calling() -> tuple[Bench, ClientTransaction, SipRequest]:
    bench = Bench()
    request = outgoing(extra=(("Route", "<sip:proxy.example;lr>"),))
    return bench, bench.do(bench.endpoint.send_request, request, UDP), request


def ringing() -> tuple[Bench, ClientTransaction, SipRequest]:
    bench, transaction, request = calling()
    bench.receive(response_bytes(request, 180))
    bench.take_sent()
    bench.take_events()
    return bench, transaction, request


def test_a_cancel_waits_for_a_provisional_response() -> None:
    bench, transaction, request = calling()
    assert bench.do(bench.endpoint.cancel, transaction) is None
    assert bench.take_statuses() == ["INVITE"]
    bench.receive(response_bytes(request, 100, to_tag=None))
    assert bench.take_statuses() == ["CANCEL"]
    assert transaction.state is State.CANCELLED


def test_the_invite_is_retransmitted_while_its_cancel_waits() -> None:
    bench, transaction, _ = calling()
    bench.do(bench.endpoint.cancel, transaction)
    bench.advance(60)
    assert bench.take_statuses() == ["INVITE"] * 7
    assert bench.events == [(32.0, TransactionTimedOut(transaction))]
    bench.assert_empty()


def test_the_cancel_repeats_what_makes_the_invite_known() -> None:
    bench, transaction, request = ringing()
    cancel_transaction = bench.do(bench.endpoint.cancel, transaction)
    (cancel,) = bench.take_sent()
    assert isinstance(cancel, SipRequest)
    assert (cancel.method, str(cancel.uri), str(cancel.cseq)) == ("CANCEL", str(request.uri), "1 CANCEL")
    assert (cancel.vias, cancel.from_, cancel.to) == (request.vias, request.from_, request.to)
    assert (cancel.call_id, cancel.headers.get("Route")) == ("out-1", "<sip:proxy.example;lr>")
    assert cancel_transaction.method == "CANCEL"


def test_the_answers_to_cancel_and_invite_are_told_apart() -> None:
    bench, transaction, request = ringing()
    cancel_transaction = bench.do(bench.endpoint.cancel, transaction)
    (cancel,) = bench.take_sent()
    assert isinstance(cancel, SipRequest)
    bench.receive(response_bytes(cancel, 200))
    bench.receive(response_bytes(request, 487))
    first, second = bench.take_events()
    assert isinstance(first, ResponseReceived)
    assert isinstance(second, ResponseReceived)
    assert (first.transaction, second.transaction) == (cancel_transaction, transaction)
    assert bench.take_statuses() == ["ACK"]


def test_an_invite_that_is_cancelled_and_never_answered_ends_at_64_t1() -> None:
    bench, transaction, _ = ringing()
    bench.advance(10)
    cancel_transaction = bench.do(bench.endpoint.cancel, transaction)
    bench.advance(60)
    assert {event.transaction for _, event in bench.events} == {transaction, cancel_transaction}  # type: ignore[union-attr]
    assert {(when, type(event)) for when, event in bench.events} == {(42.0, TransactionTimedOut)}
    bench.assert_empty()


def test_a_2xx_that_crosses_the_cancel_is_reported() -> None:
    bench, transaction, request = ringing()
    bench.do(bench.endpoint.cancel, transaction)
    (event,) = bench.receive(response_bytes(request, 200))
    assert isinstance(event, ResponseReceived)
    assert transaction.state is State.ACCEPTED


@pytest.mark.parametrize("status", [200, 486])
def test_a_cancel_after_the_final_response_does_nothing(status: int) -> None:
    bench, transaction, request = ringing()
    bench.receive(response_bytes(request, status))
    bench.take_sent()
    assert bench.do(bench.endpoint.cancel, transaction) is None
    assert bench.sent == []


def test_a_second_cancel_does_nothing() -> None:
    bench, transaction, _ = ringing()
    first = bench.do(bench.endpoint.cancel, transaction)
    assert bench.do(bench.endpoint.cancel, transaction) is first
    assert bench.take_statuses() == ["CANCEL"]


def test_only_an_invite_can_be_cancelled() -> None:
    bench = Bench()
    transaction = bench.do(bench.endpoint.send_request, outgoing("OPTIONS"), UDP)
    with pytest.raises(LocalProtocolError):
        bench.endpoint.cancel(transaction, 0.0)


def test_a_received_cancel_is_answered_and_reported() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 180)
    (event,) = bench.receive(request_bytes("CANCEL"))
    assert isinstance(event, CancelReceived)
    assert (event.transaction, event.request.method) == (transaction, "CANCEL")
    bench.respond(transaction, 487)
    ringing_response, ok, terminated = bench.take_sent()
    assert isinstance(ok, SipResponse)
    assert isinstance(terminated, SipResponse)
    assert (ok.status, str(ok.cseq), terminated.status) == (200, "1 CANCEL", 487)
    assert ok.to.tag == ringing_response.to.tag == "here"


def test_a_retransmitted_cancel_is_answered_again_and_not_reported_again() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.do(bench.endpoint.accept, transaction)
    assert len(bench.receive(request_bytes("CANCEL"))) == 1
    assert bench.receive(request_bytes("CANCEL")) == []
    first, second = bench.sent
    assert first[1] == second[1]


@pytest.mark.parametrize("status", [200, 486])
def test_a_cancel_after_the_final_answer_is_answered_and_not_reported(status: int) -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, status)
    assert bench.receive(request_bytes("CANCEL")) == []
    assert bench.take_statuses() == [status, 200]


@pytest.mark.parametrize("wrong", [{"branch": "z9hG4bKother"}, {"call_id": "other"}, {"from_tag": "other"}])
def test_a_cancel_that_does_not_fit_the_invite_gets_481(wrong: dict[str, Any]) -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.do(bench.endpoint.accept, transaction)
    assert bench.receive(request_bytes("CANCEL", **wrong)) == STRAY
    assert bench.take_statuses() == [481]
    assert transaction.state is State.PROCEEDING


def test_a_cancel_from_another_host_gets_481_there_though_it_knows_all_of_the_invite() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.do(bench.endpoint.accept, transaction)
    stranger = UDP._replace(remote=("192.0.2.66", 5070))
    assert bench.receive(request_bytes("CANCEL"), stranger) == [StrayReceived(stranger)]
    assert [flow.remote for _, _, flow in bench.sent] == [stranger.remote]
    assert transaction.state is State.PROCEEDING
    moved = UDP._replace(remote=(UDP.remote[0], 6000))
    assert isinstance(bench.receive(request_bytes("CANCEL"), moved)[0], CancelReceived)


def test_a_cancel_of_a_request_that_was_refused_statelessly_gets_481() -> None:
    bench = Bench()
    bench.receive_request(request_bytes())
    assert bench.receive(request_bytes("CANCEL")) == STRAY
    assert bench.take_statuses() == [481]
    bench.assert_empty()


def test_a_cancel_of_an_rfc_2543_invite_is_matched() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes(branch=None))
    bench.do(bench.endpoint.accept, transaction)
    assert len(bench.receive(request_bytes("CANCEL", branch=None))) == 1
