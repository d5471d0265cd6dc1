# SPDX-License-Identifier: Apache-2.0
"""A subscriber of NATS that shares no code with the product: the text protocol over a socket, in a thread.

It connects again whenever the connection is lost, as subscribers do; what is published meanwhile passes it by.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

CONNECT = b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n'


@dataclass(frozen=True, slots=True)
class Heard:
    """One message."""

    subject: str
    headers: str
    body: dict[str, Any]


class NatsListener(threading.Thread):
    """Keeps everything that is published under a subject; a context manager, which subscribes before it is entered.

    Args:
        port: of the server on the loopback interface.
        subject: with wildcards.
    """

    def __init__(self, port: int, subject: str = "switchboard.>") -> None:
        super().__init__(name="nats-listener", daemon=True)
        self.messages: list[Heard] = []
        self.connections = 0
        self._port = port
        self._subject = subject
        self._ended = threading.Event()

    def __enter__(self) -> NatsListener:
        self.start()
        self.wait_connected(1)
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self.join(5)

    def wait_connected(self, connections: int, timeout_s: float = 10.0) -> None:
        """Wait until it has subscribed so many times."""
        deadline = time.monotonic() + timeout_s
        while self.connections < connections:
            assert time.monotonic() < deadline, "the subscriber does not reach NATS"
            time.sleep(0.01)

    def of(self, prefix: str) -> list[Heard]:
        """Return the messages whose subject begins so, each event once: who publishes may repeat itself."""
        events = [message for message in self.messages if "event_id" in message.body]
        found = {message.body["event_id"]: message for message in reversed(events)}
        once = {id(message) for message in found.values()}
        return [each for each in events if id(each) in once and each.subject.startswith(prefix)]

    def run(self) -> None:
        """Listen until the end."""
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                self._listen()
            self._ended.wait(0.05)

    def _listen(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), 1.0) as connection:
            connection.settimeout(0.2)
            connection.sendall(CONNECT + f"SUB {self._subject} 1\r\nPING\r\n".encode())
            rest = b""
            while not self._ended.is_set():
                try:
                    data = connection.recv(65536)
                except TimeoutError:
                    continue
                if not data:
                    return
                rest = self._read(connection, rest + data)

    def _read(self, connection: socket.socket, data: bytes) -> bytes:
        """Take whole messages off the data and return the rest."""
        while (end := data.find(b"\r\n")) >= 0:
            words = data[:end].decode().split(" ")
            if words[0] in ("MSG", "HMSG"):
                begin, size = end + 2, int(words[-1])
                if len(data) < begin + size + 2:
                    break
                self._keep(words, data[begin : begin + size])
                data = data[begin + size + 2 :]
                continue
            if words[0] == "PING":
                connection.sendall(b"PONG\r\n")
            elif words[0] == "PONG":
                self.connections += 1
            data = data[end + 2 :]
        return data

    def _keep(self, words: list[str], payload: bytes) -> None:
        head = int(words[-2]) if words[0] == "HMSG" else 0
        with contextlib.suppress(ValueError):
            self.messages.append(Heard(words[1], payload[:head].decode(), json.loads(payload[head:])))
