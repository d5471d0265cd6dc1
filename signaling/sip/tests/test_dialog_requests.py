# SPDX-License-Identifier: Apache-2.0
"""Dialogs: creation at both ends, routing, CSeq rules, target refresh, the end (RFC 3261 12)."""

from __future__ import annotations

from typing import Any

import pytest

from signaling.sip.dialog import Dialog, DialogId
from signaling.sip.dialog_tables import DialogState
from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.parser import parse_message
from signaling.sip.tests.builders import UDP, outgoing, request_bytes, response_bytes
from signaling.sip.uri import SipUri
from signaling.sip.values import NameAddr

CONTACT = NameAddr(uri=SipUri.parse("sip:us@198.51.100.1"))
ROUTES = ("Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>", "Record-Route: <sip:p0.example;lr>")


def received(method: str = "INVITE", **options: Any) -> SipRequest:
    request = parse_message(request_bytes(method, **options))
    assert isinstance(request, SipRequest)
    return request


def response(request: SipRequest, status: int, *extra: tuple[str, str], to_tag: str = "bob") -> SipResponse:
    answer = parse_message(response_bytes(request, status, to_tag=to_tag, extra=extra))
    assert isinstance(answer, SipResponse)
    return answer


def as_uas(**options: Any) -> Dialog:
    return Dialog.from_uas(received(**options), "here", CONTACT, UDP)


def as_uac(status: int, *extra: tuple[str, str]) -> Dialog:
    invite = outgoing(cseq=7)
    return Dialog.from_uac(invite, response(invite, status, *extra), UDP)


def test_a_uas_dialog_takes_its_names_from_the_request() -> None:
    dialog = as_uas()
    assert dialog.id == DialogId("call-1", "here", "alice")
    assert dialog.id == DialogId.of_request(received("BYE", to_tag="here"))
    assert (str(dialog.remote_target), dialog.remote_cseq, dialog.state) == (
        "sip:alice@192.0.2.1:5070",
        1,
        DialogState.EARLY,
    )
    assert (str(dialog.local_uri), str(dialog.remote_uri)) == ("sip:600@example.com", "sip:alice@example.com")
    dialog.sent_response(200)
    assert dialog.state is DialogState.CONFIRMED


@pytest.mark.parametrize(
    ("contact", "status"),
    [("", 400), ("Contact: *", 400), ("Contact: <tel:+15551>", 400), ("Contact: <sip:a@b>, <sip:c@d>", 400)],
)
def test_a_uas_dialog_needs_one_contact_that_can_be_reached(contact: str, status: int) -> None:
    data = request_bytes().replace(
        b"Contact: <sip:alice@192.0.2.1:5070>\r\n", f"{contact}\r\n".lstrip().encode()
    )
    request = parse_message(data)
    assert isinstance(request, SipRequest)
    with pytest.raises(RemoteProtocolError) as caught:
        Dialog.from_uas(request, "here", CONTACT, UDP)
    assert caught.value.status_hint == status


@pytest.mark.parametrize(("status", "state"), [(180, DialogState.EARLY), (200, DialogState.CONFIRMED)])
def test_a_uac_dialog_is_early_or_confirmed_by_its_response(status: int, state: DialogState) -> None:
    dialog = as_uac(status, ("Contact", "<sip:bob@192.0.2.8>"))
    assert (dialog.state, dialog.id) == (state, DialogId("out-1", "us", "bob"))
    assert (str(dialog.remote_target), dialog.local_cseq, dialog.remote_cseq) == (
        "sip:bob@192.0.2.8",
        7,
        None,
    )


def test_a_response_without_contact_leaves_the_request_uri_as_target() -> None:
    assert str(as_uac(180).remote_target) == "sip:bob@192.0.2.1:5070"


@pytest.mark.parametrize("status", [100, 302, 486])
def test_other_responses_make_no_dialog(status: int) -> None:
    with pytest.raises(LocalProtocolError):
        as_uac(status)


def test_the_uas_route_set_keeps_the_order_and_the_uac_one_turns_it_round() -> None:
    uas = as_uas(extra=ROUTES)
    lines = [("Record-Route", line.partition(": ")[2]) for line in ROUTES]
    uac = as_uac(200, *lines)
    assert [route.uri.host for route in uas.route_set] == ["p2.example", "p1.example", "p0.example"]
    assert [route.uri.host for route in uac.route_set] == ["p0.example", "p1.example", "p2.example"]


