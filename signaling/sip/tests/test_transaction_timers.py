# SPDX-License-Identifier: Apache-2.0
"""The lettered timers of RFC 3261 17 and RFC 6026, each at its exact time on a virtual clock."""

from __future__ import annotations

import pytest

from signaling.sip.events import AckMissing, TransactionTimedOut
from signaling.sip.flow import Flow
from signaling.sip.message import SipRequest
from signaling.sip.tests.builders import TCP, UDP, Bench, outgoing, request_bytes, response_bytes
from signaling.sip.transaction_client import ClientTransaction
from signaling.sip.transaction_tables import State

DOUBLING = [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
"""Timer A: T1 doubling without end."""
CAPPED = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
"""Timers E, G and that of the 2xx: T1 doubling up to T2."""


def sending(method: str, flow: Flow = UDP) -> tuple[Bench, ClientTransaction, SipRequest]:
    bench = Bench()
    request = outgoing(method)
    transaction = bench.do(bench.endpoint.send_request, request, flow)
    return bench, transaction, request


def sent_times(bench: Bench) -> list[float]:
    return [when for when, _, _ in bench.sent]


def last_change(bench: Bench, transaction: ClientTransaction) -> float:
    """Let a minute pass and return when the transaction was Terminated."""
    while transaction.state is not State.TERMINATED:
        deadline = bench.endpoint.get_timer()
        assert deadline is not None, "nothing would ever end this transaction"
        bench.advance(deadline - bench.now)
    bench.assert_empty()
    return bench.now


@pytest.mark.parametrize(("method", "times"), [("INVITE", DOUBLING), ("OPTIONS", CAPPED)])
def test_timers_a_and_e_retransmit_until_b_and_f_give_up_at_64_t1(method: str, times: list[float]) -> None:
    bench, transaction, _ = sending(method)
    bench.advance(60)
    assert sent_times(bench) == times
    assert len({data for _, data, _ in bench.sent}) == 1
    assert bench.events == [(32.0, TransactionTimedOut(transaction))]
    bench.assert_empty()


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_nothing_is_retransmitted_over_tcp_but_b_and_f_run(method: str) -> None:
    bench, transaction, _ = sending(method, TCP)
    bench.advance(60)
    assert sent_times(bench) == [0.0]
    assert bench.events == [(32.0, TransactionTimedOut(transaction))]


def test_a_provisional_response_stops_timers_a_and_b() -> None:
    bench, transaction, request = sending("INVITE")
    bench.advance(1.0)
    bench.receive(response_bytes(request, 100, to_tag=None))
    assert bench.endpoint.get_timer() is None
    assert (sent_times(bench), transaction.state) == ([0.0, 0.5], State.PROCEEDING)


def test_in_proceeding_timer_e_fires_every_t2_and_timer_f_goes_on() -> None:
    bench, transaction, request = sending("OPTIONS")
    bench.advance(1.0)
    bench.receive(response_bytes(request, 100, to_tag=None))
    bench.advance(60)
    assert sent_times(bench) == [0.0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert bench.events[-1] == (32.0, TransactionTimedOut(transaction))


@pytest.mark.parametrize(
    ("timer", "method", "status", "flow", "ends"),
    [
        ("D", "INVITE", 486, UDP, 33.0),
        ("D", "INVITE", 486, TCP, 1.0),
        ("K", "OPTIONS", 200, UDP, 6.0),
        ("K", "OPTIONS", 200, TCP, 1.0),
        ("M", "INVITE", 200, UDP, 33.0),
        ("M", "INVITE", 200, TCP, 33.0),
    ],
)
def test_timers_d_k_and_m_end_an_answered_request(
    timer: str, method: str, status: int, flow: Flow, ends: float
) -> None:
    bench, transaction, request = sending(method, flow)
    bench.advance(1.0)
    bench.receive(response_bytes(request, status), flow)
    assert last_change(bench, transaction) == ends


def answered(method: str, status: int, flow: Flow = UDP) -> Bench:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes(method), flow)
    bench.respond(transaction, status)
    return bench


def test_timer_g_retransmits_a_failure_until_h_gives_up() -> None:
    bench = answered("INVITE", 486)
    bench.advance(60)
    assert sent_times(bench) == CAPPED
    assert [(when, type(event)) for when, event in bench.events[1:]] == [(32.0, TransactionTimedOut)]
    bench.assert_empty()


def test_over_tcp_timer_g_does_not_run_but_h_does() -> None:
    bench = answered("INVITE", 486, TCP)
    bench.advance(60)
    assert sent_times(bench) == [0.0]
    assert bench.events[-1][0] == 32.0


@pytest.mark.parametrize(("flow", "wait_s"), [(UDP, 5.0), (TCP, 0.0)])
def test_timer_i_absorbs_acks_for_t4_and_not_at_all_over_tcp(flow: Flow, wait_s: float) -> None:
    bench = answered("INVITE", 486, flow)
    bench.advance(1.0)
    bench.receive(request_bytes("ACK", to_tag="here"), flow)
    assert bench.endpoint.get_timer() == 1.0 + wait_s
    bench.advance(wait_s)
    bench.assert_empty()
    assert sent_times(bench) == ([0.0, 0.5] if flow is UDP else [0.0])


@pytest.mark.parametrize(("flow", "wait_s"), [(UDP, 32.0), (TCP, 0.0)])
def test_timer_j_keeps_an_answer_for_64_t1_and_not_at_all_over_tcp(flow: Flow, wait_s: float) -> None:
    bench = answered("OPTIONS", 200, flow)
    assert bench.endpoint.get_timer() == wait_s
    bench.advance(wait_s)
    bench.assert_empty()
    assert sent_times(bench) == [0.0]


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_2xx_is_retransmitted_over_any_transport_until_timer_l(flow: Flow) -> None:
    bench = answered("INVITE", 200, flow)
    bench.advance(60)
    assert sent_times(bench) == CAPPED
    assert [(when, type(event)) for when, event in bench.events[1:]] == [(32.0, AckMissing)]
    bench.assert_empty()


def test_the_ack_stops_the_2xx_and_timer_l_still_absorbs_retransmissions() -> None:
    bench = answered("INVITE", 200)
    bench.advance(1.0)
    bench.receive(request_bytes("ACK", branch="z9hG4bKack", to_tag="here"))
    bench.receive(request_bytes("INVITE"))
    bench.advance(30.9)
    assert sent_times(bench) == [0.0, 0.5]
    assert bench.endpoint.server_transactions == 1
    bench.advance(0.1)
    bench.assert_empty()


def test_a_request_that_is_never_answered_ends_at_64_t1() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes("OPTIONS"))
    bench.do(bench.endpoint.accept, transaction)
    bench.advance(60)
    assert bench.events[1:] == [(32.0, TransactionTimedOut(transaction))]
    bench.assert_empty()


def test_an_invite_waits_for_its_answer_as_long_as_the_transaction_user_likes() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 180)
    assert bench.endpoint.get_timer() is None
    bench.advance(3600)
    bench.respond(transaction, 200)
    assert sent_times(bench) == [0.0, 3600.0]
