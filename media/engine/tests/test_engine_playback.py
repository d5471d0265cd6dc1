# SPDX-License-Identifier: Apache-2.0
"""Prompts over real sockets and the real clock."""

from __future__ import annotations

import math
import struct
import time
from collections.abc import Callable

import pytest
from engine_phone import Phone, Rtp, rtp
from switchboard_engine import Engine

Join = Callable[[str, Phone], int]
WaitForEvent = Callable[[str], tuple[object, ...]]

SILENCE = bytes(320)
"""20 ms of s16le at 8 kHz."""


def tone(packets: int) -> bytes:
    """Return a tone of 1 kHz at half of full scale."""
    samples = (round(16_000 * math.sin(2 * math.pi * n / 8)) for n in range(160 * packets))
    return b"".join(struct.pack("<h", sample) for sample in samples)


def decode_ulaw(octet: int) -> int:
    """Return the linear sample, after the reference formula of G.711."""
    octet ^= 0xFF
    magnitude = ((((octet & 0x0F) << 3) + 0x84) << ((octet >> 4) & 7)) - 0x84
    return -magnitude if octet & 0x80 else magnitude


def test_it_paces_packets_by_20_ms(engine: Engine, alice: Phone, join: Join) -> None:
    join("a", alice)
    engine.play("a", "p", SILENCE * 10, codec="PCMU", payload_type=0)
    arrivals = []
    for _ in range(10):
        alice.receive()
        arrivals.append(time.monotonic())
    assert arrivals[-1] - arrivals[0] == pytest.approx(0.18, abs=0.05)


def test_it_sends_one_stream_over_two_prompts(
    engine: Engine, alice: Phone, join: Join, wait_for_event: WaitForEvent
) -> None:
    join("a", alice)
    for play_id in ("one", "two"):
        engine.play("a", play_id, SILENCE * 2, codec="PCMA", payload_type=8)
        assert wait_for_event("play_completed") == ("play_completed", "a", play_id)
    packets = [Rtp.parse(alice.receive()[0]) for _ in range(4)]
    assert {packet.ssrc for packet in packets} == {packets[0].ssrc}
    assert [(packet.sequence - packets[0].sequence) % 65536 for packet in packets] == [0, 1, 2, 3]
    assert [packet.marker for packet in packets] == [True, False, True, False]
    assert (packets[1].timestamp - packets[0].timestamp) % 2**32 == 160
    assert (packets[2].timestamp - packets[1].timestamp) % 2**32 >= 160
    assert all(packet.payload == b"\xd5" * 160 for packet in packets), "A-law silence"


def test_it_encodes_what_it_was_given(engine: Engine, alice: Phone, join: Join) -> None:
    join("a", alice)
    pcm = tone(1)
    engine.play("a", "p", pcm, codec="PCMU", payload_type=0)
    heard = [decode_ulaw(octet) for octet in Rtp.parse(alice.receive()[0]).payload]
    for sample, wanted in zip(heard, struct.unpack("<160h", pcm), strict=True):
        assert abs(sample - wanted) <= max(16, abs(wanted) / 16)


def test_it_replaces_the_peers_audio_until_the_prompt_is_stopped(
    engine: Engine, alice: Phone, bob: Phone, join: Join, wait_for_event: WaitForEvent
) -> None:
    join("a", alice)
    port_b = join("b", bob)
    engine.bridge("a", "b")
    engine.play("a", "p", SILENCE * 2, codec="PCMU", payload_type=0, repeat=True)
    bob.send(rtp(1, ssrc=99), port_b)
    heard = [Rtp.parse(alice.receive()[0]) for _ in range(5)]
    assert 99 not in {packet.ssrc for packet in heard}
    engine.stop("a")
    assert wait_for_event("play_stopped") == ("play_stopped", "a", "p")
    bob.send(rtp(2, ssrc=99), port_b)
    while Rtp.parse(alice.receive()[0]).ssrc != 99:
        assert engine.stats("a")["packets_sent"] < 100


def test_it_refuses_audio_that_it_cannot_play(engine: Engine, alice: Phone, join: Join) -> None:
    join("a", alice)
    with pytest.raises(ValueError, match='not PCMU or PCMA: "opus"'):
        engine.play("a", "p", SILENCE, codec="opus", payload_type=0)
    with pytest.raises(ValueError, match="whole 16-bit samples"):
        engine.play("a", "p", b"\0" * 3, codec="PCMU", payload_type=0)
    with pytest.raises(ValueError, match="payload_type must be 0 to 127"):
        engine.play("a", "p", SILENCE, codec="PCMU", payload_type=128)
