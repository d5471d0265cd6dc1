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
from urllib.parse import unquote

from switchboard.dashboard.backends import Backend

LISTS = {"rtpmanagers": "members"}


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
        "node_id": "sip-1",
    } | fields


class FakeNode:
    """What it shows; `hung_up` are the uuids of the calls that were deleted."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {
            name: [] for name in ("calls", "registrations", "dialogs", "sessions", "rtpmanagers")
        }
        self.hung_up: list[str] = []
        self.tokens: list[str] = []
        self.raw: bytes | None = None
        self.delay_s = 0.0
        self.drip = False
        self.url = ""

    def backend(self, name: str = "local") -> Backend:
        """Return it as an entry of UI_BACKENDS."""
        return Backend(name=name, url=self.url)

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

        def do_GET(self) -> None:
            node.tokens.append(self.headers.get("Authorization", ""))
            time.sleep(node.delay_s)
            name = self.path.rpartition("/")[2].partition("?")[0]
            if node.drip:
                self.drip()
            else:
                self.answer(200, {LISTS.get(name, name): node.tables[name]}, node.raw)

        def do_DELETE(self) -> None:
            found = node.delete(unquote(self.path.rpartition("/")[2]))
            self.answer(200 if found else 404, {"message": "ok"} if found else {"error": "No such call."})

        def answer(self, status: int, body: dict[str, Any], raw: bytes | None = None) -> None:
            data = json.dumps(body).encode() if raw is None else raw
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def drip(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            try:
                for _ in range(200):
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    node.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
