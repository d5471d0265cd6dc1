# SPDX-License-Identifier: Apache-2.0
"""An RTP manager that is told to stop, with and without signaling nodes that take its calls away."""

import asyncio
import http.server
import json
import threading
import time

import pytest

from media.control import departure
from media.control.departure import Departure
from media.control.signaling_api import Answer, SignalingApi

DRAINING = Answer(status=200, body={"state": "draining"})
DISABLED = Answer(status=200, body={"state": "disabled"})


class ScriptedApi:
    """A signaling node that says what it is told to."""

    def __init__(self, *, asked=202, looks=(DISABLED,), on_look=lambda: None):
        self.url = "http://signaling"
        self.asked = Answer(status=asked, problem="no")
        self.looks = list(looks)
        self.on_look = on_look
        self.calls = []

    async def drain(self, node_id):
        self.calls.append(("drain", node_id))
        return self.asked

    async def drain_status(self, node_id):
        self.calls.append(("status", node_id))
        self.on_look()
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


class Manager:
    def __init__(self, sessions=2, clients=1):
        self.sessions = sessions
        self.clients = clients

    def departure(self, *apis, grace_s=5.0):
        return Departure(
            "rtp-1", apis, grace_s=grace_s, sessions=lambda: self.sessions, clients=lambda: self.clients
        )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(departure, "POLL_S", 0.001)
    monkeypatch.setattr(departure, "FIRST_POLL_S", 0.001)


async def test_an_idle_node_asks_nobody():
    api = ScriptedApi()
    await Manager(sessions=0).departure(api).run()
    assert api.calls == []


async def test_it_asks_for_its_own_drain_and_waits_for_its_end():
    manager, api = Manager(), ScriptedApi(looks=[DRAINING, DRAINING, DISABLED])
    await manager.departure(api).run()
    assert api.calls == [("drain", "rtp-1"), *[("status", "rtp-1")] * 3]


async def test_it_stops_as_soon_as_nothing_is_left():
    manager = Manager()
    api = ScriptedApi(looks=[DRAINING], on_look=lambda: setattr(manager, "sessions", 0))
    await manager.departure(api).run()
    assert len(api.calls) == 2


async def test_a_drain_that_runs_already_is_waited_for():
    api = ScriptedApi(asked=409)
    await Manager().departure(api).run()
    assert ("status", "rtp-1") in api.calls


async def test_every_signaling_node_must_be_done():
    manager = Manager(clients=2)
    slow = ScriptedApi(looks=[DRAINING, DRAINING, DISABLED])
    await manager.departure(ScriptedApi(), slow).run()
    assert len(slow.calls) == 4


async def test_calls_of_a_signaling_node_that_cannot_be_asked_are_waited_for():
    manager, api = Manager(clients=2), ScriptedApi()
    api.on_look = lambda: len(api.calls) < 5 or setattr(manager, "sessions", 0)
    await manager.departure(api).run()
    assert len(api.calls) == 5


@pytest.mark.parametrize("apis", [(), (ScriptedApi(asked=503),)])
async def test_without_a_signaling_node_to_ask_the_calls_end_by_themselves(apis):
    manager = Manager()
    asyncio.get_running_loop().call_later(0.01, setattr, manager, "sessions", 0)
    await manager.departure(*apis).run()
    assert manager.sessions == 0


async def test_it_waits_no_longer_than_its_grace_time():
    started = time.monotonic()
    await Manager().departure(grace_s=0.02).run()
    assert 0.02 <= time.monotonic() - started < 1


async def test_sessions_that_nobody_is_there_to_end_are_not_waited_for():
    started = time.monotonic()
    await Manager(clients=0).departure(grace_s=30).run()
    assert time.monotonic() - started < 5


# --- The REST client, against a real server ---------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    seen: list = []
    answer = (202, b'{"message": "ok"}')

    def do_POST(self):
        self.seen.append((self.command, self.path, self.headers.get("Authorization")))
        status, text = self.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.do_POST()

    def log_message(self, *arguments):
        """Write nothing."""


@pytest.fixture
def rest():
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    Handler.seen = []
    Handler.answer = (202, b'{"message": "ok"}')
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


async def test_the_requests_are_those_of_the_interface(rest):
    api = SignalingApi(rest, "Bearer secret")
    assert (await api.drain("rtp/1")).status == 202
    Handler.answer = (200, json.dumps({"state": "disabled"}).encode())
    assert (await api.drain_status("rtp/1")).body == {"state": "disabled"}
    assert Handler.seen == [
        ("POST", "/api/v1/rtpmanagers/rtp%2F1/drain?mode=graceful", "Bearer secret"),
        ("GET", "/api/v1/rtpmanagers/rtp%2F1/drain", "Bearer secret"),
    ]


@pytest.mark.parametrize("text", [b'{"error": "no", "code": "CONFLICT"}', b"<html>", b"[]"])
async def test_a_refusal_is_an_answer(rest, text):
    Handler.answer = (409, text)
    answer = await SignalingApi(rest).drain("rtp-1")
    assert answer.status == 409
    assert Handler.seen[0][2] is None


async def test_nobody_there_is_an_answer():
    answer = await SignalingApi("http://127.0.0.1:1").drain("rtp-1")
    assert answer.status == 0
    assert answer.problem
