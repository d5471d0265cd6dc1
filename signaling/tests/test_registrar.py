# SPDX-License-Identifier: Apache-2.0
"""The registrar: what each REGISTER changes, and what it is answered (RFC 3261 10.3)."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaling.location import Location
from signaling.registrar import Registrar, RegistrarConfig
from signaling.sip import Flow, RemoteProtocolError
from signaling.tests.builders import ALICE, ALPHA, BOB, NOW, SERVER, WALL, make_request, tcp, udp

PHONE = "<sip:alice@198.51.100.7:5060>"


class Fixture:
    """A registrar, its location service and a clock."""

    def __init__(self, **config):
        self.location = Location()
        self.registrar = Registrar(self.location, RegistrarConfig(**config))
        self.events = []
        self.location.on_change.append(
            lambda event, binding: self.events.append((event.value, binding.contact_text))
        )
        self.now = NOW
        self.cseq = 0

    def register(self, *contacts, flow=None, user=ALICE, call_id="call-1", cseq=None, **headers):
        self.cseq += 1
        if contacts:
            headers["Contact"] = list(contacts)
        request = make_request(call_id=call_id, cseq=cseq or self.cseq, **headers)
        wall = WALL + self.now - NOW
        return self.registrar.handle(request, flow or udp(), user, ALPHA, self.now, wall)

    def contacts(self, user=ALICE):
        return [binding.contact_text for binding in self.location.bindings(user.id, self.now)]


@pytest.fixture
def phones():
    return Fixture()


def listed(response):
    return {str(c.uri): c.expires for c in response.contacts}


def test_it_registers_and_lists_the_binding_with_its_time(phones):
    response = phones.register(PHONE, Expires="600", User_Agent="Snom")
    assert response.status == 200
    assert listed(response) == {"sip:alice@198.51.100.7:5060": 600}
    assert response.headers.get("Date") == "Mon, 21 Sep 2026 14:13:20 GMT"
    (binding,) = phones.location.bindings(ALICE.id, NOW)
    assert (binding.aor, binding.user_id, binding.account_id) == (
        "sip:alice@alpha.example",
        ALICE.id,
        ALPHA.id,
    )
    assert (binding.deadline, binding.expires_at, binding.registered_at) == (NOW + 600, WALL + 600, WALL)
    assert (binding.user_agent, binding.source) == ("Snom", ("198.51.100.7", 5060))
    assert phones.events == [("registered", "sip:alice@198.51.100.7:5060")]


def test_it_finds_bindings_by_user_and_by_aor(phones):
    phones.register(PHONE)
    assert phones.location.bindings("sip:alice@alpha.example", NOW) == phones.location.bindings(ALICE.id, NOW)
    assert phones.location.bindings("sip:bob@alpha.example", NOW) == []
    assert phones.location.bindings(BOB.id, NOW) == []


def test_it_keeps_several_phones_of_one_user(phones):
    phones.register("<sip:alice@10.0.0.1>;q=0.5")
    phones.now += 1
    response = phones.register("<sip:alice@10.0.0.2>;q=0.9, <sip:alice@10.0.0.3>;q=0.5", call_id="other")
    assert len(listed(response)) == 3
    assert phones.contacts() == ["sip:alice@10.0.0.2", "sip:alice@10.0.0.3", "sip:alice@10.0.0.1"]
    assert "q=0.9" in response.headers.get_all("Contact")[0]


def test_it_refreshes_a_binding_and_keeps_when_it_was_first_registered(phones):
    phones.register(PHONE, Expires="600")
    phones.now += 500
    response = phones.register(PHONE, Expires="600")
    assert listed(response) == {"sip:alice@198.51.100.7:5060": 600}
    (binding,) = phones.location.bindings(ALICE.id, phones.now)
    assert (binding.registered_at, binding.deadline) == (WALL, phones.now + 600)
    assert [event for event, _ in phones.events] == ["registered", "refreshed"]


def test_it_answers_a_query_with_the_remaining_times(phones):
    phones.register(PHONE, Expires="600")
    phones.now += 100
    response = phones.register(cseq=1)
    assert listed(response) == {"sip:alice@198.51.100.7:5060": 500}
    assert len(phones.events) == 1


def test_it_answers_a_query_without_bindings_without_contacts(phones):
    response = phones.register()
    assert response.status == 200 and "Contact" not in response.headers


# --- Times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact", "header", "granted"),
    [
        (PHONE, None, 3600),
        (PHONE, "120", 120),
        (PHONE + ";expires=90", "120", 90),
        (PHONE + ";expires=90", None, 90),
        (PHONE, "86400", 3600),
        (PHONE + ";expires=4294967295", None, 3600),
        (PHONE + ";expires=99999999999999999999999", None, 3600),
        (PHONE, "soon", 3600),
        (PHONE + ";expires=soon", "120", 3600),
        (PHONE, "60", 60),
    ],
)
def test_it_grants_the_time_that_was_asked_within_its_bounds(phones, contact, header, granted):
    headers = {} if header is None else {"Expires": header}
    assert list(listed(phones.register(contact, **headers)).values()) == [granted]


@pytest.mark.parametrize(("contact", "header"), [(PHONE, "59"), (PHONE + ";expires=1", "3600")])
def test_it_refuses_times_that_are_too_short(phones, contact, header):
    response = phones.register("<sip:alice@10.0.0.9>", contact, Expires=header)
    assert (response.status, response.headers.get("Min-Expires")) == (423, "60")
    assert phones.contacts() == []


def test_it_removes_one_binding_with_expires_zero(phones):
    phones.register(PHONE, "<sip:alice@10.0.0.2>")
    response = phones.register(PHONE + ";expires=0")
    assert list(listed(response)) == ["sip:alice@10.0.0.2"]
    assert phones.events[-1] == ("unregistered", "sip:alice@198.51.100.7:5060")
    assert phones.register("<sip:alice@10.0.0.77>;expires=0").status == 200


def test_it_forgets_a_binding_when_its_time_is_over(phones):
    phones.register(PHONE, Expires="60")
    phones.now += 60
    assert phones.contacts() == []
    assert phones.location.all(phones.now) == []
    assert phones.location.next_expiry() == NOW + 60
    phones.location.expire(phones.now)
    assert len(phones.location) == 0
    assert phones.events[-1] == ("expired", "sip:alice@198.51.100.7:5060")
    assert phones.location.next_expiry() is None


def test_it_does_not_expire_a_binding_that_was_refreshed(phones):
    phones.register(PHONE, Expires="60")
    phones.now += 50
    phones.register(PHONE, Expires="60")
    phones.location.expire(NOW + 70)
    assert phones.contacts() == ["sip:alice@198.51.100.7:5060"]


# --- Wildcard --------------------------------------------------------------------------------------------------------


def test_it_removes_everything_with_a_star(phones):
    phones.register(PHONE, "<sip:alice@10.0.0.2>")
    phones.register("<sip:bob@10.0.0.3>", user=BOB, call_id="bob")
    response = phones.register("*", Expires="0")
    assert response.status == 200 and "Contact" not in response.headers
    assert phones.contacts() == [] and phones.contacts(BOB) == ["sip:bob@10.0.0.3"]


@pytest.mark.parametrize("headers", [{}, {"Expires": "60"}, {"Expires": "x"}])
def test_it_refuses_a_star_without_expires_zero(phones, headers):
    phones.register(PHONE)
    assert phones.register("*", **headers).status == 400
    assert len(phones.contacts()) == 1


def test_it_refuses_a_star_beside_contacts(phones):
    with pytest.raises(RemoteProtocolError):
        phones.register("*", PHONE, Expires="0")


# --- Order ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contact", [PHONE, PHONE + ";expires=0", "*"])
@pytest.mark.parametrize("cseq", [4, 5])
def test_it_refuses_a_request_that_is_older_than_what_it_did(phones, contact, cseq):
    phones.register(PHONE, cseq=5)
    response = phones.register(contact, cseq=cseq, Expires="0")
    assert (response.status, response.reason) == (400, "CSeq Out of Order")
    assert len(phones.contacts()) == 1


def test_it_takes_any_cseq_of_another_call_id(phones):
    phones.register(PHONE, cseq=500)
    assert phones.register(PHONE, cseq=1, call_id="after-a-restart").status == 200


def test_it_changes_nothing_when_one_contact_of_a_request_is_bad(phones):
    phones.register(PHONE, cseq=1)
    for bad in ("<tel:+49301234>", "<mailto:alice@alpha.example>", f"<sip:{'a' * 1100}@h>"):
        assert phones.register("<sip:alice@10.0.0.5>", bad).status == 400
    with pytest.raises(RemoteProtocolError):
        phones.register("<sip:alice@10.0.0.5>", "<sip:alice@10.0.0.6>;q=2")
    assert phones.contacts() == ["sip:alice@198.51.100.7:5060"]


def test_it_refuses_extensions_that_it_does_not_have(phones):
    response = phones.register(PHONE, Require="path, outbound")
    assert (response.status, response.headers.get("Unsupported")) == (420, "path, outbound")
    assert phones.contacts() == []


# --- Bounds ----------------------------------------------------------------------------------------------------------


def test_it_replaces_the_binding_that_was_refreshed_longest_ago():
    phones = Fixture(max_bindings=3)
    for n in (1, 2, 3):
        phones.register(f"<sip:alice@10.0.0.{n}>", call_id=f"call {n}".replace(" ", "-"))
        phones.now += 1
    phones.register("<sip:alice@10.0.0.1>", call_id="call-1", cseq=50)
    phones.now += 1
    phones.register("<sip:alice@10.0.0.4>", call_id="call-4")
    assert sorted(phones.contacts()) == ["sip:alice@10.0.0.1", "sip:alice@10.0.0.3", "sip:alice@10.0.0.4"]


def test_it_refuses_more_contacts_in_one_request_than_may_be_bound():
    phones = Fixture(max_bindings=3)
    assert phones.register(*(f"<sip:alice@10.0.0.{n}>" for n in range(4))).status == 403
    assert phones.contacts() == []


def test_it_takes_a_contact_that_is_written_differently_for_the_same_binding(phones):
    phones.register("<sip:alice@PHONE.example;transport=udp>")
    phones.register("<sip:alice@phone.example;transport=UDP;foo=bar>")
    assert phones.contacts() == ["sip:alice@phone.example;transport=UDP;foo=bar"]


def test_it_does_not_grow_with_refreshes(phones):
    for _ in range(5000):
        phones.now += 0.001
        phones.register(PHONE)
    assert len(phones.location) == 1
    assert len(phones.location._timers) < 1100


# --- Paths -----------------------------------------------------------------------------------------------------------

NO_RPORT = {"via": "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1"}
NO_NAT = {"via": "SIP/2.0/UDP 198.51.100.7:7777;rport;branch=z9hG4bK1"}


@pytest.mark.parametrize(
    ("contact", "headers", "remote"),
    [
        ("sip:alice@192.168.1.20:5060", {}, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@192.168.1.20:5060", NO_RPORT, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@198.51.100.7:5066", {}, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@198.51.100.7:5066", NO_RPORT, ("udp", "198.51.100.7", 5066)),
        ("sip:alice@198.51.100.7:5066;transport=tcp", NO_RPORT, ("tcp", "198.51.100.7", 5066)),
        ("sip:alice@198.51.100.7:5066", NO_NAT, ("udp", "198.51.100.7", 5066)),
        ("sip:alice@198.51.100.7:7777", NO_NAT, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@203.0.113.50:5060", NO_NAT, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@198.51.100.7:22", NO_RPORT, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@203.0.113.50:5060", NO_RPORT, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@127.0.0.1:5060", NO_RPORT, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@0.0.0.0:5060", NO_RPORT, ("udp", "198.51.100.7", 7777)),
        ("sip:alice@phone.example", NO_RPORT, ("udp", "198.51.100.7", 7777)),
    ],
)
def test_it_reaches_a_phone_where_it_came_from(phones, contact, headers, remote):
    phones.register(f"<{contact}>", flow=udp(port=7777), **headers)
    (binding,) = phones.location.bindings(ALICE.id, NOW)
    assert (binding.flow.transport, *binding.flow.remote) == remote


def test_it_never_sends_a_binding_to_the_server_itself(phones):
    phones.register("<sip:alice@127.0.0.1:5060>", flow=udp("127.0.0.1", 7777), **NO_RPORT)
    assert phones.location.bindings(ALICE.id, NOW)[0].flow.remote == ("127.0.0.1", 7777)


def test_it_reaches_a_phone_over_the_connection_that_it_opened(phones):
    phones.register("<sip:alice@192.168.1.20:5060;transport=tcp>", flow=tcp())
    assert phones.location.bindings(ALICE.id, NOW)[0].flow == tcp()


def test_it_forgets_a_phone_behind_nat_when_its_connection_is_lost(phones):
    phones.register("<sip:alice@192.168.1.20:5060;transport=tcp>", flow=tcp(connection=9))
    phones.register("<sip:alice@192.168.1.21:5060;transport=tcp>", flow=tcp(connection=10), call_id="other")
    phones.location.connection_lost(tcp(connection=9))
    assert phones.contacts() == ["sip:alice@192.168.1.21:5060;transport=tcp"]
    assert phones.events[-1][0] == "unregistered"


def test_it_opens_a_connection_to_a_phone_that_can_be_reached_directly(phones):
    phones.register("<sip:alice@198.51.100.7:5066;transport=tcp>", flow=tcp())
    phones.location.connection_lost(tcp())
    assert phones.location.bindings(ALICE.id, NOW)[0].flow == Flow("tcp", ("198.51.100.7", 5066), SERVER, 0)


def test_it_forgets_connections_that_no_binding_uses(phones):
    phones.register("<sip:alice@192.168.1.20;transport=tcp>", flow=tcp(connection=1))
    phones.register("<sip:alice@192.168.1.20;transport=tcp>", flow=tcp(connection=2))
    phones.location.connection_lost(tcp(connection=1))
    assert len(phones.contacts()) == 1
    phones.register("<sip:alice@192.168.1.20;transport=tcp>;expires=0", flow=tcp(connection=2))
    assert phones.location._by_connection == {}


def test_it_drops_the_phones_of_users_that_are_gone(phones):
    phones.register(PHONE)
    phones.register("<sip:bob@10.0.0.3>", user=BOB, call_id="bob")
    phones.location.keep_users(lambda user_id: user_id == BOB.id)
    assert phones.contacts() == [] and phones.contacts(BOB) == ["sip:bob@10.0.0.3"]


def test_it_cuts_a_long_user_agent(phones):
    phones.register(PHONE, User_Agent="Phone/1 " + "x" * 500)
    assert phones.location.bindings(ALICE.id, NOW)[0].user_agent == "Phone/1 " + "x" * 192


# --- Any sequence of requests ----------------------------------------------------------------------------------------

contacts = st.builds(
    "<sip:alice@10.0.0.{}{}>{}".format,
    st.integers(1, 6),
    st.sampled_from(["", ";transport=udp", ";transport=UDP", ":5060"]),
    st.sampled_from(["", ";expires=0", ";expires=60", ";expires=200", ";expires=5", ";q=0.3"]),
)
requests = st.tuples(
    st.one_of(st.lists(contacts, max_size=4), st.just(["*"])),
    st.sampled_from([None, "0", "60", "3600", "x"]),
    st.sampled_from(["call-a", "call-b"]),
    st.integers(1, 12),
    st.integers(0, 90),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(requests, max_size=25), st.integers(1, 4))
def test_no_sequence_exceeds_the_bounds_or_shows_what_expired(sequence, max_bindings):
    phones = Fixture(max_bindings=max_bindings)
    alive = set()
    phones.location.on_change.append(
        lambda event, binding: (
            alive.add(binding.contact_text)
            if event in ("registered", "refreshed")
            else alive.remove(binding.contact_text)
        )
    )
    for wanted, header, call_id, cseq, later_s in sequence:
        phones.now += later_s
        before = phones.location.bindings(ALICE.id, phones.now)
        headers = {} if header is None else {"Expires": header}
        response = phones.register(*wanted, call_id=call_id, cseq=cseq, **headers)
        after = phones.location.bindings(ALICE.id, phones.now)
        assert len(after) <= max_bindings
        assert all(phones.now < binding.deadline <= phones.now + 3600 for binding in after)
        assert alive == {binding.contact_text for binding in after}
        assert len(phones.location) == len(after)
        if response.status == 200:
            assert set(listed(response)) == alive
        else:
            assert after == before


def test_a_phone_that_asks_for_no_time_gets_no_more_than_the_longest():
    given_settings = SimpleNamespace(
        REGISTRATION_MIN_S=60,
        REGISTRATION_DEFAULT_S=3600,
        REGISTRATION_MAX_S=600,
        MAX_BINDINGS_PER_AOR=10,
    )
    assert RegistrarConfig.from_settings(given_settings).default_expires_s == 600
