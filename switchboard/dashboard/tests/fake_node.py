# SPDX-License-Identifier: Apache-2.0
"""A signaling node that answers what a test tells it to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from switchboard.dashboard.backends import Backend

LISTS = {"rtpmanagers": "members"}
EVENT_OF = {
    "calls": "call.received",
    "registrations": "registration.registered",
    "rtpmanagers": "rtpmanager.up",
}


class Tables(dict[str, list[dict[str, Any]]]):
    """The rows of a node; a table that is replaced is told by an event."""

    def __init__(self) -> None:
        super().__init__(
            {name: [] for name in ("calls", "registrations", "dialogs", "sessions", "rtpmanagers")}
        )
        self.changed = threading.Condition()
        self.events: list[str] = []

    def __setitem__(self, name: str, rows: list[dict[str, Any]]) -> None:
        super().__setitem__(name, rows)
        self.publish(EVENT_OF.get(name, "session.inactive"))

    def publish(self, event_type: str) -> None:
        """Tell an event to every stream."""
        with self.changed:
            self.events.append(event_type)
            self.changed.notify_all()


def call(tenant: object, number: str = "1001", **fields: Any) -> dict[str, Any]:
    """Return a row of a live call."""
    now = datetime.now(UTC).isoformat()
    return {
        "call_uuid": f"uuid-{number}",
        "call_id": f"{number}/a b@phone",
        "tenant_id": str(tenant),
        "state": "answered",
        "caller_number": number,
        "caller_name": f"Phone {number}",
        "callee_number": "1002",
        "callee_name": "",
        "started_at": now,
        "answered_at": now,
        "codec": "PCMU",
        "recording": "off",
        "node_id": "sip-1",
    } | fields


def rtp_manager(name: str = "rtp-1", **fields: Any) -> dict[str, Any]:
    """Return a row of an RTP manager."""
    return {
        "node_id": name,
        "address": "192.0.2.21:9090",
        "healthy": True,
        "drain_state": "active",
        "session_count": 4,
        "active_sessions": 4,
        "available_ports": 40,
    } | fields


class FakeNode:
    """What it shows; `hung_up` are the uuids of the calls that were deleted."""

    def __init__(self) -> None:
        self.tables = Tables()
        self.hung_up: list[str] = []
        self.recorded: list[tuple[str, bool]] = []
        """Uuids of calls that were to be recorded (True) or no longer (False)."""
        self.tokens: list[str] = []
        self.persons: list[str] = []
        """On whose behalf it was told to do something."""
        self.asked: list[str] = []
        """Paths of what was read."""
        self.problems: list[str] = []
        """What its health complains of."""
        self.degraded: list[dict[str, str]] = []
        """What it does without, as its health says it."""
        self.drains: dict[str, dict[str, Any]] = {}
        """RTP manager → how its drain goes."""
        self.has_stream = True
        self.streams = 0
        """How many listen to its events now."""
        self.resumed: list[str] = []
        """Last event ids that streams began with."""
        self.raw: bytes | None = None
        self.status = 200
        """Of the answers that list something."""
        self.delay_s = 0.0
        self.drip = False
        self.url = ""

    def backend(self, name: str = "local") -> Backend:
        """Return it as an entry of UI_BACKENDS."""
        return Backend(name=name, url=self.url)

    def drain(self, node_id: str, mode: str) -> tuple[int, dict[str, Any]]:
        """Begin or, without a mode, end a drain."""
        row = next((row for row in self.tables["rtpmanagers"] if row["node_id"] == node_id), None)
        if row is None:
            return 404, {"error": f"There is no RTP manager {node_id}."}
        if mode and row["drain_state"] != "active":
            return 409, {"error": f"RTP manager {node_id} is {row['drain_state']} already."}
        state = "draining" if mode else "active"
        self.drains[node_id] = {
            "node_id": node_id,
            "state": state,
            "mode": mode,
            "total_sessions": 4,
            "remaining_sessions": 4,
        }
        others = [each for each in self.tables["rtpmanagers"] if each is not row]
        self.tables["rtpmanagers"] = [{**row, "drain_state": state}, *others]
        return 202, {"message": "ok"}

    def delete(self, call_uuid: str) -> bool:
        """End a call; tell whether it was there."""
        before = self.tables["calls"]
        self.tables["calls"] = [row for row in before if row["call_uuid"] != call_uuid]
        self.hung_up.append(call_uuid)
        return len(self.tables["calls"]) < len(before)


@contextmanager
def fake_node() -> Iterator[FakeNode]:
    """Serve a node on a free port of the loopback address."""
    node = FakeNode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # head and body in one segment, or the reader's delayed ACK holds the body back

        def do_GET(self) -> None:
            node.tokens.append(self.headers.get("Authorization", ""))
            node.asked.append(self.path)
            path = urlsplit(self.path).path
            name = path.rpartition("/")[2]
            if name == "events":
                self.stream()
                return
            time.sleep(node.delay_s)
            if node.drip:
                self.drip()
            elif name == "health":
                problems = [{"code": "X", "detail": text} for text in node.problems]
                body = {"status": "ok", "problems": problems, "degraded": node.degraded}
                self.answer(503 if problems else 200, body, node.raw)
            elif name == "drain":
                self.answer(200, node.drains[unquote(path.split("/")[-2])])
            else:
                self.answer(node.status, {LISTS.get(name, name): node.tables[name]}, node.raw)

        def do_POST(self) -> None:
            if self.path.endswith("/recording"):
                self.record(is_wanted=True)
                return
            self.act(dict(parse_qsl(urlsplit(self.path).query))["mode"])

        def record(self, *, is_wanted: bool) -> None:
            node.persons.append(self.headers.get("On-Behalf-Of", ""))
            wanted = unquote(self.path.split("/")[-2])
            rows = node.tables["calls"]
            if not any(row["call_uuid"] == wanted for row in rows):
                self.answer(404, {"error": "No such call."})
                return
            node.recorded.append((wanted, is_wanted))
            state = {"recording": "on" if is_wanted else "off"}
            node.tables["calls"] = [row | state if row["call_uuid"] == wanted else row for row in rows]
            self.answer(202, {"message": "The call is being recorded." if is_wanted else "No longer."})

        def act(self, mode: str) -> None:
            node.persons.append(self.headers.get("On-Behalf-Of", ""))
            self.answer(*node.drain(unquote(urlsplit(self.path).path.split("/")[-2]), mode))

        def stream(self) -> None:
            """Tell events until the reader is gone."""
            if not node.has_stream:
                self.answer(503, {"error": "no streams"})
                return
            node.resumed.append(self.headers.get("Last-Event-ID", ""))
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            tables, told = node.tables, len(node.tables.events)
            node.streams += 1
            try:
                while node.has_stream:
                    with tables.changed:
                        tables.changed.wait(0.05)
                        news, told = tables.events[told:], len(tables.events)
                    self.wfile.flush()
                    self.wfile.write(b": still here\n\n")
                    for number, event_type in enumerate(news, told):
                        self.wfile.write(f"id: id-{number}\nevent: {event_type}\ndata: {{}}\n\n".encode())
            except OSError:
                return
            finally:
                node.streams -= 1

        def do_DELETE(self) -> None:
            if self.path.endswith("/drain"):
                self.act("")
                return
            if self.path.endswith("/recording"):
                self.record(is_wanted=False)
                return
            node.persons.append(self.headers.get("On-Behalf-Of", ""))
            found = node.delete(unquote(self.path.rpartition("/")[2]))
            self.answer(200 if found else 404, {"message": "ok"} if found else {"error": "No such call."})

        def answer(self, status: int, body: dict[str, Any], raw: bytes | None = None) -> None:
            data = json.dumps(body).encode() if raw is None else raw
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try:
                self.wfile.write(data)
                self.wfile.flush()
            except OSError:
                self.close_connection = True

        def drip(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            try:
                for _ in range(200):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Stay silent about readers that left."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
