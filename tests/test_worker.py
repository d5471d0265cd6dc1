# SPDX-License-Identifier: Apache-2.0
"""Who does the periodic jobs: a Celery worker on a real Redis, and the ui role where there is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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
NIGHTLY = {
    *("cdrs.roll_up", "cdrs.prune", "cdrs.prune_recordings", "accounts.prune", "media.prune_prompts"),
    *("signaling.prune_bans", "signaling.prune_registrations"),
}
RUNJOBS = [sys.executable, "manage.py", "runjobs"]
STARTED_S = 40.0
RESTARTS = 8
AWAY, BACK = "jobs.redis_away", "jobs.redis_back"


def runs(stack: Stack) -> dict[str, str]:
    """Return when each job began last, of those that do not run now."""
    rows = stack.rows("SELECT task, began_at FROM job_runs WHERE detail <> 'not finished'")
    return {row["task"]: row["began_at"] for row in rows}


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


def wait_for_a_job(stack: Stack) -> None:
    """Order a job and wait until it is done."""
    before = runs(stack).get("cdrs.roll_up")
    order(stack, "cdrs.roll_up")
    stack.wait_until(lambda: runs(stack).get("cdrs.roll_up") != before, STARTED_S, "a job that was ordered")


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
    with worker(stack, *RUNJOBS[1:]):
        stack.wait_until(lambda: HEARTBEAT in runs(stack), STARTED_S, "a sign of life")
        redis_server.restart()
        order(stack, "cdrs.roll_up")
        stack.wait_until(lambda: "cdrs.roll_up" in runs(stack), STARTED_S, "a job after the restart")


def test_what_nobody_did_in_time_is_done_when_a_worker_comes(own_stack: Stack) -> None:
    stack = own_stack
    with worker(stack, *RUNJOBS[1:]):
        stack.wait_until(lambda: runs(stack).keys() >= NIGHTLY, STARTED_S, "the jobs of the night")
    done = runs(stack)
    # A second worker finds that they were done, though it does not know what the first one's beat knew.
    for path in stack.var.glob("celery-beat*"):
        path.unlink()
    with worker(stack, *RUNJOBS[1:]):
        stack.wait_until(lambda: runs(stack)[HEARTBEAT] != done[HEARTBEAT], STARTED_S, "a sign of life")
        wait_for_a_job(stack)
    again = runs(stack)
    assert {name: again[name] for name in NIGHTLY - {"cdrs.roll_up"}} == {
        name: done[name] for name in NIGHTLY - {"cdrs.roll_up"}
    }


def test_nothing_goes_on_of_a_worker_that_was_killed(own_stack: Stack) -> None:
    stack = own_stack
    with (stack.var / "worker.log").open("ab") as log:
        process = subprocess.Popen(RUNJOBS, cwd=ROOT, env=stack.environment(), stdout=log, stderr=log)
    try:
        stack.wait_until(lambda: HEARTBEAT in runs(stack), STARTED_S, "a sign of life")
        celery, beat = _worker_and_beat(process.pid)
    finally:
        process.kill()
        process.wait()
    stack.wait_until(lambda: not _alive(celery) and not _alive(beat), 10, "what it started ends with it")


def test_jobs_go_on_however_and_whenever_redis_fails(own_stack: Stack, redis_server: RedisServer) -> None:
    stack = own_stack
    with worker(stack, *RUNJOBS[1:]) as process:
        stack.wait_until(lambda: HEARTBEAT in runs(stack), STARTED_S, "a sign of life")
        for number in range(RESTARTS):
            # Each at another moment of the worker's way back, which takes about two seconds.
            redis_server.restart()
            time.sleep(2.5 * number / RESTARTS)
        wait_for_a_job(stack)
        # A restart may or may not be seen between two looks.
        stack.wait_until(lambda: _says(stack, AWAY) == _says(stack, BACK), 10, "all is well")
        told = _says(stack, AWAY)
        redis_server.kill()
        stack.wait_until(lambda: _says(stack, AWAY) == told + 1, 10, "it is told that Redis is away")
        time.sleep(3)
        redis_server.start()
        wait_for_a_job(stack)
        with redis_server.frozen():
            stack.wait_until(lambda: _says(stack, AWAY) == told + 2, 10, "it is told again")
        wait_for_a_job(stack)
        stack.wait_until(lambda: _says(stack, BACK) == told + 2, 10, "it is told that Redis is back")
        assert _says(stack, AWAY) == told + 2
        assert _says(stack, "Traceback") == 0
        assert process.poll() is None


@pytest.mark.parametrize("victim", ["worker", "beat"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_what_does_the_jobs_is_started_again(own_stack: Stack, victim: str, number: signal.Signals) -> None:
    stack = own_stack
    with worker(stack, *RUNJOBS[1:], "--silence-s", "8") as process:
        # A worker that does a job is left alone.
        stack.wait_until(lambda: runs(stack).keys() >= NIGHTLY, STARTED_S, "the jobs that were missed")
        celery, beat = _worker_and_beat(process.pid)
        os.kill(celery if victim == "worker" else beat, number)
        stack.wait_until(lambda: _says(stack, "jobs.worker_ended") == 1, 20, "its end is told")
        stack.wait_until(
            lambda: not _alive(celery) and not _alive(beat), 10, "nothing of the old one is left"
        )
        wait_for_a_job(stack)
        assert _says(stack, "jobs.worker_hangs") == (
            0 if (victim, number) == ("worker", signal.SIGKILL) else 1
        )
        assert _says(stack, "jobs.worker_ended") == 1


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


def _worker_and_beat(pid: int) -> tuple[int, int]:
    """Return the process ids of the worker that ``runjobs`` keeps, and of its schedule."""
    (celery,) = _children(pid)
    (beat,) = _children(celery)
    return celery, beat


def _says(stack: Stack, text: str) -> int:
    return (stack.var / "worker.log").read_text().count(text)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:1]
