# SPDX-License-Identifier: Apache-2.0
import socket

import pytest

from media.control.addresses import AddressBook, is_own_address, primary_address
from media.control.errors import MediaError, Reason

OWN = "192.0.2.1"
PHONE = "198.51.100.10"


def book(*, bind_ip="0.0.0.0", advertise="", primary=OWN, clock=lambda: 0.0):
    return AddressBook(
        bind_ip=bind_ip,
        advertise=advertise,
        is_own=lambda address: address in (OWN, "10.0.0.1") or address.startswith("127."),
        primary=lambda family: primary,
        clock=clock,
    )


@pytest.mark.parametrize(
    ("arguments", "signaling_ip", "expected"),
    [
        ({}, PHONE, OWN),
        ({}, "", OWN),
        ({}, "127.0.0.1", "127.0.0.1"),
        ({}, "::ffff:127.0.0.1", "127.0.0.1"),
        ({"advertise": "203.0.113.5"}, PHONE, "203.0.113.5"),
        ({"advertise": "203.0.113.5"}, "127.0.0.1", "203.0.113.5"),
        ({"bind_ip": "10.0.0.1"}, PHONE, "10.0.0.1"),
        ({"bind_ip": "::"}, "::1", "::1"),
    ],
)
def test_it_chooses_the_address_to_write(arguments, signaling_ip, expected):
    assert book(**arguments).local_for(signaling_ip) == expected


def test_it_notices_another_network_within_ten_seconds():
    now = 0.0
    addresses = ["192.0.2.1", "192.0.2.99"]
    changing = AddressBook(
        bind_ip="0.0.0.0",
        advertise="",
        is_own=lambda address: False,
        primary=lambda family: addresses[0] if now < 5 else addresses[1],
        clock=lambda: now,
    )
    assert changing.local_for(PHONE) == "192.0.2.1"
    now = 9.0
    assert changing.local_for(PHONE) == "192.0.2.1"
    now = 10.0
    assert changing.local_for(PHONE) == "192.0.2.99"


@pytest.mark.parametrize(
    ("remote", "signaling_ip"),
    [
        ((PHONE, 40000), PHONE),
        ((PHONE, 1024), "203.0.113.9"),
        (("10.1.2.3", 65535), PHONE),
        (("127.0.0.1", 40000), "127.0.0.1"),
        (("127.0.0.1", 40000), "127.0.0.9"),
        ((OWN, 40000), OWN),
        ((OWN, 40000), "127.0.0.1"),
        (None, PHONE),
    ],
)
def test_it_accepts_where_audio_may_go(remote, signaling_ip):
    book().check_remote(remote, signaling_ip)


@pytest.mark.parametrize(
    ("remote", "signaling_ip", "detail"),
    [
        (("0.0.0.0", 40000), PHONE, "unspecified"),
        (("0.1.2.3", 40000), PHONE, "unspecified"),
        (("224.0.0.5", 40000), PHONE, "one host"),
        (("255.255.255.255", 40000), PHONE, "one host"),
        (("127.0.0.1", 40000), PHONE, "loopback"),
        (("127.0.0.1", 40000), "", "loopback"),
        (("127.0.0.1", 40000), OWN, "loopback"),
        ((OWN, 40000), PHONE, "this host"),
        ((OWN, 40000), "", "this host"),
        ((PHONE, 1023), PHONE, "below 1024"),
        ((PHONE, 0), PHONE, "below 1024"),
        (("phone.example", 40000), PHONE, "numeric"),
        (("::1", 40000), PHONE, "IPv6"),
        (("::ffff:127.0.0.1", 40000), PHONE, "numeric"),
        (("127.1", 40000), PHONE, "numeric"),
        (("fe80::1%eth0", 40000), PHONE, "numeric"),
    ],
)
def test_it_refuses_where_audio_must_not_go(remote, signaling_ip, detail):
    with pytest.raises(MediaError, match=detail) as caught:
        book().check_remote(remote, signaling_ip)
    assert caught.value.reason is Reason.REFUSED_ADDRESS


@pytest.mark.parametrize(
    ("arguments", "signaling_ip", "expected"),
    [
        ({}, PHONE, "192.0.2.1"),
        ({}, "2001:db8::7", "2001:db8::1"),
        ({}, "127.0.0.1", "127.0.0.1"),
        ({}, "::ffff:127.0.0.1", "127.0.0.1"),
        ({}, "::1", "::1"),
        ({"advertise": "203.0.113.5"}, PHONE, "203.0.113.5"),
        ({"advertise": "203.0.113.5"}, "2001:db8::7", "2001:db8::1"),
        ({"bind_ip": "2001:db8::1"}, PHONE, "2001:db8::1"),
    ],
)
def test_a_node_of_both_families_writes_each_remote_an_address_of_its_own(arguments, signaling_ip, expected):
    both = AddressBook(
        **{"bind_ip": "::", "advertise": "", **arguments},
        is_own=lambda address: False,
        primary=lambda family: "192.0.2.1" if family == socket.AF_INET else "2001:db8::1",
        clock=lambda: 0.0,
    )
    assert both.local_for(signaling_ip) == expected


def test_a_node_of_both_families_sends_to_both():
    for address in (PHONE, "2001:db8::7"):
        book(bind_ip="::").check_remote((address, 40000), "2001:db8::7")
    for address in ("::", "ff02::1", "::1", "::ffff:198.51.100.10"):
        with pytest.raises(MediaError):
            book(bind_ip="::").check_remote((address, 40000), "2001:db8::7")


def test_a_node_of_one_family_says_how_it_would_have_the_other():
    with pytest.raises(MediaError, match=r"no IPv6 media \(RTP_BIND=:: serves both"):
        book().check_remote(("2001:db8::7", 40000), "2001:db8::7")
    with pytest.raises(MediaError, match="no IPv4 media"):
        book(bind_ip="2001:db8::1").check_remote((PHONE, 40000), "2001:db8::7")


@pytest.mark.parametrize("address", ["169.254.1.9", "fe80::9"])
def test_a_link_local_address_is_for_who_signals_from_one(address):
    both = book(bind_ip="::")
    both.check_remote((address, 40000), "169.254.1.8")
    both.check_remote((address, 40000), "fe80::8")
    for signaling_ip in (PHONE, "127.0.0.1", OWN, ""):
        with pytest.raises(MediaError, match="link-local"):
            both.check_remote((address, 40000), signaling_ip)


def test_it_recognises_the_addresses_of_this_host():
    assert is_own_address("127.0.0.1")
    assert not is_own_address("192.0.2.200")
    socket.inet_aton(primary_address())