def test_the_2xx_of_an_early_dialog_replaces_its_route_set_and_target() -> None:
    invite = outgoing()
    early = response(
        invite, 180, ("Record-Route", "<sip:old.example;lr>"), ("Contact", "<sip:bob@192.0.2.8>")
    )
    dialog = Dialog.from_uac(invite, early, UDP)
    dialog.receive_response(
        response(invite, 200, ("Record-Route", "<sip:new.example;lr>"), ("Contact", "<sip:bob@192.0.2.9>"))
    )
    assert (dialog.state, [route.uri.host for route in dialog.route_set]) == (
        DialogState.CONFIRMED,
        ["new.example"],
    )
    assert str(dialog.remote_target) == "sip:bob@192.0.2.9"


def test_a_request_names_the_dialog_and_counts_up() -> None:
    dialog = as_uac(200, ("Contact", "<sip:bob@192.0.2.8;method=INVITE?subject=x>"))
    requests = [dialog.make_request("INFO", body=b"x", content_type="text/plain") for _ in range(2)]
    assert [str(request.cseq) for request in requests] == ["8 INFO", "9 INFO"]
    info = requests[0]
    assert (info.call_id, info.from_.tag, info.to.tag, info.max_forwards) == ("out-1", "us", "bob", 70)
    assert (info.body, info.content_type, str(info.uri)) == (b"x", "text/plain", "sip:bob@192.0.2.8")
    assert "Via" not in info.headers


def test_the_uas_end_speaks_with_the_ends_exchanged() -> None:
    bye = as_uas().make_request("BYE", extra_headers=[("Reason", "Q.850;cause=16")])
    assert (bye.from_.tag, bye.to.tag, str(bye.uri)) == ("here", "alice", "sip:alice@192.0.2.1:5070")
    assert (str(bye.from_.uri), str(bye.to.uri)) == ("sip:600@example.com", "sip:alice@example.com")
    assert (bye.headers.get("Reason"), str(bye.cseq)) == ("Q.850;cause=16", "1 BYE")


@pytest.mark.parametrize(
    ("method", "has_contact"), [("INVITE", True), ("UPDATE", True), ("INFO", False), ("BYE", False)]
)
def test_target_refresh_requests_carry_the_contact(method: str, has_contact: bool) -> None:
    request = as_uas().make_request(method)
    assert (request.headers.get("Contact") == "<sip:us@198.51.100.1>") is has_contact


def test_loose_routing_leaves_the_target_in_the_request_uri() -> None:
    bye = as_uas(extra=ROUTES).make_request("BYE")
    assert str(bye.uri) == "sip:alice@192.0.2.1:5070"
    assert bye.headers.get_all("Route") == [
        "<sip:p2.example;lr>",
        "<sip:p1.example;lr>",
        "<sip:p0.example;lr>",
    ]


def test_a_strict_router_gets_the_request_uri_and_the_target_goes_last() -> None:
    strict = "Record-Route: <sip:strict.example;method=INVITE>, <sip:p1.example;lr>"
    bye = as_uas(extra=(strict,)).make_request("BYE")
    assert str(bye.uri) == "sip:strict.example"
    assert bye.headers.get_all("Route") == ["<sip:p1.example;lr>", "<sip:alice@192.0.2.1:5070>"]


def test_the_ack_has_the_number_of_its_invite_and_takes_none_itself() -> None:
    dialog = as_uac(200)
    dialog.make_request("INFO")
    ack = dialog.make_ack(
        7, body=b"v=0", content_type="application/sdp", extra_headers=[("Authorization", "Digest x")]
    )
    assert (ack.method, str(ack.cseq), ack.body, ack.headers.get("Authorization")) == (
        "ACK",
        "7 ACK",
        b"v=0",
        "Digest x",
    )
    assert str(dialog.make_request("INFO").cseq) == "9 INFO"


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_are_not_made_as_requests(method: str) -> None:
    with pytest.raises(LocalProtocolError):
        as_uas().make_request(method)


