# SPDX-License-Identifier: Apache-2.0
"""Server transactions seen through the endpoint: matching, retransmissions, merged requests, RFC 2543 peers."""

from __future__ import annotations

from typing import Any

import pytest

from signaling.sip.errors import LocalProtocolError
from signaling.sip.events import AckReceived, RequestReceived
from signaling.sip.message import SipResponse
from signaling.sip.tests.builders import STRAY, UDP, Bench, request_bytes
from signaling.sip.transaction_tables import State


def test_a_new_request_is_reported_and_leaves_nothing() -> None:
    bench = Bench()
    transaction, request = bench.receive_request(request_bytes())
    assert (transaction.state, transaction.request, request.method) == (State.FRESH, request, "INVITE")
    bench.assert_empty()


def test_an_unanswered_request_is_reported_again_and_an_accepted_one_is_not() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    assert len(bench.receive(request_bytes())) == 1
    bench.do(bench.endpoint.accept, transaction)
    assert bench.receive(request_bytes()) == []
    assert bench.sent == []


def test_a_retransmission_gets_the_last_response_byte_for_byte() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    for status in (100, 180):
        bench.respond(transaction, status)
    bench.receive(request_bytes())
    assert [data for _, data, _ in bench.sent][1] == [data for _, data, _ in bench.sent][2]
    assert bench.take_statuses() == [100, 180, 180]


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "BYE", "INFO"])
def test_a_retransmitted_non_invite_gets_its_final_response_again(method: str) -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes(method))
    bench.respond(transaction, 200)
    assert bench.receive(request_bytes(method)) == []
    assert bench.take_statuses() == [200, 200]


def test_a_second_final_response_to_an_invite_is_the_callers_error() -> None:
    bench = Bench()
    transaction, request = bench.receive_request(request_bytes())
    bench.respond(transaction, 200)
    with pytest.raises(LocalProtocolError):
        bench.endpoint.respond(transaction, request.response(486, to_tag="here"), 0.0)
    assert bench.take_statuses() == [200]


def test_a_2xx_to_an_invite_without_a_to_tag_is_the_callers_error() -> None:
    bench = Bench()
    transaction, request = bench.receive_request(request_bytes())
    with pytest.raises(LocalProtocolError):
        bench.endpoint.respond(transaction, request.response(200), 0.0)
    bench.assert_empty()


def test_two_answers_to_two_copies_of_one_request_are_the_callers_error() -> None:
    bench = Bench()
    first, _ = bench.receive_request(request_bytes())
    second, _ = bench.receive_request(request_bytes())
    bench.do(bench.endpoint.accept, first)
    with pytest.raises(LocalProtocolError):
        bench.endpoint.accept(second, 0.0)
    assert bench.endpoint.server_transactions == 1


@pytest.mark.parametrize(
    "other",
    [
        {"branch": "z9hG4bKtwo"},
        {"via": "SIP/2.0/UDP 192.0.2.9:5070"},
        {"via": "SIP/2.0/UDP 192.0.2.1:5071"},
    ],
)
def test_another_branch_or_sent_by_is_another_transaction(other: dict[str, Any]) -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes("OPTIONS"))
    bench.respond(transaction, 200)
    bench.receive_request(request_bytes("OPTIONS", call_id="call-2", **other))


def test_a_request_that_came_by_two_paths_is_refused_with_482() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 180)
    assert bench.receive(request_bytes(branch="z9hG4bKfork")) == STRAY
    assert bench.take_statuses() == [180, 482]
    assert bench.endpoint.server_transactions == 1


def test_requests_within_a_dialog_are_never_taken_for_merged_ones() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes("INFO", to_tag="here"))
    bench.respond(transaction, 200)
    bench.receive_request(request_bytes("INFO", to_tag="here", branch="z9hG4bKtwo"))


def test_the_same_call_may_ask_again_with_the_next_cseq_after_a_challenge() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 401)
    bench.receive(request_bytes("ACK", to_tag="here"))
    bench.receive_request(request_bytes(branch="z9hG4bKtwo", cseq=2))


def test_a_transaction_lets_its_request_go_once_it_only_lingers() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes("OPTIONS"))
    bench.respond(transaction, 200)
    with pytest.raises(LocalProtocolError):
        _ = transaction.request


