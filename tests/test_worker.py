# SPDX-License-Identifier: Apache-2.0
"""Who does the periodic jobs: a Celery worker on a real Redis, and the ui role where there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.redis_server import RedisServer, redis_process, redis_server
from tests.stack import ROOT, Stack
from tests.webui import url_of

__all__ = ["redis_process", "redis_server"]

pytestmark = [pytest.mark.e2e, pytest.mark.redis, pytest.mark.timeout(150)]

CELERY = [sys.executable, "-m", "celery", "-A", "switchboard"]
HEARTBEAT = "switchboard.heartbeat"
STARTED_S = 40.0


def runs(stack: Stack) -> dict[str, str]:
    """Return when each job began last."""
    return {row["task"]: row["began_at"] for row in stack.rows("SELECT task, began_at FROM job_runs")}


@contextmanager
def worker(stack: Stack, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker meanwhile; it must end by itself when it is asked to."""
    with (stack.var / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=stack.environment(), stdout=log, stderr=log
        )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, (stack.var / "worker.log").read_text()
    finally:
        process.kill()
        process.wait()


def order(stack: Stack, task: str) -> None:
    """Send a task through the broker."""
    subprocess.run(
        [*CELERY, "call", task],
        cwd=ROOT,
        env=stack.environment(),
        check=True,
        capture_output=True,
        timeout=60,
    )


@pytest.fixture
def own_stack(redis_server: RedisServer, template: Path, tmp_path: Path) -> Iterator[Stack]:
    """A database and variables, and nothing that runs but Redis."""
    made = Stack(tmp_path / "stack", template, env={"REDIS_ADDR": redis_server.address})
    yield made
    made.stop()


def test_a_worker_with_its_beat_does_the_jobs_also_after_redis_came_back_empty(
    own_stack: Stack, redis_server: RedisServer
) -> None:
    stack = own_stack
    with worker(stack, "-m", "celery", "-A", "switchboard", "worker", "-B"):
        stack.wait_until(lambda: HEARTBEAT in runs(stack), STARTED_S, "a sign of life")
        redis_server.restart()
        order(stack, "cdrs.roll_up")
        stack.wait_until(lambda: "cdrs.roll_up" in runs(stack), STARTED_S, "a job after the restart")


def test_nothing_goes_on_of_a_worker_that_was_killed(own_stack: Stack) -> None:
    stack = own_stack
    command = [*CELERY, "worker", "-B"]
    with (stack.var / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=stack.environment(), stdout=log, stderr=log)
    try:
        stack.wait_until(lambda: HEARTBEAT in runs(stack), STARTED_S, "a sign of life")
        children = _children(process.pid)
        assert children, "its schedule is a process of its own"
    finally:
        process.kill()
        process.wait()
    stack.wait_until(lambda: not any(map(_alive, children)), 10, "its children end with it")


def test_the_command_is_the_worker_where_there_is_redis(own_stack: Stack) -> None:
    stack = own_stack
    with worker(stack, "manage.py", "runjobs"):
        stack.wait_until(lambda: HEARTBEAT in runs(stack), STARTED_S, "a sign of life")
        assert "celery" in (stack.var / "worker.log").read_text()


def test_without_redis_the_ui_role_does_the_jobs_and_they_end_with_it(template: Path, tmp_path: Path) -> None:
    stack = Stack(tmp_path / "stack", template, env={"UI_RUNS_JOBS": "true", "UI_BIND": "127.0.0.1"})
    try:
        stack.run("runui")
        stack.wait_until(lambda: "accounts.prune" in runs(stack), STARTED_S, "the jobs are done")
        with urlopen(f"{url_of(stack)}/health", timeout=5) as answer:
            assert json.load(answer) == {"status": "ok"}
        (child,) = _children(stack.pid("runui"))
        stack.kill("runui", signal.SIGKILL)
        stack.wait_until(lambda: not _alive(child), 10, "the jobs end with what started them")
    finally:
        stack.stop()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
