# SPDX-License-Identifier: Apache-2.0
"""A phone's media socket, as small as the engine's tests need it."""

from __future__ import annotations

import select
import socket
import struct
from typing import NamedTuple

HOST = "127.0.0.1"
PATIENCE_S = 5.0
"""How long something that must come is waited for."""

Address = tuple[str, int]


class Rtp(NamedTuple):
    """The fields of an RTP packet that tests look at."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, packet: bytes) -> Rtp:
        """Read a packet without CSRCs, extension and padding."""
        second, sequence, timestamp, ssrc = struct.unpack("!xBHII", packet[:12])
        return cls(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, packet[12:])


def rtp(
    sequence: int = 1,
    *,
    payload_type: int = 0,
    timestamp: int = 0,
    ssrc: int = 7,
    payload: bytes = b"\xd5" * 160,
) -> bytes:
    """Return an RTP packet."""
    return struct.pack("!BBHII", 0x80, payload_type, sequence, timestamp, ssrc) + payload


def rtcp(ssrc: int = 7) -> bytes:
    """Return an empty receiver report, which is a valid compound."""
    return struct.pack("!BBHI", 0x80, 201, 1, ssrc)


class Phone:
    """A bound UDP socket.

    Args:
        host: to bind; another loopback address is another host to the engine.
    """

    def __init__(self, host: str = HOST) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.address: Address = self._socket.getsockname()

    def send(self, packet: bytes, port: int) -> None:
        """Send to a port of the engine."""
        self._socket.sendto(packet, (HOST, port))

    def receive(self) -> tuple[bytes, Address]:
        """Return the next packet and where it came from; fails when none comes."""
        assert self._is_readable(PATIENCE_S), "no packet came"
        packet, source = self._socket.recvfrom(4096)
        return packet, source

    def hears_nothing(self) -> bool:
        """Whether nothing is waiting; ask after something that was sent later has arrived elsewhere."""
        return not self._is_readable(0)

    def _is_readable(self, timeout_s: float) -> bool:
        return bool(select.select([self._socket], [], [], timeout_s)[0])

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
