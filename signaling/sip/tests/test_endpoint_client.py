# SPDX-License-Identifier: Apache-2.0
"""Client transactions seen through the endpoint: sending, matching responses, ACKs, forks."""

from __future__ import annotations

from typing import Any

import pytest

from signaling.sip.errors import LocalProtocolError
from signaling.sip.events import ResponseReceived
from signaling.sip.message import SipRequest
from signaling.sip.tests.builders import STRAY, TCP, UDP, Bench, outgoing, response_bytes
from signaling.sip.transaction_client import MAX_FORKS, ClientTransaction
from signaling.sip.transaction_tables import State


def sending(method: str = "INVITE", **options: Any) -> tuple[Bench, ClientTransaction, SipRequest]:
    bench = Bench()
    request = outgoing(method, **options)
    transaction = bench.do(bench.endpoint.send_request, request, UDP)
    return bench, transaction, request


def ack_for(to_tag: str) -> SipRequest:
    ack = outgoing("ACK")
    ack.headers.set("To", f"<sip:600@example.com>;tag={to_tag}")
    return ack


def statuses(bench: Bench) -> list[tuple[int, str | None]]:
    return [
        (event.response.status, event.response.to.tag)
        for _, event in bench.events
        if isinstance(event, ResponseReceived)
    ]


def test_it_writes_a_via_with_its_own_address_a_unique_branch_and_rport() -> None:
    bench, first, _ = sending()
    bench.do(bench.endpoint.send_request, outgoing(), TCP)
    one, two = bench.take_sent()
    assert (one.top_via.transport, two.top_via.transport) == ("UDP", "TCP")
    assert (one.top_via.host, one.top_via.port, one.top_via.rport) == ("198.51.100.1", 5060, "")
    assert one.top_via.branch == first.branch
    assert first.branch.startswith("z9hG4bK")
    assert one.top_via.branch != two.top_via.branch


def test_a_request_that_is_sent_again_has_one_via() -> None:
    bench, _, request = sending("OPTIONS")
    bench.do(bench.endpoint.send_request, request, UDP)
    assert [len(message.vias) for message in bench.take_sent()] == [1, 1]


def test_an_ipv6_sent_by_is_bracketed_and_its_response_is_matched() -> None:
    bench = Bench()
    request = outgoing("OPTIONS")
    bench.do(bench.endpoint.send_request, request, UDP._replace(local=("2001:DB8::1", 5060)))
    assert request.headers.fields["Via"][0].startswith("SIP/2.0/UDP [2001:db8::1]:5060;")
    assert len(bench.receive(response_bytes(request, 200))) == 1


@pytest.mark.parametrize("name", ["To", "From", "CSeq", "Call-ID", "Max-Forwards"])
def test_a_request_without_a_mandatory_header_is_refused(name: str) -> None:
    request = outgoing()
    request.headers.remove(name)
    bench = Bench()
    with pytest.raises(LocalProtocolError):
        bench.endpoint.send_request(request, UDP, 0.0)
    bench.assert_empty()


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_are_not_sent_as_requests(method: str) -> None:
    with pytest.raises(LocalProtocolError):
        Bench().endpoint.send_request(outgoing(method), UDP, 0.0)


def test_every_provisional_and_one_final_response_are_reported() -> None:
    bench, _, request = sending()
    for status in (100, 180, 180, 486, 486):
        bench.receive(response_bytes(request, status))
    assert [status for status, _ in statuses(bench)] == [100, 180, 180, 486]


def test_a_failure_is_acknowledged_hop_by_hop_and_again_for_each_copy() -> None:
    bench, transaction, request = sending(extra=(("Route", "<sip:proxy.example;lr>"),))
    bench.take_sent()
    bench.receive(response_bytes(request, 486))
    bench.receive(response_bytes(request, 486))
    first, second = bench.sent
    assert first[1] == second[1]
    (ack, _) = bench.take_sent()
    assert isinstance(ack, SipRequest)
    assert (ack.method, str(ack.uri)) == ("ACK", str(request.uri))
    assert ack.top_via == request.top_via
    assert (ack.to.tag, ack.from_, ack.call_id, str(ack.cseq)) == ("bob", request.from_, "out-1", "1 ACK")
    assert ack.headers.get("Route") == "<sip:proxy.example;lr>"
    assert transaction.state is State.COMPLETED


def test_a_2xx_is_reported_once_and_its_ack_is_sent_again_for_each_copy() -> None:
    bench, transaction, request = sending()
    bench.take_sent()
    answer = response_bytes(request, 200)
    bench.receive(answer)
    bench.receive(answer)
    assert bench.sent == []
    bench.do(bench.endpoint.acknowledge, transaction, ack_for("bob"), TCP)
    bench.receive(answer)
    assert statuses(bench) == [(200, "bob")]
    assert [flow for _, _, flow in bench.sent] == [TCP, TCP]
    assert bench.sent[0][1] == bench.sent[1][1]
    (ack, _) = bench.take_sent()
    assert ack.top_via.branch != transaction.branch


