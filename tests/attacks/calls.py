# SPDX-License-Identifier: Apache-2.0
"""A call between two sockets of the test, so that every packet of it can be seen and forged."""

from __future__ import annotations

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import rawsip
from tests.stack import Phone, Stack

PACKET_S = 0.02
SAMPLES = 160


@dataclass(slots=True)
class RtpSocket:
    """One end of a media path: sends packets whose payload is a single repeated byte."""

    socket: socket.socket
    sequence: int = 0
    ssrc: int = 0x5EED
    relay: tuple[str, int] = ("", 0)
    received: list[bytes] = field(default_factory=list)

    @classmethod
    def open(cls, ip: str = "127.0.0.1", port: int = 0) -> RtpSocket:
        """Bind a socket."""
        end = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM)
        end.bind((ip, port))
        end.setblocking(False)
        return cls(end)

    @property
    def port(self) -> int:
        """The local port."""
        return int(self.socket.getsockname()[1])

    def send(self, mark: int, to: tuple[str, int] | None = None) -> None:
        """Send one packet of 20 ms to the relay, or elsewhere."""
        self.sequence += 1
        header = struct.pack("!BBHII", 0x80, 0, self.sequence & 0xFFFF, self.sequence * SAMPLES, self.ssrc)
        self.socket.sendto(header + bytes([mark]) * SAMPLES, to or self.relay)

    def drain(self) -> set[int]:
        """Read everything that arrived and return the marks in it."""
        while True:
            try:
                packet = self.socket.recv(2048)
            except BlockingIOError:
                return {packet[12] for packet in self.received if len(packet) > 12}
            self.received.append(packet)


def media_address(sdp: str) -> tuple[str, int]:
    """Return where a session description wants its audio."""
    address = re.search(r"c=IN IP[46] (\S+)", sdp)
    port = re.search(r"m=audio (\d+)", sdp)
    assert address and port, sdp
    return address.group(1), int(port.group(1))


@dataclass(slots=True)
class RawCall:
    """An answered call and both its ends."""

    stack: Stack
    number: str
    caller: rawsip.Peer
    caller_phone: Phone
    callee: rawsip.Peer
    callee_phone: Phone
    caller_rtp: RtpSocket
    callee_rtp: RtpSocket
    invite: rawsip.Message
    answered: rawsip.Message

    def talk(self, seconds: float = 0.5, *, caller: int | None = 0x11, callee: int | None = 0x22) -> None:
        """Let both ends (or one) send for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if caller is not None:
                self.caller_rtp.send(caller)
            if callee is not None:
                self.callee_rtp.send(callee)
            time.sleep(PACKET_S)

    def flows(self) -> bool:
        """Talk, and tell whether each end hears the other."""
        self.caller_rtp.drain(), self.callee_rtp.drain()
        self.caller_rtp.received.clear()
        self.callee_rtp.received.clear()
        self.talk(0.3)
        return 0x22 in self.caller_rtp.drain() and 0x11 in self.callee_rtp.drain()

    def hang_up(self) -> rawsip.Message:
        """End the call from the caller's side and return the answer to BYE."""
        self.caller.send(self.caller.in_dialog("BYE", self.answered, cseq=3))
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            message = self.callee.receive(0.5)
            if message and message.method == "BYE" and not message.status:
                self.callee.reply(message, "200 OK")
                break
        return self.caller.answer("BYE")


@contextmanager
def raw_call(
    stack: Stack,
    *,
    headers: tuple[str, ...] = (),
    caller: str | None = None,
    ips: tuple[str, str] = ("127.0.0.1", "127.0.0.1"),
    tcp: bool = False,
) -> Iterator[RawCall]:
    """Set up a call between two fresh users, or from a certain one to a fresh one; ``ips``: where both are."""
    port = stack.address[1]
    caller_phone, callee_phone = stack.phone(caller), stack.phone()
    with (
        rawsip.Peer((ips[0], port), ip=ips[0], tcp=tcp) as calling,
        rawsip.Peer((ips[1], port), ip=ips[1], tcp=tcp) as callee,
    ):
        assert callee.register(callee_phone).status == 200
        ends = RtpSocket.open(ips[0]), RtpSocket.open(ips[1])
        calling.send(
            calling.invite_request(caller_phone, callee_phone.username, body=calling.sdp(ends[0].port))
        )
        challenge = calling.answer("INVITE")
        calling.ack(caller_phone, callee_phone.username, challenge)
        uri = f"sip:{callee_phone.username}@{callee_phone.domain}"
        credentials = rawsip.authorization(challenge, caller_phone, "INVITE", uri)
        offer = calling.sdp(ends[0].port)
        calling.send(
            calling.invite_request(
                caller_phone, callee_phone.username, credentials, *headers, body=offer, cseq=2
            )
        )
        invite = receive_request(callee, "INVITE")
        contact = callee.contact(callee_phone.username)
        callee.reply(invite, "200 OK", tag="callee", body=callee.sdp(ends[1].port), contact=contact)
        answered = calling.answer("INVITE")
        calling.ack(caller_phone, callee_phone.username, answered)
        assert answered.status == 200, answered
        receive_request(callee, "ACK")
        ends[0].relay, ends[1].relay = media_address(answered.body), media_address(invite.body)
        yield RawCall(
            stack,
            callee_phone.username,
            calling,
            caller_phone,
            callee,
            callee_phone,
            ends[0],
            ends[1],
            invite,
            answered,
        )
        for end in ends:
            end.socket.close()


def receive_request(peer: rawsip.Peer, method: str, timeout_s: float = 5.0) -> rawsip.Message:
    """Return the next request of a method.

    Raises:
        AssertionError: none came.
    """
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        message = peer.receive(left_s)
        if message and not message.status and message.method == method:
            return message
    raise AssertionError(f"no {method} within {timeout_s} s")


def memory_kb(pid: int) -> int:
    """Return the resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))
