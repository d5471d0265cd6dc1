# SPDX-License-Identifier: Apache-2.0
"""Redis killed, frozen, late and empty: calls and pages go on, one line of the log says so, everything catches up."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live_api import LiveApi
from tests.nodes import Node, running_nodes
from tests.redis_server import RedisServer, running_redis
from tests.sipp import SippRunner
from tests.stack import Stack, manage
from tests.webui import PASSWORD, create_admin, url_of

pytestmark = [pytest.mark.e2e, pytest.mark.redis]

SHORT = ("-d", "300")
WAIT_S = 10.0
MAKE_TOKEN = """
import sys
import django; django.setup()
from django.contrib.auth.models import User
from accounts import tokens
_, text = tokens.issue(User.objects.get(username="admin"), name="test", scopes=["read"])
open(sys.argv[1], "w").write(text)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(scope="module")
def node(server: RedisServer, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that started while Redis was not there."""
    server.kill()
    with running_nodes(tmp_path_factory.mktemp("nodes"), template, server, 1) as (node,):
        LiveApi(node).ready()
        yield node


@pytest.fixture
def sipp(node: Node, tmp_path: Path) -> Iterator[SippRunner]:
    runner = SippRunner(node, tmp_path)
    yield runner
    runner.stop()


@pytest.fixture
def redis_is_there(node: Node, server: RedisServer) -> None:
    if not server.running:
        server.start()
    node.wait_until(lambda: degraded(node) == [], WAIT_S, "Redis to be found")


def degraded(node: Stack) -> list[str]:
    """Return the services that the node's health says are away; the node takes calls all the same."""
    body = LiveApi(node).get("health")
    assert body["status"] == "ok"
    return [each["service"] for each in body["degraded"]]


def log_of(node: Node) -> str:
    return (node.var / "runsip.log").read_text()


def call(node: Node, sipp: SippRunner) -> float:
    """Register, call and return how long it took from the call to its ringing, in seconds."""
    callee, caller = sipp.answering(), node.phone()
    done = sipp.run("uac-ringing-then-answered", caller, to=callee.username, options=SHORT)
    row = node.cdr(done.call_id)
    assert row["disposition"] == "ANSWERED"
    return float(row["ring_duration_seconds"])


def test_a_node_starts_without_redis_and_finds_it_later(
    node: Node, server: RedisServer, sipp: SippRunner
) -> None:
    assert degraded(node) == ["redis"]
    call(node, sipp)
    assert len(re.findall(r"redis\.away", log_of(node))) == 1
    server.start()
    node.wait_until(lambda: degraded(node) == [], WAIT_S, "Redis to be found")
    node.wait_until(lambda: bool(server.client().keys("reg:*")), WAIT_S, "the phones in Redis")
    assert len(re.findall(r"redis\.connected", log_of(node))) == 1


@pytest.mark.usefixtures("redis_is_there")
def test_calls_go_on_while_redis_is_killed_and_it_is_filled_again(
    node: Node, server: RedisServer, sipp: SippRunner
) -> None:
    aors = set(server.client().keys("reg:*"))
    before = log_of(node)
    server.kill()
    node.wait_until(lambda: degraded(node) == ["redis"], WAIT_S, "health to say so")
    call(node, sipp)
    server.start()
    node.wait_until(lambda: degraded(node) == [], WAIT_S, "Redis to be found")
    node.wait_until(lambda: aors < set(server.client().keys("reg:*")), WAIT_S, "the phones in Redis")
    said = log_of(node).removeprefix(before)
    assert (said.count("redis.away"), said.count("redis.connected")) == (1, 1)


@pytest.mark.usefixtures("redis_is_there")
def test_a_frozen_redis_delays_a_call_by_no_more_than_a_moment(
    node: Node, server: RedisServer, sipp: SippRunner
) -> None:
    callee, caller = sipp.answering(), node.phone()
    with server.frozen():
        begun = time.monotonic()
        sipp.run("uac-ringing-then-answered", caller, to=callee.username, options=SHORT)
        assert time.monotonic() - begun < 3.0
        node.wait_until(lambda: degraded(node) == ["redis"], WAIT_S, "health to say so")
        call(node, sipp)
    node.wait_until(lambda: degraded(node) == [], WAIT_S, "Redis to be found")


@pytest.fixture(scope="module")
def web(node: Node, tmp_path_factory: pytest.TempPathFactory) -> tuple[httpx.Client, str]:
    """A browser's client and an API token, at the ui role."""
    create_admin(node)
    kept = tmp_path_factory.mktemp("token") / "token"
    manage([sys.executable, "-c", MAKE_TOKEN, str(kept)], node.environment())
    node.run("runui")
    return httpx.Client(base_url=url_of(node), follow_redirects=True, timeout=10), kept.read_text()


def log_in(client: httpx.Client) -> httpx.Response:
    """Log in as a browser would, with new cookies."""
    client.cookies.clear()
    client.get("/admin/login/")
    fields: dict[str, Any] = {
        "username": "admin",
        "password": PASSWORD,
        "csrfmiddlewaretoken": client.cookies["csrftoken"],
        "next": "/admin/",
    }
    return client.post("/admin/login/", data=fields, headers={"Referer": str(client.base_url)})


def use_everything(client: httpx.Client, token: str) -> None:
    """Log in, look at pages and ask REST; each must be answered."""
    assert log_in(client).status_code == 200
    assert "logout" in client.get("/admin/").text
    assert client.get("/admin/accounts/user/").status_code == 200
    answer = httpx.get(f"{client.base_url}/api/v1/accounts", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text


def test_pages_and_rest_go_on_without_redis(
    redis_is_there: None, server: RedisServer, web: tuple[httpx.Client, str]
) -> None:
    use_everything(*web)
    assert any("ratelimit" in key for key in server.client().keys("django:*"))
    with server.frozen():
        use_everything(*web)
    server.kill()
    use_everything(*web)
    server.start()
    use_everything(*web)
