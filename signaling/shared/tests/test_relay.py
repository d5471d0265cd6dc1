# SPDX-License-Identifier: Apache-2.0
"""The proxy between a node that has a call and a phone that is registered here."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.binding import Binding
from signaling.location import Location
from signaling.shared.relay import Relay
from signaling.shared.routes import RouteTexts
from signaling.sip import Flow, SipRequest, SipResponse, SipUri
from signaling.sip.parser import ParseLimits, parse_message

NODE = Flow("udp", ("192.0.2.2", 5060), ("192.0.2.1", 5060))
PHONE = Flow("udp", ("198.51.100.7", 40000), ("192.0.2.1", 5060))
TCP_PHONE = Flow("tcp", ("198.51.100.7", 40000), ("192.0.2.1", 5060), 3)
STRANGER = Flow("udp", ("203.0.113.9", 5060), ("192.0.2.1", 5060))
CONTACT = "sip:alice@10.0.0.5:5060"
CALL_ID = "call-1"
OTHER_NODE = RouteTexts(b"secret", boot_id="other")


class Wire:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[SipRequest | SipResponse, Flow]] = []

    def send(self, data: bytes, flow: Flow) -> None:
        self.sent.append((parse_message(data), flow._replace(local=NODE.local)))

    def advertised(self, remote_ip: str, transport: str) -> tuple[str, int]:
        return "192.0.2.1", 5060

    def take(self) -> tuple[SipRequest | SipResponse, Flow]:
        (one,) = self.sent
        self.sent.clear()
        return one


@pytest.fixture
def wire():
    return Wire()


def relay_of(wire, flow=PHONE):
    location = Location()
    if flow is not None:
        location.restore([binding(flow)])
    routes = RouteTexts(b"secret", boot_id="here")
    return Relay(location, wire, routes, now=lambda: 0.0, limits=ParseLimits())


def binding(flow):
    return Binding(
        user_id="alice-id",
        account_id="a",
        aor="sip:alice@example.org",
        contact=SipUri.parse(CONTACT),
        contact_text=CONTACT,
        flow=flow,
        source=flow.remote,
        deadline=100.0,
        expires_at=100.0,
        registered_at=0.0,
        call_id="r",
        cseq=1,
    )


def request(method="INVITE", *lines, uri=CONTACT, route=None, branch="z9hG4bKnode", call_id=CALL_ID, hops=70):
    route = (
        f"<sip:{OTHER_NODE.to_binding('alice-id', CALL_ID)}@192.0.2.1:5060;lr>" if route is None else route
    )
    text = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.2:5060;branch={branch};rport",
        f"Route: {route}",
        f"Max-Forwards: {hops}",
        "From: <sip:bob@example.org>;tag=b",
        "To: <sip:alice@example.org>",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        *lines,
    ]
    return ("\r\n".join(text) + "\r\nContent-Length: 0\r\n\r\n").encode()


def answer(received, status=200):
    return received.response(status, to_tag="a").to_bytes()


def test_messages_of_the_node_itself_are_left_to_it(wire):
    relay = relay_of(wire)
    plain = request(route="<sip:proxy@192.0.2.1;lr>")
    assert not relay.take(plain, NODE)
    assert not relay.take(b"SIP/2.0 200 OK\r\n\r\n", NODE)
    assert not relay.take(b"sb-relay. is not SIP", NODE)
    assert wire.sent == []


@pytest.mark.parametrize("flow", [PHONE, TCP_PHONE])
def test_an_invite_goes_to_the_phone_along_its_flow_and_the_answers_come_back(wire, flow):
    relay = relay_of(wire, flow)
    assert relay.take(request(), NODE)
    invite, path = wire.take()
    assert path == flow
    assert (str(invite.uri), invite.max_forwards, invite.routes) == (CONTACT, 69, [])
    assert [via.host for via in invite.vias] == ["192.0.2.1", "192.0.2.2"]
    towards_phone = invite.record_routes[0].uri
    assert towards_phone.transport == (None if flow is PHONE else "tcp")
    assert relay.take(answer(invite, 180), flow)
    ringing, back = wire.take()
    assert (ringing.status, back.remote, len(ringing.vias)) == (180, NODE.remote, 1)
    assert ringing.top_via.branch == "z9hG4bKnode"


def test_a_retransmission_cancel_and_ack_are_the_same_transaction_for_the_phone(wire):
    relay = relay_of(wire)
    branches = []
    for method in ("INVITE", "INVITE", "CANCEL", "ACK"):
        assert relay.take(request(method), NODE)
        branches.append(wire.take()[0].top_via.branch)
    assert len(set(branches)) == 1


def test_the_dialog_stays_in_the_path_in_both_directions(wire):
    relay = relay_of(wire)
    relay.take(request(), NODE)
    invite, _ = wire.take()
    for_phone, for_node = (str(route) for route in invite.record_routes)
    bye = request("BYE", uri="sip:192.0.2.2:5060", route=f"{for_phone}, {for_node}", branch="z9hG4bKp")
    assert relay.take(bye, PHONE)
    passed, path = wire.take()
    assert (path.remote, passed.routes, str(passed.uri)) == (NODE.remote, [], "sip:192.0.2.2:5060")
    assert relay.take(answer(passed), NODE)
    assert wire.take()[1].remote == PHONE.remote
    assert relay.take(request("ACK", route=f"{for_node}, {for_phone}"), NODE)
    assert wire.take()[1].remote == PHONE.remote


def test_a_route_of_a_dialog_is_for_its_two_ends_and_its_call_alone(wire):
    relay = relay_of(wire)
    relay.take(request(), NODE)
    invite, _ = wire.take()
    for route in map(str, invite.record_routes):
        assert relay.take(request("BYE", route=route), STRANGER)
        assert relay.take(request("BYE", route=route, call_id="other"), PHONE)
        assert relay.take(request("BYE", route=route, call_id="other"), NODE)
    assert wire.sent == []


def test_a_route_to_a_binding_takes_what_opens_a_call_and_nothing_else(wire):
    relay = relay_of(wire)
    for method in ("OPTIONS", "MESSAGE", "BYE", "REGISTER", "NOTIFY"):
        assert relay.take(request(method), NODE)
    assert relay.take(request(call_id="other"), NODE)
    assert wire.sent == []


def test_a_forged_branch_sends_a_response_nowhere(wire):
    relay = relay_of(wire)
    relay.take(request(), NODE)
    invite, _ = wire.take()
    text = answer(invite).replace(b"z9hG4bKnode", b"z9hG4bKelse")
    assert relay.take(text, PHONE)
    assert wire.sent == []


@pytest.mark.parametrize(("hops", "flow", "status"), [(0, PHONE, 483), (70, None, 430)])
def test_what_cannot_be_passed_on_is_refused_and_an_ack_never(wire, hops, flow, status):
    relay = relay_of(wire, flow)
    assert relay.take(request(hops=hops), NODE)
    refusal, back = wire.take()
    assert (refusal.status, back.remote) == (status, NODE.remote)
    assert refusal.to.tag
    assert relay.take(request("ACK", hops=hops), NODE)
    assert wire.sent == []


def test_a_phone_with_a_sips_contact_is_rung_by_its_sip_form(wire):
    location = Location()
    location.restore([dataclasses.replace(binding(TCP_PHONE), contact_text=CONTACT.replace("sip:", "sips:"))])
    routes = RouteTexts(b"secret", boot_id="here")
    relay = Relay(location, wire, routes, now=lambda: 0.0, limits=ParseLimits())
    assert relay.take(request(), NODE)
    assert wire.take()[1] == TCP_PHONE._replace(local=NODE.local)


def test_a_phone_that_registered_another_contact_is_not_rung(wire):
    relay = relay_of(wire)
    relay.take(request(uri="sip:alice@10.0.0.6:5060"), NODE)
    assert wire.take()[0].status == 430


@given(st.data())
def test_no_message_of_a_stranger_raises(data):
    """Whatever is changed in a message with the mark, it is passed on, dropped or left to the node."""
    wire = Wire()
    relay = relay_of(wire)
    relay.take(request(), NODE)
    invite, _ = wire.take()
    text = data.draw(st.sampled_from([request(), request("ACK"), answer(invite), answer(invite, 180)]))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(begin, min(len(text), begin + 12)))
        text = text[:begin] + data.draw(st.binary(max_size=12)) + text[end:]
    assert relay.take(text, STRANGER) in (True, False)