def test_each_fork_of_an_invite_is_reported_and_acknowledged_apart() -> None:
    bench, transaction, request = sending()
    bench.take_sent()
    for tag in ("bob", "carol"):
        bench.receive(response_bytes(request, 200, to_tag=tag))
        bench.do(bench.endpoint.acknowledge, transaction, ack_for(tag), UDP)
    bench.receive(response_bytes(request, 200, to_tag="bob"))
    assert statuses(bench) == [(200, "bob"), (200, "carol")]
    assert [ack.to.tag for ack in bench.take_sent()] == ["bob", "carol", "bob"]


def test_a_peer_cannot_open_dialogs_without_end_by_one_invite() -> None:
    bench, _, request = sending()
    for number in range(MAX_FORKS + 50):
        bench.receive(response_bytes(request, 200, to_tag=f"t{number}"))
    assert len(statuses(bench)) == MAX_FORKS


def test_an_ack_for_a_2xx_that_never_came_is_the_callers_error() -> None:
    bench, transaction, request = sending()
    bench.receive(response_bytes(request, 200))
    with pytest.raises(LocalProtocolError):
        bench.endpoint.acknowledge(transaction, ack_for("carol"), UDP, 0.0)


def test_a_late_ack_is_still_sent() -> None:
    bench, transaction, request = sending()
    bench.receive(response_bytes(request, 200))
    bench.advance(40)
    bench.assert_empty()
    bench.take_sent()
    bench.do(bench.endpoint.acknowledge, transaction, ack_for("bob"), UDP)
    assert bench.take_statuses() == ["ACK"]


def dropped(bench: Bench, data: bytes) -> bool:
    sent = len(bench.sent)
    return bench.receive(data) in ([], STRAY) and len(bench.sent) == sent


def test_a_response_with_an_unknown_branch_or_method_is_dropped() -> None:
    bench, transaction, request = sending()
    answer = response_bytes(request, 200)
    assert dropped(bench, answer.replace(transaction.branch.encode(), b"z9hG4bKforged"))
    assert dropped(bench, answer.replace(b"1 INVITE", b"1 OPTIONS"))
    assert dropped(bench, answer.replace(b";branch=", b";xbranch="))
    assert transaction.state is State.CALLING


def test_a_response_with_the_sent_by_of_another_element_is_dropped() -> None:
    bench, transaction, request = sending()
    answer = response_bytes(request, 200)
    assert dropped(bench, answer.replace(b"198.51.100.1:5060;branch", b"198.51.100.2:5060;branch"))
    assert dropped(bench, answer.replace(b"198.51.100.1:5060;branch", b"198.51.100.1:5061;branch"))
    assert transaction.state is State.CALLING


@pytest.mark.parametrize("second", [b", SIP/2.0/UDP 192.0.2.7;branch=z9", b"\r\nVia: SIP/2.0/UDP 192.0.2.7"])
def test_a_response_with_two_vias_is_dropped(second: bytes) -> None:
    bench, transaction, request = sending()
    assert dropped(bench, response_bytes(request, 200).replace(b";rport", b";rport" + second))
    assert transaction.state is State.CALLING


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Call-ID: out-1", b"Call-ID: out-2"),
        (b"To: <", b"To: "),
        (b"From: ", b"X-From: "),
        (b"Contact: <sip:", b"Contact: <"),
        (b"Record-Route: <sip:p>", b'Record-Route: "'),
    ],
)
def test_a_2xx_that_names_no_readable_dialog_never_reaches_the_transaction_user(
    old: bytes, new: bytes
) -> None:
    bench, transaction, request = sending()
    extra = (("Contact", "<sip:bob@192.0.2.8>"), ("Record-Route", "<sip:p>"))
    bench.receive(response_bytes(request, 200, extra=extra).replace(old, new))
    assert statuses(bench) == []
    assert transaction.state is State.CALLING


def test_a_stray_response_is_dropped() -> None:
    _, _, request = sending()
    assert dropped(Bench(), response_bytes(request, 200))


def test_a_late_response_is_absorbed() -> None:
    bench, _, request = sending("OPTIONS")
    bench.receive(response_bytes(request, 200))
    assert dropped(bench, response_bytes(request, 200))
    assert dropped(bench, response_bytes(request, 100))


def test_it_tells_quickly_whether_a_response_is_awaited() -> None:
    bench, transaction, request = sending()
    answer = response_bytes(request, 200)
    assert bench.endpoint.awaits(answer)
    assert not bench.endpoint.awaits(answer.replace(transaction.branch.encode(), b"z9hG4bKforged"))
    assert not bench.endpoint.awaits(b"SIP/2.0 200 OK\r\n\r\n")
    assert not Bench().endpoint.awaits(answer)
