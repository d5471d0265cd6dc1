# SPDX-License-Identifier: Apache-2.0
"""The block list: what is refused, until when, and what it costs to ask."""

import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.bans.ban import Ban
from signaling.bans.blocklist import BlockList
from signaling.bans.networks import Networks, canonical

NOW, WALL = 500.0, 1_790_000_000.0


def ban(network="203.0.113.7", lasts_s=600.0, **changes):
    expires_at = None if lasts_s is None else WALL + lasts_s
    return Ban(network, "a reason", True, "node", WALL, expires_at)._replace(**changes)


def blocked(*networks, never=()):
    blocklist = BlockList(Networks(map(ipaddress.ip_network, never)))
    for network in networks:
        blocklist.add(ban(network), NOW, WALL)
    return blocklist


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
        ("203.0.113.7", "::ffff:203.0.113.7", "::ffff:203.0.113.8"),
        ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
        ("203.0.113.0/24", "::ffff:203.0.113.9", "::ffff:203.0.114.9"),
        ("2001:db8:1:2::/64", "2001:db8:1:2:ffff::9", "2001:db8:1:3::9"),
        ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
        ("fe80::/64", "fe80::5%eth0", "fe81::5%eth0"),
    ],
)
def test_it_refuses_a_network_and_nothing_else(network, inside, outside):
    blocklist = blocked(network)
    assert blocklist.refuses(inside)
    assert not blocklist.refuses(outside)
    assert blocklist.covers(inside).network == network
    assert blocklist.covers(outside) is None


@given(st.lists(st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), max_size=12), st.ip_addresses(v=4))
def test_it_refuses_an_address_exactly_when_a_banned_network_holds_it(chosen, address):
    networks = [ipaddress.ip_network(each, strict=False) for each in chosen]
    blocklist = blocked(*map(canonical, networks))
    assert blocklist.refuses(str(address)) == any(address in network for network in networks)


def test_while_nobody_is_banned_nobody_is_refused():
    assert not BlockList().refuses("203.0.113.7")


def test_what_is_never_banned_is_heard_whatever_is_banned_around_it():
    blocklist = blocked(
        "198.51.0.0/16", "127.0.0.1", "198.51.100.7", never=("198.51.100.0/24", "127.0.0.0/8")
    )
    assert len(blocklist) == 1
    assert not blocklist.refuses("198.51.100.7")
    assert not blocklist.refuses("127.0.0.1")
    assert blocklist.refuses("198.51.101.7")


def test_it_ends_by_itself():
    blocklist = blocked("203.0.113.7")
    blocklist.add(ban("203.0.113.0/24", lasts_s=None), NOW, WALL)
    assert blocklist.expire(NOW + 599.9) == []
    assert [each.network for each in blocklist.expire(NOW + 600)] == ["203.0.113.7"]
    assert blocklist.expire(NOW + 1e9) == []
    assert blocklist.covers("203.0.113.7").network == "203.0.113.0/24"


def test_one_that_has_ended_or_makes_no_sense_is_not_taken():
    blocklist = BlockList()
    assert not blocklist.add(ban(lasts_s=0), NOW, WALL)
    assert not blocklist.add(ban("nonsense"), NOW, WALL)
    assert len(blocklist) == 0


def test_replacing_tells_what_began_and_what_is_gone_and_keeps_the_counts():
    blocklist = blocked("203.0.113.7", "203.0.113.8")
    blocklist.refuses("203.0.113.7")
    begun, gone = blocklist.replace([ban("203.0.113.7", 60), ban("10.0.0.0/8")], NOW, WALL)
    assert [each.network for each in begun] == ["10.0.0.0/8"]
    assert [each.network for each in gone] == ["203.0.113.8"]
    assert not blocklist.refuses("203.0.113.8")
    assert blocklist.counts() == {"203.0.113.7": 1}
    assert [each.network for each in blocklist.expire(NOW + 60)] == ["203.0.113.7"]


def test_it_counts_what_it_refuses_and_tells_it_once():
    blocklist = blocked("203.0.113.7")
    for _ in range(3):
        blocklist.refuses("203.0.113.7")
    blocklist.refuses("203.0.113.8")
    blocklist.covers("203.0.113.7")
    assert blocklist.refused == 3
    assert blocklist.counts() == {"203.0.113.7": 3}
    assert blocklist.counts() == {}
    blocklist.refuses("203.0.113.7")
    assert blocklist.counts() == {"203.0.113.7": 1}


def test_a_question_stays_cheap_when_thousands_are_banned():
    blocklist = blocked(*(f"10.{n // 250}.{n % 250}.9" for n in range(10_000)), "203.0.113.0/24")
    addresses = ["10.7.3.9", "203.0.113.77", "198.51.100.1"] * 1000
    begun = time.process_time()
    for address in addresses:
        blocklist.refuses(address)
    assert (time.process_time() - begun) / len(addresses) < 20e-6
