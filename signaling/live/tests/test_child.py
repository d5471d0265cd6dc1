# SPDX-License-Identifier: Apache-2.0
"""The child process: it is kept running, and ends with its parent."""

import asyncio
import os
import signal
import sys

import pytest

from signaling.live import child
from signaling.live.child import ApiChild, http_probe
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


async def test_a_child_that_hangs_is_killed_and_started_again(monkeypatch):
    monkeypatch.setattr(child, "LOOK_EVERY_S", 0.01)
    answers = [True, False, True, False, False, False]
    asked = []

    async def probe():
        asked.append(1)
        return answers.pop(0) if answers else True

    made = ApiChild([sys.executable, "-c", WAITS], probe)
    made.start()
    await until(lambda: made.pid is not None)
    first = made.pid
    await until(lambda: made.pid != first)
    assert len(asked) >= 6
    assert is_alive(made.pid)
    await made.stop()


async def test_a_child_may_take_its_time_to_start(monkeypatch):
    monkeypatch.setattr(child, "LOOK_EVERY_S", 0.01)
    answers = [False] * 8

    async def probe():
        return not answers or answers.pop()

    made = ApiChild([sys.executable, "-c", WAITS], probe)
    made.start()
    await until(lambda: not answers)
    first = made.pid
    await asyncio.sleep(0.05)
    assert made.pid == first
    await made.stop()


async def test_a_probe_is_content_with_any_answer_and_with_no_silence(monkeypatch):
    monkeypatch.setattr(child, "ANSWER_S", 0.2)
    silent = asyncio.Event()

    async def serve(reader, writer):
        if not silent.is_set():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    answers = http_probe("127.0.0.1", server.sockets[0].getsockname()[1])
    assert await answers()
    silent.set()
    assert not await answers()
    server.close()
    assert not await answers()
