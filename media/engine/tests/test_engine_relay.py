# SPDX-License-Identifier: Apache-2.0
"""Two phones and the engine between them, over real sockets."""

from __future__ import annotations

from collections.abc import Callable

from engine_phone import HOST, Phone, Rtp, rtcp, rtp
from switchboard_engine import Engine

Join = Callable[[str, Phone], int]
WaitForStat = Callable[[str, str, int], None]


def test_it_relays_both_ways_between_bridged_sessions(
    engine: Engine, alice: Phone, bob: Phone, join: Join
) -> None:
    port_a, port_b = join("a", alice), join("b", bob)
    engine.bridge("a", "b")
    alice.send(rtp(1), port_a)
    assert bob.receive() == (rtp(1), (HOST, port_b))
    bob.send(rtp(2), port_b)
    assert alice.receive() == (rtp(2), (HOST, port_a))


def test_it_relays_rtcp_on_the_odd_ports(engine: Engine, alice: Phone, bob: Phone, join: Join) -> None:
    port_a, port_b = join("a", alice), join("b", bob)
    engine.set_remote("a", rtp=alice.address, rtcp=alice.address, signaling_ip=None)
    engine.set_remote("b", rtp=("127.0.0.9", 4000), rtcp=bob.address, signaling_ip=None)
    engine.bridge("a", "b")
    alice.send(rtcp(), port_a)
    assert bob.receive() == (rtcp(), (HOST, port_b + 1))


def test_it_stops_relaying_after_unbridge(
    engine: Engine, alice: Phone, bob: Phone, join: Join, wait_for_stat: WaitForStat
) -> None:
    port_a, _ = join("a", alice), join("b", bob)
    engine.bridge("a", "b")
    engine.unbridge("b")
    alice.send(rtp(), port_a)
    wait_for_stat("a", "packets_received", 1)
    assert bob.hears_nothing()


def test_it_echoes_a_session_bridged_to_itself(engine: Engine, alice: Phone, join: Join) -> None:
    port = join("a", alice)
    engine.bridge("a", "a")
    alice.send(rtp(5, payload=b"voice" * 32), port)
    packet, source = alice.receive()
    echo = Rtp.parse(packet)
    assert (source, echo.sequence, echo.payload) == ((HOST, port), 5, b"voice" * 32)
    assert echo.ssrc != 7, "a stream that returns under its own SSRC is a loop (RFC 3550 8.2)"


def test_it_maps_and_filters_payload_types(
    engine: Engine, alice: Phone, bob: Phone, join: Join, wait_for_stat: WaitForStat
) -> None:
    port_a, _ = join("a", alice), join("b", bob)
    engine.bridge("a", "b")
    engine.set_payload_map("b", {101: 96}, bytes([0]))
    for payload_type in (18, 101, 0):
        alice.send(rtp(payload_type=payload_type), port_a)
    assert [Rtp.parse(bob.receive()[0]).payload_type for _ in range(2)] == [96, 0]
    assert engine.stats("b")["dropped_payload_type"] == 1


def test_it_keeps_the_bridge_when_sessions_of_different_threads_are_joined(
    engine: Engine, make_phone: Callable[[], Phone], join: Join
) -> None:
    for call in range(8):
        phones = make_phone(), make_phone()
        port, _ = join(f"{call}-a", phones[0]), join(f"{call}-b", phones[1])
        engine.bridge(f"{call}-a", f"{call}-b")
        phones[0].send(rtp(call), port)
        assert phones[1].receive()[0] == rtp(call)


def test_it_sends_nothing_to_a_remote_on_hold_and_goes_on_afterwards(
    engine: Engine, alice: Phone, bob: Phone, join: Join, wait_for_stat: WaitForStat
) -> None:
    port_a, _ = join("a", alice), join("b", bob)
    engine.bridge("a", "b")
    engine.set_remote("b", rtp=None, rtcp=None, signaling_ip=None)
    alice.send(rtp(1), port_a)
    wait_for_stat("a", "packets_received", 1)
    engine.set_remote("b", rtp=bob.address, rtcp=None, signaling_ip=None)
    alice.send(rtp(2), port_a)
    assert bob.receive()[0] == rtp(2)


def test_it_counts_packets_octets_loss_and_the_last_payload_type(
    engine: Engine, alice: Phone, bob: Phone, join: Join, wait_for_stat: WaitForStat
) -> None:
    port_a, _ = join("a", alice), join("b", bob)
    engine.bridge("a", "b")
    for sequence in (1, 2, 5, 4):
        alice.send(rtp(sequence, payload_type=8), port_a)
    wait_for_stat("b", "packets_sent", 4)
    stats = engine.stats("a")
    expected = {"packets_received": 4, "bytes_received": 4 * 172, "packets_lost": 1, "out_of_order": 1}
    assert expected.items() <= stats.items()
    assert (stats["ssrc"], stats["payload_type"], stats["remote"]) == (7, 8, alice.address)
    assert engine.destroy("b")["bytes_sent"] == 4 * 172
