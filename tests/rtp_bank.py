# SPDX-License-Identifier: Apache-2.0
"""The audio of many phones in one thread: each sends a packet every 20 ms and notes what it hears, and when.

SIPp does the signalling and writes down where each phone's audio is to go; this reads it there. Times of arrival are
the kernel's, so that a busy machine is not taken for a silent line.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

PACKET_S = 0.02
SAMPLES = 160
SO_TIMESTAMPNS = 35
TIMESPEC = struct.Struct("@ll")
HEADER = struct.Struct("!BBHII")
MEDIA_LINE = re.compile(r"MEDIA (\d+) (\d+)")


@dataclass(slots=True)
class Line:
    """One phone's audio."""

    socket: socket.socket
    ssrc: int
    relay: tuple[str, int] | None = None
    moves: int = 0
    sent: int = 0
    received: int = 0
    lost: int = 0
    """Packets missing by their sequence numbers."""
    longest_gap_s: float = 0.0
    """Longest time between two packets that were heard."""
    longest_loss: int = 0
    """Most packets missing in a row."""
    last_arrival: float = 0.0
    _next: int = field(default=-1)

    @property
    def port(self) -> int:
        """Where the phone listens."""
        return int(self.socket.getsockname()[1])

    def reset(self) -> None:
        """Forget the gaps so far."""
        self.lost = self.longest_loss = 0
        self.longest_gap_s = 0.0

    def heard(self, packet: bytes, arrival: float) -> None:
        """Note one packet."""
        sequence = struct.unpack_from("!H", packet, 2)[0]
        if self.last_arrival:
            self.longest_gap_s = max(self.longest_gap_s, arrival - self.last_arrival)
            missing = (sequence - self._next) & 0xFFFF
            # A prompt or an echo from another RTP manager is a new stream with numbers of its own.
            if 0 < missing < 1000:
                self.lost += missing
                self.longest_loss = max(self.longest_loss, missing)
        self.received += 1
        self.last_arrival = arrival
        self._next = (sequence + 1) & 0xFFFF


class RtpBank(threading.Thread):
    """All lines of a test; a context manager.

    Args:
        count: how many phones.
    """

    def __init__(self, count: int) -> None:
        super().__init__(name="rtp-bank", daemon=True)
        self.lines = [self._open(number) for number in range(count)]
        self.by_port = {line.port: line for line in self.lines}
        self.longest_pause_s = 0.0
        """Longest time between two rounds of sending: on a busy machine this thread is late itself."""
        self._logs: list[Path] = []
        self._offsets: dict[Path, int] = {}
        self._ended = threading.Event()
        self._selector = selectors.DefaultSelector()
        for line in self.lines:
            self._selector.register(line.socket, selectors.EVENT_READ, line)

    def __enter__(self) -> RtpBank:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self.join(5)
        for line in self.lines:
            line.socket.close()

    def follow(self, log: Path) -> None:
        """Take what SIPp writes into a file from now on: ``MEDIA own-port relay-port``."""
        self._logs.append(log)

    def reset(self) -> None:
        """Forget the gaps so far."""
        self.longest_pause_s = 0.0
        for line in self.lines:
            line.reset()

    def run(self) -> None:
        """Send and receive until the end."""
        due = last = time.monotonic()
        while not self._ended.is_set():
            self._read_logs()
            self._receive(max(0.0, min(due - time.monotonic(), 0.005)))
            now = time.monotonic()
            if now >= due:
                self.longest_pause_s = max(self.longest_pause_s, now - last)
                last = now
                due = max(due + PACKET_S, now - 5 * PACKET_S)
                for line in self.lines:
                    self._send(line)

    def _open(self, number: int) -> Line:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.bind(("127.0.0.1", 0))
        end.setblocking(False)
        end.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        return Line(end, 0x10000 + number)

    def _send(self, line: Line) -> None:
        if line.relay is None:
            return
        line.sent += 1
        header = HEADER.pack(0x80, 0, line.sent & 0xFFFF, (line.sent * SAMPLES) & 0xFFFFFFFF, line.ssrc)
        # Nobody may listen at a port of a killed RTP manager; the next packet may find somebody.
        with contextlib.suppress(OSError):
            line.socket.sendto(header + b"\xd5" * SAMPLES, line.relay)

    def _receive(self, wait_s: float) -> None:
        for key, _ in self._selector.select(wait_s):
            line: Line = key.data
            while True:
                try:
                    packet, ancillary, _, _ = line.socket.recvmsg(2048, 64)
                except BlockingIOError:
                    break
                except OSError:
                    continue
                arrival = time.time()
                for level, kind, data in ancillary:
                    if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                        seconds, nanoseconds = TIMESPEC.unpack(data[: TIMESPEC.size])
                        arrival = seconds + nanoseconds / 1e9
                if len(packet) > 12:
                    line.heard(packet, arrival)

    def _read_logs(self) -> None:
        for log in self._logs:
            offset = self._offsets.get(log, 0)
            if not log.exists() or log.stat().st_size == offset:
                continue
            with log.open("rb") as file:
                file.seek(offset)
                text = file.read()
            whole = text[: text.rfind(b"\n") + 1]
            self._offsets[log] = offset + len(whole)
            for own, relay in MEDIA_LINE.findall(whole.decode("utf-8", "replace")):
                line = self.by_port[int(own)]
                line.relay = ("127.0.0.1", int(relay))
                line.moves += 1
