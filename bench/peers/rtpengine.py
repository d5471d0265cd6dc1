# SPDX-License-Identifier: Apache-2.0
"""Debian's rtpengine in user space with one thread, and the little of its control protocol that sets up calls.

The ng protocol is a cookie and a bencoded dictionary in one UDP datagram each way.
"""

from __future__ import annotations

import re
import socket
import subprocess
import time
from types import TracebackType
from typing import Self

from bench.processes import SERVER_CORE, pinned, program, stop

START_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 2.0
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
)
"""What the load generator's leg at a port offers or answers."""


class RefusedByRelay(RuntimeError):
    """The relay answered a request with an error."""


class Rtpengine:
    """A running rtpengine; `pair()` sets up one call."""

    name = "rtpengine (user space, one thread)"

    def __init__(self, control_port: int, port_min: int, port_max: int) -> None:
        command = [*pinned(SERVER_CORE), program("rtpengine", "Debian: rtpengine-daemon"), "--foreground"]
        command += ["--table=-1", "--num-threads=1", "--interface=127.0.0.1", "--log-level=3", "--log-stderr"]
        command += [f"--listen-ng=127.0.0.1:{control_port}", "--timeout=600"]
        command += [f"--port-min={port_min}", f"--port-max={port_max}"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", control_port))
        self._socket.settimeout(REPLY_TIMEOUT_S)
        self._cookie = 0

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._ask({"command": "ping"})
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        stop(self._process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def pairs(self, ports: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Set up a call between each two local ports and return the ports that they must send to."""
        return [self._pair(f"call-{number}", *local) for number, local in enumerate(ports)]

    def _pair(self, call_id: str, local_a: int, local_b: int) -> tuple[int, int]:
        common = {"call-id": call_id, "from-tag": "a", "ICE": "remove"}
        offer = self._ask({"command": "offer", "sdp": SDP.format(port=local_a), **common})
        answer = self._ask({"command": "answer", "sdp": SDP.format(port=local_b), "to-tag": "b", **common})
        return audio_port(answer), audio_port(offer)

    def _ask(self, command: dict[str, str]) -> str:
        self._cookie += 1
        self._socket.send(b"%d %s" % (self._cookie, bencode(command)))
        answer = self._socket.recv(65536).decode()
        if "6:result5:error" in answer:
            raise RefusedByRelay(answer)
        return answer


def bencode(command: dict[str, str]) -> bytes:
    """Encode a dictionary of text."""
    parts = [
        b"%d:%s" % (len(text), text) for pair in sorted(command.items()) for text in map(str.encode, pair)
    ]
    return b"d" + b"".join(parts) + b"e"


def audio_port(description: str) -> int:
    """Return the port of the first audio line.

    Raises:
        RefusedByRelay: there is none.
    """
    found = re.search(r"m=audio (\d+) ", description)
    if found is None:
        raise RefusedByRelay(f"no audio in {description!r}")
    return int(found.group(1))
