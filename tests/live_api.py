# SPDX-License-Identifier: Apache-2.0
"""A client of a stack's live API: REST as the ui role, and readers of the event stream in threads of their own."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from switchboard.secret_key import derive
from tests.stack import Stack, StackError

Event = dict[str, Any]


class LiveApi:
    """REST and events of one stack's signaling node."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.url = f"http://127.0.0.1:{stack.ports.api}"
        token = derive((stack.var / "secret-key").read_text(), "internal-api")
        self.headers = {"Authorization": f"Internal {token}"}

    def ready(self, timeout_s: float = 15.0) -> LiveApi:
        """Wait until it serves and the node can take calls."""
        self.stack.wait_until(lambda: self.health() == 200, timeout_s, "the live API")
        return self

    def health(self) -> int:
        """Return the status of the health check; 0: nobody answers."""
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).status_code
        except httpx.TransportError:
            return 0

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON of an address below the base."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, headers=self.headers, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return the answer to any request."""
        headers = {**self.headers, **options.pop("headers", {})}
        return httpx.request(method, f"{self.url}/api/v1/{path}", headers=headers, timeout=5, **options)

    def calls(self, **query: Any) -> list[dict[str, Any]]:
        """Return the calls that go on."""
        return list(self.get("calls", **query)["calls"])

    def call_of(self, number: str, state: str = "bridged") -> dict[str, Any]:
        """Wait for the call of a number to come so far, and return it."""
        self.stack.wait_until(
            lambda: bool(self.calls(number=number, state=state)), 10, f"the call of {number}"
        )
        return self.calls(number=number)[0]

    @contextmanager
    def events(self, **query: Any) -> Iterator[EventLog]:
        """Read the event stream by server-sent events."""
        log = EventLog(self.stack)
        with httpx.Client(timeout=httpx.Timeout(5, read=60)) as client:
            address = f"{self.url}/api/v1/events"
            with client.stream("GET", address, params=query, headers=self.headers) as response:
                assert response.status_code == 200
                lines = response.iter_lines()
                assert next(lines).startswith("retry:")
                thread = threading.Thread(target=log.read_sse, args=(lines,), daemon=True)
                thread.start()
                yield log

    @contextmanager
    def socket_events(self, query: str = "") -> Iterator[EventLog]:
        """Read the event stream over WebSocket (RFC 6455)."""
        log = EventLog(self.stack)
        connection = socket.create_connection(("127.0.0.1", self.stack.ports.api), 5)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET /ws/events?{query} HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Authorization: {self.headers['Authorization']}",
        ]
        connection.sendall("\r\n".join([*lines, "\r\n"]).encode())
        stream = connection.makefile("rb")
        assert b"101" in stream.readline()
        while stream.readline() != b"\r\n":
            continue
        threading.Thread(target=log.read_frames, args=(stream,), daemon=True).start()
        try:
            yield log
        finally:
            connection.close()


class EventLog:
    """What a reader got."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.events: list[Event] = []

    def of(self, call_id: str) -> list[Event]:
        """Return the events whose Call-ID begins so."""
        return [event for event in list(self.events) if str(event.get("sip_call_id")).startswith(call_id)]

    def kinds(self, call_id: str, family: str = "call.") -> list[str]:
        """Return the types of the events of a call."""
        return [e["event_type"] for e in self.of(call_id) if e["event_type"].startswith(family)]

    def wait(self, condition: Callable[[list[Event]], bool], what: str, timeout_s: float = 10.0) -> None:
        """Wait until what was got fulfils a condition."""
        try:
            self.stack.wait_until(lambda: condition(list(self.events)), timeout_s, what)
        except StackError as error:
            raise StackError(f"{error}\n{json.dumps(self.events, indent=1)[-4000:]}") from error

    def read_sse(self, lines: Iterator[str]) -> None:
        """Take server-sent events until the stream ends."""
        with suppress(httpx.HTTPError, httpx.StreamClosed):
            for line in lines:
                if line.startswith("data: "):
                    self.events.append(json.loads(line[6:]))

    def read_frames(self, stream: Any) -> None:
        """Take text frames until the connection ends."""
        with suppress(OSError, ValueError):
            while True:
                first, length = stream.read(2)
                if length == 126:
                    length = int.from_bytes(stream.read(2), "big")
                elif length == 127:
                    length = int.from_bytes(stream.read(8), "big")
                payload = stream.read(length)
                if first & 0x0F == 1:
                    self.events.append(json.loads(payload))


def api_pid(stack: Stack) -> int:
    """Return the process id of the live API, a child of the SIP process."""
    parent = stack.pid("runsip")
    children = (Path("/proc") / str(parent) / "task" / str(parent) / "children").read_text().split()
    for child in children:
        if b"runapi" in (Path("/proc") / child / "cmdline").read_bytes():
            return int(child)
    raise AssertionError("the SIP process has no live API")


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return "(zombie)" not in (Path("/proc") / str(pid) / "status").read_text()
    except OSError:
        return False