@pytest.mark.parametrize("branch", [None, "1"])
def test_an_rfc_2543_request_is_matched_by_its_headers(branch: str | None) -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes("OPTIONS", branch=branch))
    bench.respond(transaction, 200)
    assert bench.receive(request_bytes("OPTIONS", branch=branch)) == []
    assert bench.take_statuses() == [200, 200]


@pytest.mark.parametrize(
    "other", [{"call_id": "c2"}, {"cseq": 2}, {"from_tag": "x"}, {"uri": "sip:700@198.51.100.1"}]
)
def test_another_rfc_2543_request_is_not_matched(other: dict[str, Any]) -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes("OPTIONS", branch="1", to_tag="t"))
    bench.respond(transaction, 200)
    bench.receive_request(request_bytes("OPTIONS", branch="1", to_tag="t", **other))


def test_an_rfc_2543_ack_needs_the_to_tag_of_the_response() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes(branch="1"))
    bench.respond(transaction, 486)
    states = []
    for to_tag in ("other", "here"):
        bench.receive(request_bytes("ACK", branch="1", to_tag=to_tag))
        states.append(transaction.state)
    assert states == [State.COMPLETED, State.CONFIRMED]


def test_a_stateless_answer_keeps_nothing_and_is_the_same_each_time() -> None:
    bench = Bench()
    for _ in range(2):
        _, request = bench.receive_request(request_bytes())
        tag = bench.endpoint.stateless_tag(request)
        bench.do(bench.endpoint.respond_stateless, request, request.response(401, to_tag=tag), UDP)
    assert bench.sent[0][1] == bench.sent[1][1]
    assert bench.receive(request_bytes("ACK", to_tag=tag)) == STRAY
    bench.assert_empty()


def test_an_ack_to_a_2xx_is_found_by_its_dialog_whatever_its_branch_and_uri() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 200)
    ack = request_bytes("ACK", branch="z9hG4bKack", to_tag="here", uri="sip:elsewhere@203.0.113.9")
    (event,) = bench.receive(ack)
    assert isinstance(event, AckReceived)
    assert (event.transaction, event.request.method) == (transaction, "ACK")
    assert bench.receive(ack) == []


@pytest.mark.parametrize(
    "wrong",
    [{"to_tag": "other"}, {"from_tag": "other"}, {"call_id": "other"}, {"cseq": 2}],
)
def test_an_ack_of_another_dialog_does_not_stop_the_2xx_even_with_the_branch(wrong: dict[str, Any]) -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 200)
    assert bench.receive(request_bytes("ACK", **({"to_tag": "here"} | wrong))) == STRAY
    assert transaction.state is State.ACCEPTED


def test_an_ack_to_a_failure_is_absorbed() -> None:
    bench = Bench()
    transaction, _ = bench.receive_request(request_bytes())
    bench.respond(transaction, 486)
    assert bench.receive(request_bytes("ACK", to_tag="here")) == []
    assert transaction.state is State.CONFIRMED


def test_an_ack_that_matches_nothing_is_dropped() -> None:
    bench = Bench()
    assert bench.receive(request_bytes("ACK", to_tag="here")) == STRAY
    assert bench.sent == []


def test_a_re_invite_has_a_transaction_and_a_2xx_of_its_own() -> None:
    bench = Bench()
    for cseq, branch, to_tag in [(1, "z9hG4bKa", None), (2, "z9hG4bKb", "here")]:
        transaction, _ = bench.receive_request(request_bytes(branch=branch, cseq=cseq, to_tag=to_tag))
        bench.respond(transaction, 200)
        (event,) = bench.receive(request_bytes("ACK", branch=f"{branch}k", cseq=cseq, to_tag="here"))
        assert isinstance(event, AckReceived)
        assert event.transaction is transaction


def test_the_response_copies_what_rfc_3261_8_2_6_asks_for() -> None:
    bench = Bench()
    transaction, request = bench.receive_request(request_bytes())
    bench.respond(transaction, 180)
    (response,) = bench.take_sent()
    assert isinstance(response, SipResponse)
    assert (response.call_id, str(response.cseq), response.to.tag) == ("call-1", "1 INVITE", "here")
    assert response.from_ == request.from_


def test_events_name_the_flow_that_the_request_came_by() -> None:
    (event,) = Bench().receive(request_bytes(via_params=""))
    assert isinstance(event, RequestReceived)
    assert event.flow == UDP
