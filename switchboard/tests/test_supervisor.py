# SPDX-License-Identifier: Apache-2.0
"""Keeping child processes running."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from switchboard.supervisor import Supervisor


@pytest.fixture
def supervisor(tmp_path: Path):
    script = tmp_path / "manage.py"
    script.write_text("import sys, time\ntime.sleep(float(sys.argv[1]))\n")
    made = Supervisor({"a": ["60"], "b": ["60"]}, str(script))
    made.start()
    yield made
    made.stop()


def wait_for(condition, timeout_s: float = 5.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_child_that_dies_is_reported_once_and_started_again(supervisor: Supervisor):
    child = supervisor.children[0]
    assert child.process is not None
    child.process.kill()
    child.process.wait()
    assert supervisor.check() == ["a ended with code -9; it is started again"]
    assert supervisor.check() == []
    wait_for(lambda: supervisor.check() == [] and child.process is not None)
    assert child.process.poll() is None


def test_stop_ends_every_child(supervisor: Supervisor):
    processes = [child.process for child in supervisor.children]
    supervisor.stop()
    assert all(process is not None and process.poll() is not None for process in processes)


PARENT = """
import sys, time
from switchboard.supervisor import Supervisor
Supervisor({'a': ['60']}, sys.argv[1]).start()
time.sleep(60)
"""


def test_no_child_outlives_a_killed_parent(tmp_path: Path):
    script = tmp_path / "manage.py"
    script.write_text(
        "import os, sys, time\nprint(os.getpid(), flush=True)\ntime.sleep(float(sys.argv[1]))\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(script)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    child = Path("/proc") / parent.stdout.readline().decode().strip()
    assert child.exists()
    parent.kill()
    parent.wait()
    wait_for(lambda: not child.exists())
    parent.stdout.close()
