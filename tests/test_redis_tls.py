# SPDX-License-Identifier: Apache-2.0
"""A Redis that demands TLS and a password: all who use it reach it, and none trusts another one in its place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.open_pages import Dashboards
from bench.pages import Person
from tests.certificates import Certificate, certificate
from tests.live_api import LiveApi
from tests.redis_server import RedisServer, running_redis
from tests.sipp import SippRunner
from tests.stack import ROOT, Stack, running_stack
from tests.test_prompts import Api
from tests.test_redis_away import degraded
from tests.test_worker import HEARTBEAT, RUNJOBS, STARTED_S, runs, worker
from tests.webui import PASSWORD, create_admin, url_of

pytestmark = [pytest.mark.e2e, pytest.mark.redis, pytest.mark.timeout(150)]

SECRET = "pass:word/of@this test"
WAIT_S = 15.0


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="module")
def server(keys: Certificate) -> Iterator[RedisServer]:
    with running_redis(SECRET, keys) as server:
        yield server


def settings(server: RedisServer, directory: Path, authority: Path, password: str = SECRET) -> dict[str, str]:
    """Return what a role is told of the server; the password stands in a file, as deployed."""
    secret = directory / "redis-password"
    secret.write_text(f"{password}\n")
    return {
        "REDIS_ADDR": server.address,
        "REDIS_PASSWORD_FILE": str(secret),
        "REDIS_TLS_CA": str(authority),
        "UI_BIND": "127.0.0.1",
    }


@pytest.fixture(scope="module")
def stack(
    server: RedisServer, keys: Certificate, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    env = settings(server, tmp_path_factory.mktemp("secrets"), keys.authority)
    with running_stack(tmp_path_factory.mktemp("stack"), template, **env) as stack:
        create_admin(stack)
        stack.run("runui")
        yield stack


def test_signaling_shares_its_phones_there(stack: Stack, server: RedisServer, tmp_path: Path) -> None:
    stack.wait_until(lambda: degraded(stack) == [], WAIT_S, "Redis to be found")
    sipp = SippRunner(stack, tmp_path)
    try:
        phone = sipp.answering()
    finally:
        sipp.stop()
    stack.wait_until(
        lambda: f"reg:{phone.aor}" in server.client().keys("reg:*"), WAIT_S, "the phone in Redis"
    )


def test_the_ui_keeps_its_cache_there_and_listens_to_other_replicas(
    stack: Stack, server: RedisServer
) -> None:
    Api(stack)("GET", "accounts")
    assert server.client().keys("django:*")
    person = Person(url_of(stack))
    person.log_in("admin", PASSWORD)
    with Dashboards(stack.ports.ui, person.cookies, 1):
        stack.wait_until(lambda: bool(server.client().keys("notices:*")), WAIT_S, "the replica's group")


def test_jobs_are_ordered_and_done_through_it(stack: Stack) -> None:
    with worker(stack, *RUNJOBS[1:]):
        stack.wait_until(lambda: HEARTBEAT in runs(stack), STARTED_S, "a sign of life")


def test_the_doctor_finds_it(stack: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (line,) = [line for line in done.stdout.splitlines() if "redis" in line.lower()]
    assert "ok" in line.lower(), done.stdout


@pytest.mark.parametrize("wrong", ["authority", "password"])
def test_a_server_that_is_not_the_one_counts_as_away(
    wrong: str, server: RedisServer, keys: Certificate, template: Path, tmp_path: Path
) -> None:
    others = certificate(tmp_path, "other")
    env = (
        settings(server, tmp_path, others.authority)
        if wrong == "authority"
        else settings(server, tmp_path, keys.authority, "guessed")
    )
    with running_stack(tmp_path / "stack", template, **env) as stack:
        LiveApi(stack).ready()
        assert degraded(stack) == ["redis"]
        said = "certificate verify failed" if wrong == "authority" else "invalid username-password"
        log = (stack.var / "runsip.log").read_text()
        assert log.count("redis.away") == 1
        assert said in log
