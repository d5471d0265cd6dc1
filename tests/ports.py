# SPDX-License-Identifier: Apache-2.0
"""Ports for a stack under test: blocks below the ephemeral range that parallel runs never share.

A block is owned through a lock on a file, which the kernel lets go of when the owner dies, however it dies.
"""

from __future__ import annotations

import fcntl
import itertools
import socket
import tempfile
import time
from pathlib import Path
from typing import IO

FIRST_PORT = 18000
BLOCK_SIZE = 800
BLOCKS = 17
"""18000 to 31599: above the well-known servers, below 32768, where Linux starts to hand out client ports."""

SERVER_PORTS = 20
RTP_PORTS = 400


class NoFreeBlock(RuntimeError):
    """Every block is owned by another run."""


class PortBlock:
    """One run's ports: a few for servers, a range for the media relay, the rest for clients."""

    def __init__(self) -> None:
        self._lock, self.base = _own_a_block()
        self.sip, self.grpc, self.api, self.ui, self.cdr_metrics, self.tls = range(self.base, self.base + 6)
        self.rtp_min = self.base + SERVER_PORTS
        self.rtp_max = self.rtp_min + RTP_PORTS - 1
        self._clients = itertools.cycle(range(self.rtp_max + 1, self.base + BLOCK_SIZE - 10, 10))
        self.fixed = range(self.base + BLOCK_SIZE - 10, self.base + BLOCK_SIZE)
        """Ports that no `client()` call returns: for peers whose address stands in the dialplan."""

    def client(self) -> int:
        """Return the first of ten ports for one client; none of them is bound by anyone now."""
        for base in itertools.islice(self._clients, BLOCK_SIZE):
            if all(_is_free(port) for port in range(base, base + 10)):
                return base
        raise NoFreeBlock("every client port is bound")

    def release(self) -> None:
        """Let another run have the block."""
        self._lock.close()


def _own_a_block() -> tuple[IO[str], int]:
    directory = Path(tempfile.gettempdir()) / "switchboard-test-ports"
    directory.mkdir(mode=0o777, exist_ok=True)
    for number in range(BLOCKS):
        lock = (directory / f"block-{number}").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        base = FIRST_PORT + number * BLOCK_SIZE
        if all(_is_free(port) for port in range(base, base + SERVER_PORTS)):
            return lock, base
        lock.close()
    raise NoFreeBlock("every block of test ports is owned by another run")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def wait_until_bound(port: int, *, timeout_s: float = 5.0) -> None:
    """Return once a UDP socket is bound to ``port``.

    Raises:
        TimeoutError: nobody bound it in time.
    """
    wanted = f":{port:04X}"
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        rows = Path("/proc/net/udp").read_text().splitlines()[1:]
        if any(row.split()[1].endswith(wanted) for row in rows):
            return
        time.sleep(0.01)
    raise TimeoutError(f"nothing bound UDP port {port} within {timeout_s} s")
