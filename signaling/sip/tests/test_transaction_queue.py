# SPDX-License-Identifier: Apache-2.0
"""The queue of timers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signaling.sip.timers import COMPACT_MINIMUM, SipTimers, Timer, TimerQueue
from signaling.sip.transaction_tables import Input, State


def drain(queue: TimerQueue[str], now: float) -> list[str | None]:
    fired = []
    while (timer := queue.pop_due(now)) is not None:
        fired.append(timer.target)
    return fired


def test_it_fires_in_order_of_deadline_and_then_of_start() -> None:
    queue: TimerQueue[str] = TimerQueue()
    for deadline, name in [(2.0, "c"), (1.0, "a"), (2.0, "d"), (1.0, "b")]:
        queue.start(0.0, deadline, name, Input.TIMER_A)
    assert queue.next_deadline() == 1.0
    assert drain(queue, 1.999) == ["a", "b"]
    assert drain(queue, 2.0) == ["c", "d"]
    assert queue.next_deadline() is None


def test_a_cancelled_timer_keeps_neither_its_target_nor_a_deadline() -> None:
    queue: TimerQueue[str] = TimerQueue()
    timer = queue.start(0.0, 1.0, "a", Input.TIMER_A)
    queue.cancel(timer)
    assert timer.target is None
    assert queue.next_deadline() is None
    assert (len(queue), queue.entries) == (0, 0)


def test_memory_stays_flat_when_timers_are_started_and_cancelled_for_ever() -> None:
    queue: TimerQueue[int] = TimerQueue()
    largest = 0
    for number in range(20_000):
        queue.cancel(queue.start(number, 32.0, number, Input.TIMER_B))
        largest = max(largest, queue.entries)
    assert largest <= 2 * COMPACT_MINIMUM + 2


def test_a_restarted_timer_takes_its_turn_among_those_of_its_new_interval() -> None:
    queue: TimerQueue[str] = TimerQueue()
    again = queue.start(0.0, 0.5, "again", Input.TIMER_A)
    assert queue.pop_due(0.5) is again
    queue.start(0.5, 1.0, "before", Input.TIMER_A)
    queue.restart(0.5, 1.0, again)
    queue.start(0.75, 0.5, "sooner", Input.TIMER_A)
    assert drain(queue, 1.25) == ["sooner"]
    assert drain(queue, 1.5) == ["before", "again"]


STEPS = st.tuples(
    st.sampled_from([0.0, 0.25, 1.0]), st.sampled_from([0.0, 0.5, 1.0, 4.0, 32.0]), st.booleans()
)
"""How much later a timer is started than the one before, its interval, and whether it is cancelled."""


@given(st.lists(STEPS, max_size=700))
def test_it_fires_exactly_what_was_not_cancelled(plan: list[tuple[float, float, bool]]) -> None:
    queue: TimerQueue[int] = TimerQueue()
    timers: list[tuple[Timer[int], bool]] = []
    kept: list[tuple[float, int]] = []
    now = 0.0
    for index, (later_s, interval_s, cancelled) in enumerate(plan):
        now += later_s
        timers.append((queue.start(now, interval_s, index, Input.TIMER_A), cancelled))
        if not cancelled:
            kept.append((now + interval_s, index))
    for timer, cancelled in timers:
        if cancelled:
            queue.cancel(timer)
    assert len(queue) == len(kept)
    fired = []
    while (found := queue.pop_due(now + 32.0)) is not None:
        fired.append(found.target)
    assert fired == [index for _, index in sorted(kept)]


def test_reliable_transports_have_no_retransmission_timers_and_no_waiting_ones() -> None:
    delays = SipTimers().delays(reliable=True)
    assert not {Input.TIMER_A, Input.TIMER_E, Input.TIMER_G} & delays.keys()
    assert {delays[timer] for timer in (Input.TIMER_D, Input.TIMER_I, Input.TIMER_J, Input.TIMER_K)} == {0.0}
    assert (delays[Input.TIMER_L], delays[Input.TIMER_M], delays[Input.TIMER_2XX]) == (32.0, 32.0, 0.5)


def test_every_interval_follows_from_t1_t2_and_t4() -> None:
    timers = SipTimers(t1=0.1, t2=0.3, t4=0.7)
    delays = timers.delays(reliable=False)
    assert delays[Input.TIMER_A] == delays[Input.TIMER_E] == delays[Input.TIMER_G] == 0.1
    assert delays[Input.TIMER_B] == delays[Input.TIMER_F] == delays[Input.TIMER_H] == 6.4
    assert delays[Input.TIMER_I] == delays[Input.TIMER_K] == 0.7
    assert timers.next_interval_s(Input.TIMER_A, State.CALLING, 1.6) == 3.2
    assert timers.next_interval_s(Input.TIMER_E, State.TRYING, 0.2) == 0.3
    assert timers.next_interval_s(Input.TIMER_E, State.PROCEEDING, 0.1) == 0.3
