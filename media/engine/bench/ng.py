# SPDX-License-Identifier: Apache-2.0
"""The little of rtpengine's control protocol that sets up calls: bencoded dictionaries over UDP."""

from __future__ import annotations

import re
import socket
from typing import Any

HOST = "127.0.0.1"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"
)


def encode(value: str | dict[str, Any]) -> bytes:
    """Bencode text and dictionaries."""
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"
    octets = value.encode()
    return b"%d:%s" % (len(octets), octets)


class NgClient:
    """Asks one rtpengine for calls.

    Args:
        port: of its `--listen-ng`.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((HOST, port))
        self._socket.settimeout(2)
        self._cookie = 0

    def ask(self, **command: str) -> str:
        """Return the answer as text.

        Raises:
            RuntimeError: the answer is an error.
        """
        self._cookie += 1
        request = {key.replace("_", "-"): value for key, value in command.items()}
        self._socket.send(b"%d %s" % (self._cookie, encode(request)))
        answer = self._socket.recv(65536).decode()
        if "6:result5:error" in answer:
            raise RuntimeError(answer)
        return answer

    def call(self, name: str, local_a: int, local_b: int) -> tuple[int, int]:
        """Set up a call and return the ports that A and B send to."""
        tags = {"call_id": name, "from_tag": "a", "ICE": "remove"}
        offer = self.ask(command="offer", sdp=SDP.format(port=local_a), **tags)
        answer = self.ask(command="answer", sdp=SDP.format(port=local_b), to_tag="b", **tags)
        return _audio_port(answer), _audio_port(offer)


def _audio_port(answer: str) -> int:
    match = re.search(r"m=audio (\d+) ", answer)
    if match is None:
        raise RuntimeError(f"no audio in {answer!r}")
    return int(match[1])
