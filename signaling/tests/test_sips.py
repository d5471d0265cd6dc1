# SPDX-License-Identifier: Apache-2.0
"""What began encrypted stays so: bindings over TLS, sips contacts, and the phones that a sips call may reach."""

from types import SimpleNamespace

import pytest

from dialplan.engine import SipTarget, UserTarget
from signaling.binding import flow_to_contact, flow_without_connection
from signaling.calls import failures
from signaling.calls.ports import CallRequest
from signaling.calls.targets import TargetFailed
from signaling.legs.caller import wants_sips
from signaling.legs.outbound import Outbound, request_uri
from signaling.location import Location
from signaling.pickup.reconnect import LOST, flow_after_restart
from signaling.registrar import Registrar, RegistrarConfig
from signaling.sip import Flow, SipUri
from signaling.tests.builders import (
    ALICE,
    ALPHA,
    BOB,
    NOW,
    SERVER,
    WALL,
    make_directory,
    make_request,
    tcp,
    udp,
)
from signaling.transport import Target

TLS = Flow("tls", ("198.51.100.7", 40000), SERVER, 9)
SIPS = "<sips:alice@198.51.100.7:5061>"


def register(location, contact, flow, *, uri="sip:alpha.example", user=ALICE, call_id="call-1"):
    request = make_request(uri=uri, Contact=contact, call_id=call_id)
    return Registrar(location, RegistrarConfig()).handle(request, flow, user, ALPHA, NOW, WALL)


# --- Bindings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "contact",
    [
        "sip:alice@198.51.100.7:5060",
        "sip:alice@198.51.100.7:5061;transport=tls",
        "sip:alice@198.51.100.7;transport=tcp",
        "sips:alice@198.51.100.7",
    ],
)
def test_a_phone_on_tls_is_reached_by_its_connection_alone(contact):
    uri = SipUri.parse(contact)
    assert flow_to_contact(uri, TLS, make_request().top_via) == TLS
    assert flow_without_connection(uri, TLS) is None
    assert flow_after_restart(TLS, uri) == TLS._replace(connection=LOST)


def test_a_contact_on_tls_of_a_phone_that_came_otherwise_is_no_reason_to_go_there():
    uri = SipUri.parse("sip:alice@198.51.100.7:5061;transport=tls")
    assert flow_without_connection(uri, tcp()) is None


def test_a_server_whose_certificate_has_a_name_is_connected_to_again_after_a_restart():
    trunk = TLS._replace(host="sip.example.com", remote=("198.51.100.9", 5061))
    again = flow_after_restart(trunk, SipUri.parse("sip:198.51.100.9"))
    assert again == trunk._replace(connection=0)


# --- REGISTER ---------------------------------------------------------------------------------------------------------


def test_a_sips_contact_is_bound_when_everything_else_is_sips():
    location = Location()
    assert register(location, SIPS, TLS, uri="sips:alpha.example").status == 200
    [binding] = location.bindings(ALICE.id, NOW)
    assert (binding.contact.scheme, binding.flow) == ("sips", TLS)


@pytest.mark.parametrize(
    ("flow", "uri"),
    [(TLS, "sip:alpha.example"), (udp(), "sips:alpha.example"), (tcp(), "sips:alpha.example")],
)
def test_a_sips_contact_is_refused_when_anything_is_not(flow, uri):
    location = Location()
    assert register(location, SIPS, flow, uri=uri).status == 400
    assert len(location) == 0


# --- Whom a call reaches ----------------------------------------------------------------------------------------------


class Transport:
    """Resolves every name to one address, on the transport that is asked for."""

    async def resolve(self, uri):
        transport = "tls" if uri.scheme == "sips" else uri.transport or "udp"
        self.asked = uri
        return [Target(transport, "198.51.100.9", 5061, uri.host)]

    def check_target(self, target, *, peer_ip):
        """Refuse nothing."""

    def flow_to(self, target):
        return Flow(target.transport, (target.ip, target.port), SERVER, 0, target.host)


def outbound(*flows):
    location = Location()
    for number, flow in enumerate(flows):
        contact = f"<sip:bob@198.51.100.7:{6000 + number}>"
        register(location, contact, flow, user=BOB, call_id=f"call-{number}")
    node = SimpleNamespace(transport=Transport(), loop=SimpleNamespace(time=lambda: NOW))
    return Outbound(node, make_directory(), location)


def call(*, secure):
    return CallRequest(
        sip_call_id="call",
        account=ALPHA,
        caller=ALICE,
        caller_ip="198.51.100.1",
        destination="1002",
        route=None,
        sdp="",
        refusal=None,
        max_forwards=69,
        secure=secure,
    )


async def reached(made, target, *, secure):
    return [each.address.flow.transport for each in await made.resolve(target, call(secure=secure))]


async def test_a_sips_call_rings_the_phones_on_tls_alone():
    made = outbound(udp(), TLS, tcp(connection=12))
    target = UserTarget(name="bob")
    assert sorted(await reached(made, target, secure=False)) == ["tcp", "tls", "udp"]
    assert await reached(made, target, secure=True) == ["tls"]


async def test_a_sips_call_to_phones_in_the_clear_is_refused_with_a_reason():
    with pytest.raises(TargetFailed) as caught:
        await outbound(udp(), tcp()).resolve(UserTarget(name="bob"), call(secure=True))
    assert caught.value.failure is failures.NOT_ENCRYPTED
    assert caught.value.user == BOB


async def test_a_sips_call_goes_to_a_server_on_tls_alone():
    made = outbound()
    secure = SipTarget(user="desk", host="sip.example.com", port=None, transport="tls")
    [found] = await made.resolve(secure, call(secure=True))
    assert str(found.address.uri) == "sips:desk@sip.example.com"
    assert found.address.flow.host == "sip.example.com"
    [found] = await made.resolve(secure, call(secure=False))
    assert str(found.address.uri) == "sip:desk@sip.example.com;transport=tls"
    with pytest.raises(TargetFailed):
        clear = SipTarget(user="desk", host="sip.example.com", port=None, transport="tcp")
        await made.resolve(clear, call(secure=True))


def test_what_began_with_sip_is_no_sips_on_the_way():
    contact = SipUri.parse("sips:alice@198.51.100.7")
    assert str(request_uri(contact, secure=False)) == "sip:alice@198.51.100.7"
    assert request_uri(contact, secure=True) == contact


@pytest.mark.parametrize(
    ("uri", "headers", "wanted"),
    [
        ("sips:bob@alpha.example", {}, True),
        ("sip:bob@alpha.example", {}, False),
        ("sip:bob@alpha.example", {"Contact": SIPS}, True),
        ("sip:bob@alpha.example", {"Contact": SIPS, "Record-Route": "<sip:192.0.2.9;lr>"}, False),
        ("sip:bob@alpha.example", {"Record-Route": "<sips:192.0.2.9;lr>"}, True),
    ],
)
def test_a_dialog_is_sips_by_how_it_was_asked_for(uri, headers, wanted):
    assert wants_sips(make_request("INVITE", uri, **headers)) is wanted
