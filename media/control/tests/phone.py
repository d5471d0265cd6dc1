# SPDX-License-Identifier: Apache-2.0
"""A phone's media socket on the loopback address."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import NamedTuple

from media.control.tests.descriptions import sdp


class Packet(NamedTuple):
    """The parts of an RTP packet that tests look at."""

    payload_type: int
    sequence: int
    payload: bytes


class Phone:
    """Sends and receives RTP; the remote end is set with `talk_to`."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]
        self._remote = ("127.0.0.1", 9)
        self._sequence = 0

    def sdp(self, *payload_types: int, **more: str) -> str:
        """Return a description of this phone."""
        return sdp(*payload_types, port=self.port, **({"host": "127.0.0.1"} | more))  # type: ignore[arg-type]

    def talk_to(self, description: str) -> None:
        """Send to the audio stream of a description from now on."""
        line = next(line for line in description.split("\r\n") if line.startswith("m=audio"))
        self._remote = ("127.0.0.1", int(line.split()[1]))

    def send(self, payload_type: int = 0, payload: bytes = b"\xd5" * 160) -> None:
        """Send one packet."""
        self._sequence += 1
        header = struct.pack("!BBHII", 0x80, payload_type, self._sequence, self._sequence * 160, 0xABCD)
        self.socket.sendto(header + payload, self._remote)

    async def receive(self, timeout_s: float = 5.0) -> Packet:
        """Return the next RTP packet."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout_s):
            data = await loop.sock_recv(self.socket, 2048)
        _, marked, sequence = struct.unpack("!BBH", data[:4])
        return Packet(marked & 0x7F, sequence, data[12:])

    def has_packet(self) -> bool:
        """Tell whether something has arrived, and take it."""
        try:
            self.socket.recv(2048)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
