# SPDX-License-Identifier: Apache-2.0
"""Events of registrations and RTP managers."""

from dataclasses import dataclass

from signaling.announce import RtpManagerAnnouncer, announce_bindings
from signaling.binding import Binding
from signaling.location import Location
from signaling.sip import Flow, SipUri
from switchboard.events import EventBus, to_json


def binding(contact: str = "sip:1001@192.0.2.7:5062", deadline: float = 60.0) -> Binding:
    return Binding(
        user_id="user",
        account_id="account",
        aor="sip:1001@acme.test",
        contact=SipUri.parse(contact),
        contact_text=contact,
        flow=Flow("udp", ("192.0.2.7", 5062), ("192.0.2.1", 5060)),
        source=("192.0.2.7", 5062),
        deadline=deadline,
        expires_at=1_700_000_060.0,
        registered_at=1_700_000_000.0,
        user_agent="phone/1",
        call_id="reg-1",
        cseq=1,
    )


def test_the_life_of_a_binding_is_four_kinds_of_event():
    location, bus, got = Location(), EventBus("sip-1"), []
    announce_bindings(location, bus)
    location.store(binding())  # nobody listens yet
    bus.subscribe(got.append)
    location.store(binding("sip:other@192.0.2.7"))
    location.store(binding())
    location.remove(binding())
    location.expire(61.0)
    assert [event.event_type for event in got] == [
        "registration.registered",
        "registration.refreshed",
        "registration.unregistered",
        "registration.expired",
    ]
    expired = to_json(got[-1])
    assert (expired["tenant_id"], expired["sip_call_id"]) == ("account", "reg-1")
    assert expired["contact"] == "sip:other@192.0.2.7"
    assert expired["expires_at"] == "2023-11-14T22:14:20.000000Z"


@dataclass
class Manager:
    node_id: str
    address: str
    healthy: bool
    drain_state: str = "active"


def test_an_rtp_manager_is_reported_when_it_comes_and_goes():
    bus, got = EventBus("sip-1"), []
    bus.subscribe(got.append)
    announcer = RtpManagerAnnouncer(bus)
    one, never = Manager("rtp-1", "h:9090", True), Manager("rtp-2", "h:9091", False)
    announcer.look([one, never])
    announcer.look([one, never])
    one.healthy = False
    announcer.look([one, never])
    assert [(event.event_type, event.rtp_manager) for event in got] == [
        ("rtpmanager.up", "rtp-1"),
        ("rtpmanager.down", "rtp-1"),
    ]


def test_an_rtp_manager_that_is_drained_is_reported():
    bus, got = EventBus("sip-1"), []
    bus.subscribe(got.append)
    announcer, one = RtpManagerAnnouncer(bus), Manager("rtp-1", "h:9090", True)
    for state in ("active", "draining", "draining", "disabled", "active", "active"):
        one.drain_state = state
        announcer.look([one])
    assert [event.event_type for event in got] == [
        "rtpmanager.up",
        "rtpmanager.draining",
        "rtpmanager.disabled",
        "rtpmanager.enabled",
    ]
    assert got[-1].rtp_manager == "rtp-1"
