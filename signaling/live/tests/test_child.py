# SPDX-License-Identifier: Apache-2.0
"""The child process: it is kept running, and ends with its parent."""

import asyncio
import os
import signal
import sys

import pytest

from signaling.live import child
from signaling.live.child import ApiChild
from signaling.live.tests.worlds import until

WAITS = "import os; os.read(0, 1)"
"""Ends when its standard input does, as the live API."""
IS_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(child, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(child, "STOP_GRACE_S", 0.2)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def running(code: str) -> ApiChild:
    made = ApiChild([sys.executable, "-c", code])
    made.start()
    await until(lambda: made.pid is not None)
    return made


async def test_a_child_that_dies_is_started_again():
    made = await running(WAITS)
    first = made.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: made.pid != first)
    assert is_alive(made.pid)
    await made.stop()


async def test_a_child_that_cannot_stay_is_tried_ever_more_rarely(monkeypatch):
    slept = []
    enough = asyncio.Event()

    async def sleep(delay_s):
        slept.append(delay_s)
        if len(slept) == 12:
            enough.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(child, "sleep", sleep)
    made = ApiChild(["/does/not/exist"])
    made.start()
    await enough.wait()
    assert slept[:3] == [0.01, 0.02, 0.04]
    assert slept[-1] == child.LAST_DELAY_S
    await made.stop()


async def test_stopping_ends_the_child():
    made = await running(WAITS)
    await made.stop()
    assert not is_alive(made.pid)


async def test_a_child_that_does_not_listen_is_killed():
    made = await running(IS_DEAF)
    await made.stop()
    assert not is_alive(made.pid)


async def test_stopping_what_never_ran_does_nothing():
    await ApiChild([sys.executable]).stop()