def test_a_lower_cseq_is_refused_with_500_and_changes_nothing() -> None:
    dialog = as_uas(cseq=5)
    dialog.receive_request(received("INFO", cseq=9, to_tag="here"))
    with pytest.raises(RemoteProtocolError) as caught:
        dialog.receive_request(received("BYE", cseq=8, to_tag="here"))
    assert (caught.value.status_hint, dialog.remote_cseq, dialog.state) == (500, 9, DialogState.EARLY)


def test_the_first_request_of_a_callee_may_have_any_cseq() -> None:
    dialog = as_uac(200)
    dialog.receive_request(received("BYE", cseq=1, to_tag="us"))
    assert dialog.remote_cseq == 1


def test_an_ack_is_not_counted() -> None:
    dialog = as_uas(cseq=5)
    dialog.receive_request(received("ACK", cseq=4, to_tag="here"))
    assert dialog.remote_cseq == 5


@pytest.mark.parametrize(("method", "moves"), [("INVITE", True), ("UPDATE", True), ("INFO", False)])
def test_a_target_refresh_request_moves_the_remote_target(method: str, moves: bool) -> None:
    dialog = as_uas()
    data = request_bytes(method, cseq=2, to_tag="here").replace(
        b"alice@192.0.2.1:5070>", b"alice@192.0.2.77>"
    )
    request = parse_message(data)
    assert isinstance(request, SipRequest)
    dialog.receive_request(request)
    assert (dialog.remote_target.host == "192.0.2.77") is moves


@pytest.mark.parametrize(("status", "moves"), [(180, False), (200, True), (488, False)])
def test_a_2xx_to_a_re_invite_moves_the_remote_target_and_not_the_routes(status: int, moves: bool) -> None:
    dialog = as_uac(200, ("Record-Route", "<sip:p0.example;lr>"))
    re_invite = dialog.make_request("INVITE")
    extra = (("Contact", "<sip:bob@192.0.2.77>"), ("Record-Route", "<sip:other.example;lr>"))
    dialog.receive_response(response(re_invite, status, *extra))
    assert (dialog.remote_target.host == "192.0.2.77") is moves
    assert [route.uri.host for route in dialog.route_set] == ["p0.example"]
    assert dialog.state is DialogState.CONFIRMED


def test_a_failure_ends_an_early_dialog() -> None:
    invite = outgoing()
    dialog = Dialog.from_uac(invite, response(invite, 180), UDP)
    dialog.receive_response(response(invite, 486))
    assert dialog.state is DialogState.TERMINATED


def test_a_481_ends_the_dialog_and_a_408_does_not() -> None:
    dialog = as_uac(200)
    info = dialog.make_request("INFO")
    states = []
    for status in (408, 481):
        dialog.receive_response(response(info, status))
        states.append(dialog.state)
    assert states == [DialogState.CONFIRMED, DialogState.TERMINATED]


def test_after_a_bye_only_another_bye_is_sent_or_taken() -> None:
    dialog = as_uas()
    dialog.sent_response(200)
    dialog.make_request("BYE")
    assert dialog.make_request("BYE").cseq.number == 2
    dialog.receive_request(received("BYE", cseq=2, to_tag="here"))
    with pytest.raises(LocalProtocolError):
        dialog.make_request("INFO")
    with pytest.raises(RemoteProtocolError) as caught:
        dialog.receive_request(received("INFO", cseq=3, to_tag="here"))
    assert caught.value.status_hint == 481


def test_a_received_bye_ends_the_dialog() -> None:
    dialog = as_uas()
    dialog.receive_request(received("BYE", cseq=2, to_tag="here"))
    assert dialog.state is DialogState.TERMINATED


def test_a_100_changes_nothing() -> None:
    dialog = as_uas()
    dialog.sent_response(100)
    assert dialog.state is DialogState.EARLY


def test_forks_of_one_invite_are_dialogs_of_their_own() -> None:
    invite = outgoing()
    ids = {Dialog.from_uac(invite, response(invite, 200, to_tag=tag), UDP).id for tag in ("bob", "carol")}
    assert ids == {DialogId("out-1", "us", "bob"), DialogId("out-1", "us", "carol")}
    assert DialogId.of_response(response(invite, 200)) in ids


def test_the_tags_of_an_rfc_2543_peer_are_empty() -> None:
    request = received()
    request.headers.set("From", "<sip:old@example.com>")
    assert Dialog.from_uas(request, "here", CONTACT, UDP).id.remote_tag == ""
