# SPDX-License-Identifier: Apache-2.0
"""RTP bleed and injection over real sockets: other loopback addresses play the other hosts."""

from __future__ import annotations

from collections.abc import Callable

from engine_phone import Phone, rtcp, rtp
from switchboard_engine import Engine

Join = Callable[[str, Phone], int]
MakePhone = Callable[..., Phone]
WaitForStat = Callable[[str, str, int], None]


def test_it_drops_and_counts_everything_before_the_remote_is_known(
    engine: Engine, alice: Phone, wait_for_stat: WaitForStat
) -> None:
    port = engine.create_session("a")
    alice.send(rtp(), port)
    alice.send(rtcp(), port + 1)
    wait_for_stat("a", "dropped_strangers", 2)
    assert engine.stats("a")["packets_received"] == 0


def test_it_neither_hears_nor_serves_a_third_host(
    engine: Engine, alice: Phone, bob: Phone, make_phone: MakePhone, join: Join, wait_for_stat: WaitForStat
) -> None:
    mallory = make_phone("127.0.0.66")
    port_a, port_b = join("a", alice), join("b", bob)
    engine.bridge("a", "b")
    for sequence in range(20):
        mallory.send(rtp(sequence, ssrc=66), port_a)
        mallory.send(rtcp(66), port_a + 1)
    wait_for_stat("a", "dropped_strangers", 40)
    bob.send(rtp(1), port_b)
    assert alice.receive()[0] == rtp(1)
    assert mallory.hears_nothing()
    assert bob.hears_nothing()


def test_it_learns_the_address_of_a_phone_behind_nat_once(
    engine: Engine, bob: Phone, make_phone: MakePhone, join: Join, wait_for_stat: WaitForStat
) -> None:
    natted, later = make_phone("127.0.0.5"), make_phone("127.0.0.5")
    port_a, port_b = engine.create_session("a"), join("b", bob)
    engine.set_remote("a", rtp=("10.0.0.5", 4000), rtcp=None, signaling_ip="127.0.0.5")
    engine.bridge("a", "b")
    natted.send(rtp(1), port_a)
    assert bob.receive()[0] == rtp(1)
    later.send(rtp(2), port_a)
    wait_for_stat("a", "dropped_strangers", 1)
    bob.send(rtp(3), port_b)
    assert natted.receive()[0] == rtp(3)
    assert later.hears_nothing()
    assert engine.stats("a")["remote"] == natted.address


def test_it_lets_the_sdp_address_win_when_it_speaks_late(
    engine: Engine, alice: Phone, bob: Phone, make_phone: MakePhone, join: Join
) -> None:
    natted = make_phone("127.0.0.5")
    port_a, port_b = join("a", alice), join("b", bob)
    engine.set_remote("a", rtp=alice.address, rtcp=None, signaling_ip="127.0.0.5")
    engine.bridge("a", "b")
    for speaker in (natted, alice):
        speaker.send(rtp(), port_a)
        bob.receive()
        bob.send(rtp(), port_b)
        speaker.receive()
    assert natted.hears_nothing()
