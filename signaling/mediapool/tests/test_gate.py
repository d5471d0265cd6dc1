# SPDX-License-Identifier: Apache-2.0
"""The gate on a clock of the test's own."""

import asyncio
import heapq
import itertools

import pytest

from signaling.mediapool.gate import BUSY_S, HOLD_S, PACE_S, PATIENCE_S, WriteGate


class Timer:
    """A handle that cannot tell its time, like those of uvloop for a moment that is over already."""

    def __init__(self, callback):
        self.callback = callback
        self.is_cancelled = False

    def cancel(self):
        self.is_cancelled = True


class Clock:
    """The part of an event loop that the gate uses, with time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0
        self._timers = []
        self._order = itertools.count()

    def time(self):
        return self.now

    def call_at(self, when, callback):
        timer = Timer(callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def create_future(self):
        return asyncio.get_running_loop().create_future()

    async def pass_by(self, seconds):
        self.now += seconds
        while self._timers and self._timers[0][0] <= self.now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.is_cancelled:
                timer.callback()
        for _ in range(3):
            await asyncio.sleep(0)


class Writer:
    """Counts how often the gate let it write."""

    def __init__(self, gate):
        self.writes = 0
        self.gate = gate
        self.task = asyncio.create_task(self._run())

    async def _run(self):
        while True:
            await self.gate.wait()
            self.writes += 1


@pytest.fixture
async def clock():
    return Clock()


@pytest.fixture
async def writer(clock):
    made = Writer(WriteGate(clock))
    await clock.pass_by(0)
    yield made
    made.task.cancel()


async def test_a_request_leaves_in_the_same_turn_when_nothing_is_unanswered(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=False)
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    assert writer.writes == 1


async def test_it_waits_for_the_replies_that_are_on_their_way(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=True)
    await clock.pass_by(HOLD_S * 0.9)
    assert writer.writes == 0
    writer.gate.answered()
    await clock.pass_by(0)
    assert writer.writes == 1


async def test_it_does_not_wait_long_for_them(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=True)
    await clock.pass_by(HOLD_S)
    assert writer.writes == 1


async def test_the_end_of_sessions_leaves_at_once_on_an_idle_node(writer, clock):
    writer.gate.request(is_patient=True, is_unanswered=False)
    await clock.pass_by(0)
    assert writer.writes == 1


async def test_the_end_of_sessions_travels_with_the_next_batch_on_a_busy_node(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    await clock.pass_by(BUSY_S / 2)
    writer.gate.request(is_patient=True, is_unanswered=False)
    writer.gate.answered()
    await clock.pass_by(PATIENCE_S * 0.5)
    assert writer.writes == 1
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    assert writer.writes == 2
    await clock.pass_by(PATIENCE_S)
    assert writer.writes == 2


async def test_batches_leave_no_faster_than_the_pace(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    await clock.pass_by(PACE_S / 2)
    assert writer.writes == 1
    writer.gate.request(is_patient=False, is_unanswered=False)
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(PACE_S * 0.4)
    assert writer.writes == 1
    await clock.pass_by(PACE_S * 0.2)
    assert writer.writes == 2


async def test_replies_do_not_hurry_a_batch_that_keeps_the_pace(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    await clock.pass_by(PACE_S / 2)
    writer.gate.request(is_patient=False, is_unanswered=True)
    writer.gate.answered()
    await clock.pass_by(PACE_S * 0.4)
    assert writer.writes == 1
    await clock.pass_by(PACE_S * 0.2)
    assert writer.writes == 2


async def test_a_request_after_a_pause_does_not_wait(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    await clock.pass_by(PACE_S)
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    assert writer.writes == 2


async def test_the_end_of_sessions_does_not_wait_for_ever(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    writer.gate.request(is_patient=True, is_unanswered=False)
    await clock.pass_by(PATIENCE_S)
    assert writer.writes == 2


async def test_an_answer_opens_nothing_when_nothing_waits(writer, clock):
    writer.gate.answered()
    await clock.pass_by(1)
    assert writer.writes == 0


async def test_what_is_urgent_shortens_the_wait_of_what_is_not(writer, clock):
    writer.gate.request(is_patient=False, is_unanswered=False)
    await clock.pass_by(0)
    writer.gate.request(is_patient=True, is_unanswered=True)
    writer.gate.request(is_patient=False, is_unanswered=True)
    writer.gate.request(is_patient=False, is_unanswered=True)
    await clock.pass_by(PACE_S)
    assert writer.writes == 2
    await clock.pass_by(PATIENCE_S)
    assert writer.writes == 2
