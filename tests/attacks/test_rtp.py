# SPDX-License-Identifier: Apache-2.0
"""RTP bleed and injection (AST-2017-005 and -008, CVE-2017-14114, CVE-2025-53399): strangers hear and say nothing."""

from __future__ import annotations

import struct
import time

import pytest

from tests.attacks.calls import PACKET_S, RawCall, RtpSocket, raw_call
from tests.stack import Stack

pytestmark = pytest.mark.e2e

EVIL = 0x66


def spray(call: RawCall, stranger: RtpSocket, seconds: float, *, rtcp: bool = False) -> None:
    """Send to both relay ports of a call, again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for host, port in (call.caller_rtp.relay, call.callee_rtp.relay):
            stranger.send(EVIL, (host, port + rtcp))
        time.sleep(PACKET_S / 2)


def assert_unharmed(call: RawCall, stranger: RtpSocket) -> None:
    """The stranger got nothing, was not heard, and the call goes on."""
    stranger.drain()
    assert stranger.received == []
    assert EVIL not in call.caller_rtp.drain() | call.callee_rtp.drain()
    assert call.flows()
    assert stranger.received == [] and not stranger.drain()


def test_both_ends_hear_each_other(stack: Stack) -> None:
    with raw_call(stack) as call:
        assert call.flows()
        assert call.hang_up().status == 200


@pytest.mark.parametrize("stranger_ip", ["127.0.0.1", "127.0.0.2"])
def test_a_stranger_is_not_heard_and_hears_nothing_while_media_flows(stack: Stack, stranger_ip: str) -> None:
    with raw_call(stack) as call:
        stranger = RtpSocket.open(stranger_ip)
        call.talk(0.3)
        for _ in range(10):
            call.talk(0.05)
            spray(call, stranger, 0.05)
        assert_unharmed(call, stranger)


def test_a_stranger_who_comes_before_the_phones_is_not_learnt(stack: Stack) -> None:
    with raw_call(stack) as call:
        stranger = RtpSocket.open("127.0.0.2")
        spray(call, stranger, 0.5)
        assert_unharmed(call, stranger)


def test_a_stranger_is_not_learnt_when_the_phones_fall_silent(stack: Stack) -> None:
    with raw_call(stack) as call:
        stranger = RtpSocket.open("127.0.0.2")
        assert call.flows()
        spray(call, stranger, 1.5)
        assert_unharmed(call, stranger)


def test_fewer_than_five_packets_do_not_leak_either(stack: Stack) -> None:
    """The heuristic mode of CVE-2025-53399 passed the first few."""
    with raw_call(stack) as call:
        stranger = RtpSocket.open("127.0.0.2")
        for _ in range(4):
            stranger.send(EVIL, call.caller_rtp.relay)
            stranger.send(EVIL, call.callee_rtp.relay)
        time.sleep(0.1)
        assert_unharmed(call, stranger)


def test_rtcp_of_a_stranger_is_not_relayed(stack: Stack) -> None:
    with raw_call(stack) as call:
        stranger = RtpSocket.open("127.0.0.2")
        assert call.flows()
        spray(call, stranger, 0.5, rtcp=True)
        assert_unharmed(call, stranger)


def test_a_phone_behind_nat_is_learnt_from_its_signalling_address(stack: Stack) -> None:
    with raw_call(stack) as call:
        behind_nat = RtpSocket.open("127.0.0.1")
        behind_nat.relay = call.caller_rtp.relay
        for _ in range(25):
            behind_nat.send(0x33)
            call.callee_rtp.send(0x22)
            time.sleep(PACKET_S)
        assert 0x33 in call.callee_rtp.drain()
        assert 0x22 in behind_nat.drain()


def test_garbage_from_the_phone_itself_ends_nothing(stack: Stack) -> None:
    with raw_call(stack) as call:
        assert call.flows()
        for junk in (b"", b"\x80", b"\x00" * 200, b"\xff" * 1400, struct.pack("!BBHII", 0xBF, 0xFF, 0, 0, 0)):
            for shift in (0, 1):
                call.caller_rtp.socket.sendto(
                    junk, (call.caller_rtp.relay[0], call.caller_rtp.relay[1] + shift)
                )
        assert call.flows()
        assert call.hang_up().status == 200
