# SPDX-License-Identifier: Apache-2.0
"""The programs that the images bring beside the product: the probe and the drain hook, against small servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.dockerfile import DOCKER
from tests.servers import free_port

TIMEOUT_S = 20


class Api:
    """A signaling node's REST: answers from a table, remembers what was asked."""

    def __init__(self, answers: dict[str, list[tuple[int, dict[str, Any]]]]) -> None:
        self.asked: list[tuple[str, str, str]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                api.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
                waiting = answers[self.command]
                status, body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(body).encode())

            do_GET = do_POST = handle_any  # noqa: N815 - the base class calls them by these names

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(answers: dict[str, list[tuple[int, dict[str, Any]]]]) -> Iterator[Api]:
    """Serve for the block."""
    api = Api(answers)
    threading.Thread(target=api.server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield api
    finally:
        api.server.shutdown()
        api.server.server_close()


def run(command: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a program with few variables."""
    variables = {"PATH": os.environ["PATH"], **env}
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=TIMEOUT_S)


def drain(log: Path, *arguments: str, **env: str) -> str:
    """Run the drain hook and return what it logged; it ends well whatever happens."""
    command = [sys.executable, str(DOCKER / "drain.py"), "--log", str(log), *arguments]
    done = run(command, RTP_NODE_ID="rtpmanager-1", **env)
    assert done.returncode == 0, done.stderr
    return log.read_text() if log.exists() else ""


ACCEPTED = (202, {"message": "draining", "node_id": "rtpmanager-1", "mode": "graceful", "total_sessions": 2})


def test_the_drain_hook_waits_until_the_node_is_disabled(tmp_path: Path) -> None:
    states = [(200, {"state": "draining"}), (200, {"state": "draining"}), (200, {"state": "disabled"})]
    (tmp_path / "token").write_text("sbt_secret\n")
    with serving({"POST": [ACCEPTED], "GET": states}) as api:
        drain(
            tmp_path / "log",
            SIGNALING_API_URL=f"{api.url}/",
            SIGNALING_API_TOKEN_FILE=str(tmp_path / "token"),
        )
    path = "/api/v1/rtpmanagers/rtpmanager-1/drain"
    asked = [("POST", f"{path}?mode=graceful"), *[("GET", path)] * 3]
    assert api.asked == [(*request, "Bearer sbt_secret") for request in asked]


def test_without_a_token_of_a_person_the_hook_shows_that_of_the_installation(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("shared\n")
    disabled = [(200, {"state": "disabled"})]
    with serving({"POST": [ACCEPTED], "GET": disabled}) as api:
        drain(tmp_path / "log", SIGNALING_API_URL=api.url, INTERNAL_API_TOKEN_FILE=str(tmp_path / "token"))
    assert [header for *_, header in api.asked] == ["Internal shared"] * 2


def test_a_drain_that_is_under_way_is_waited_for(tmp_path: Path) -> None:
    with serving(
        {"POST": [(409, {"code": "ALREADY_DRAINING"})], "GET": [(200, {"state": "disabled"})]}
    ) as api:
        drain(tmp_path / "log", SIGNALING_API_URL=api.url)
    assert [method for method, *_ in api.asked] == ["POST", "GET"]


def test_every_signaling_node_is_asked_and_one_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    with serving({"POST": [ACCEPTED], "GET": [(200, {"state": "disabled"})]}) as api:
        away = f"http://127.0.0.1:{free_port()}"
        said = drain(tmp_path / "log", SIGNALING_API_URL=f"{away},{api.url}")
    assert [method for method, *_ in api.asked] == ["POST", "GET"]
    assert f"drain: {away}/api/v1/rtpmanagers/rtpmanager-1/drain: " in said


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_node_that_refuses_is_not_waited_for(tmp_path: Path, status: int) -> None:
    with serving({"POST": [(status, {"error": "no"})], "GET": [(200, {"state": "active"})]}) as api:
        said = drain(tmp_path / "log", SIGNALING_API_URL=api.url)
    assert len(api.asked) == 1
    assert f": {status} " in said


def test_the_wait_has_an_end(tmp_path: Path) -> None:
    with serving({"POST": [ACCEPTED], "GET": [(200, {"state": "draining"})]}) as api:
        said = drain(
            tmp_path / "log", "--timeout-s", "0.5", "--mode", "aggressive", SIGNALING_API_URL=api.url
        )
    assert "is not drained after 0.5 s" in said
    assert api.asked[0][1].endswith("?mode=aggressive")


def test_without_signaling_there_is_nothing_to_drain(tmp_path: Path) -> None:
    assert drain(tmp_path / "log") == ""


# --- The probe ------------------------------------------------------------------------------------------------------


def probe(role: str, **env: str) -> int:
    """Run the probe and return its exit code."""
    return run([str(DOCKER / "bin" / "switchboard-probe"), role], **env).returncode


@pytest.mark.parametrize(("role", "variable"), [("signaling", "API_PORT"), ("ui", "UI_PORT")])
@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_the_probe_wants_a_200(role: str, variable: str, status: int, healthy: bool) -> None:
    with serving({"GET": [(status, {})]}) as api:
        assert (probe(role, **{variable: str(api.port)}) == 0) is healthy
    assert api.asked[0][1] == {"signaling": "/api/v1/health", "ui": "/health"}[role]


def test_the_probe_of_an_rtp_manager_connects() -> None:
    with serving({"GET": [(200, {})]}) as api:
        assert probe("rtpmanager", GRPC_PORT=str(api.port)) == 0
    assert probe("rtpmanager", GRPC_PORT=str(free_port())) == 1


def test_the_probe_goes_where_the_role_listens() -> None:
    with serving({"GET": [(200, {})]}) as api:
        assert probe("ui", UI_PORT=str(api.port), UI_BIND="0.0.0.0") == 0
        assert probe("ui", UI_PORT=str(api.port), UI_BIND="127.0.0.2") == 1


def test_the_probe_knows_no_other_role() -> None:
    assert probe("postgres") == 2
