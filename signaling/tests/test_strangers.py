# SPDX-License-Identifier: Apache-2.0
"""Strangers: what a flood of each kind gets read, who is read all the same, and what is left of it."""

import pytest

from signaling.sip.flow import Flow
from signaling.strangers import (
    CROWD,
    CROWDED_S,
    SHUT_IN_S,
    TRICKLE_PER_ADDRESS,
    TRICKLE_PER_PATH,
    StrangerConfig,
    Strangers,
)

REGISTER = b"REGISTER sip:alpha.example SIP/2.0"
RESPONSE = b"SIP/2.0 200 OK"
HOUR_S = 3600.0


def flow(ip="198.51.100.7", port=5060):
    return Flow("udp", (ip, port), ("192.0.2.1", 5060))


def reads(strangers, where, now, data=REGISTER):
    return strangers.reads(data, where, where.remote[0], now)


def flood(strangers, paths, *, per_second, seconds, count, start=100.0):
    """Send from `paths` in turn; return how many messages of each second were read."""
    read = [0] * seconds
    for n in range(per_second * seconds):
        now = start + n / per_second
        where = paths[n % len(paths)]
        if reads(strangers, where, now):
            count(where, where.remote[0], now)
            read[int(now - start)] += 1
    return read


def hundred_addresses():
    return [flow(f"10.0.0.{n}") for n in range(100)]


def many_ports_of_hundred_addresses():
    return [flow(f"10.0.0.{n % 100}", 1024 + n // 100) for n in range(50_000)]


def hundred_thousand_addresses():
    return [flow(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(100_000)]


@pytest.mark.parametrize("kind", ["offend", "stray"])
@pytest.mark.parametrize(
    ("paths", "most"),
    [
        (hundred_addresses, 100 * 2 * TRICKLE_PER_PATH),
        (many_ports_of_hundred_addresses, 100 * 1.5 * TRICKLE_PER_ADDRESS),
        (hundred_thousand_addresses, CROWD * 1000 * 1.01),
    ],
    ids=["addresses", "ports", "forged addresses"],
)
def test_a_flood_is_read_in_small_part(paths, most, kind):
    strangers = Strangers(StrangerConfig())
    read = flood(strangers, paths(), per_second=20_000, seconds=12, count=getattr(strangers, kind))
    assert all(each <= (CROWD + 1) * 1000 * 1.01 for each in read), read
    assert all(each <= most for each in read[-3:]), read


def test_a_few_messages_that_belong_to_nothing_are_no_offence():
    """A monitor that asks OPTIONS five hundred times a second goes on."""
    strangers = Strangers(StrangerConfig())
    assert flood(strangers, [flow()], per_second=500, seconds=10, count=strangers.stray) == [500] * 10


def test_a_challenge_that_is_never_answered_is_one():
    strangers = Strangers(StrangerConfig())
    read = flood(strangers, [flow()], per_second=500, seconds=10, count=strangers.offend)
    assert all(each <= 20 + TRICKLE_PER_PATH + 2 for each in read[2:]), read


def test_a_phone_nobody_knows_is_served_at_an_address_where_few_paths_flood():
    strangers = Strangers(StrangerConfig())
    paths = [flow(port=port) for port in range(2000, 2100)]
    flood(strangers, paths, per_second=20_000, seconds=2, count=strangers.offend)
    new = flow(port=7000)
    for count in (strangers.offend, strangers.stray, strangers.offend):
        assert reads(strangers, new, 102.0), (
            "the INVITE, the ACK to its challenge, the INVITE with credentials"
        )
        count(new, new.remote[0], 102.0)


def test_a_phone_is_served_where_somebody_has_authenticated_however_many_strangers_there_are():
    strangers = Strangers(StrangerConfig())
    known, new_there, new_elsewhere = flow("203.0.113.5"), flow("203.0.113.5", 7000), flow("203.0.113.6")
    strangers.trust(known, known.remote[0], 99.0, HOUR_S)
    for n in range(20_000):
        where = flow(f"10.0.{n >> 8}.{n & 255}")
        strangers.offend(where, where.remote[0], 100.0)
    assert reads(strangers, known, 100.0)
    assert reads(strangers, new_there, 100.0)
    assert not reads(strangers, new_elsewhere, 100.0)
    assert reads(strangers, new_elsewhere, 100.0 + CROWDED_S)


def test_only_a_response_that_is_awaited_is_read_of_who_is_shut_in():
    strangers = Strangers(StrangerConfig(per_path=5), awaited=lambda data: data.endswith(b"OK"))
    for _ in range(6):
        strangers.offend(flow(), flow().remote[0], 100.0)
    read = [reads(strangers, flow(), 100.0, b"SIP/2.0 486 Busy") for _ in range(50)]
    assert sum(read) == TRICKLE_PER_PATH
    assert all(reads(strangers, flow(), 100.0, RESPONSE) for _ in range(50))


def test_phones_that_answer_their_challenges_are_never_shut_in_however_many_restart_at_once():
    strangers = Strangers(StrangerConfig())
    proxy = flow()
    for _ in range(20_000):
        assert reads(strangers, proxy, 100.0)
        strangers.offend(proxy, proxy.remote[0], 100.0)
        strangers.forgive(proxy, proxy.remote[0], 100.0)


def test_who_is_trusted_offends_without_consequence():
    strangers = Strangers(StrangerConfig(per_second=1))
    strangers.trust(flow(), flow().remote[0], 100.0, HOUR_S)
    for _ in range(5000):
        strangers.stray(flow(), flow().remote[0], 100.0)
        assert reads(strangers, flow(), 100.0)


def test_a_flood_leaves_nothing_behind():
    strangers = Strangers(StrangerConfig())
    paths = hundred_thousand_addresses()
    flood(strangers, paths, per_second=20_000, seconds=3, count=strangers.offend)
    for second in range(1, 90):
        strangers.tidy(103.0 + second)
    assert not any(map(len, (strangers._paths, strangers._addresses, strangers._address_trickle)))
    assert reads(strangers, paths[0], 103.0 + SHUT_IN_S)
