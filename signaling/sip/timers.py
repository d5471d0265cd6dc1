# SPDX-License-Identifier: Apache-2.0
"""Timer values of RFC 3261 17 and the one queue that holds every running timer.

It knows no clock: deadlines are numbers that the caller compares with its own `now`. It does not know what a
timer means either; it keeps a target and an input for it.

Invariants: the queue never holds more than twice the running timers plus a constant, however many were cancelled; its
lanes are as few as the intervals that T1, T2 and T4 make.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, TypeVar

from signaling.sip.transaction_tables import Input, State

TargetT = TypeVar("TargetT")

COMPACT_MINIMUM = 256
"""Cancelled entries below this number are not worth a rebuild of the lanes."""

_GIVE_UP_TIMERS = (
    Input.TIMER_B,
    Input.TIMER_F,
    Input.TIMER_H,
    Input.TIMER_L,
    Input.TIMER_M,
    Input.TIMER_CANCEL,
    Input.TIMER_EXPIRY,
)
_WAIT_TIMERS = (Input.TIMER_D, Input.TIMER_J)
_LINGER_TIMERS = (Input.TIMER_I, Input.TIMER_K)
_RETRANSMIT_TIMERS = (Input.TIMER_A, Input.TIMER_E, Input.TIMER_G)


@dataclass(frozen=True, slots=True, kw_only=True)
class SipTimers:
    """The base intervals of RFC 3261 17.1.1.1 in seconds; every lettered timer follows from them."""

    t1: float = 0.5
    """Estimate of the round-trip time."""
    t2: float = 4.0
    """Longest interval between two retransmissions of a non-INVITE request or an INVITE response."""
    t4: float = 5.0
    """Longest time a message stays in the network."""

    @property
    def give_up_s(self) -> float:
        """64*T1: when a request without an answer, or a 2xx without an ACK, has failed."""
        return 64 * self.t1

    def delays(self, *, reliable: bool) -> dict[Input, float]:
        """First delay in seconds of each timer that runs.

        On a reliable transport A, E and G do not run, and D, I, J and K are zero (RFC 3261 17). L, M and the
        retransmission of a 2xx do not depend on the transport (RFC 6026 8.4, RFC 3261 13.3.1.4).
        """
        delays = dict.fromkeys(_GIVE_UP_TIMERS, self.give_up_s)
        delays[Input.TIMER_2XX] = self.t1
        delays.update(dict.fromkeys(_WAIT_TIMERS, 0.0 if reliable else self.give_up_s))
        delays.update(dict.fromkeys(_LINGER_TIMERS, 0.0 if reliable else self.t4))
        if not reliable:
            delays.update(dict.fromkeys(_RETRANSMIT_TIMERS, self.t1))
        return delays

    def next_interval_s(self, given: Input, state: State, interval_s: float) -> float:
        """Seconds to the next firing of retransmission timer `given` that fired `interval_s` after its start.

        A doubles without end (17.1.1.2); E, G and the 2xx double up to T2; E in Proceeding is T2 (17.1.2.2).
        """
        if given is Input.TIMER_A:
            return interval_s * 2
        if given is Input.TIMER_E and state is State.PROCEEDING:
            return self.t2
        return min(interval_s * 2, self.t2)


class Timer(Generic[TargetT]):
    """One running timer. `target` is None once it was cancelled, so that it keeps nothing alive."""

    __slots__ = ("given", "target")

    def __init__(self, target: TargetT, given: Input) -> None:
        self.target: TargetT | None = target
        self.given = given


Entry = tuple[float, int, Timer[TargetT]]
"""Deadline, number in the order of starting, timer."""


class TimerQueue(Generic[TargetT]):
    """Running timers in lanes, one for each interval, and a heap of the lanes by their first timers.

    Timers of one interval are due in the order in which they were started, so a lane is a plain queue. One heap of all
    timers would be touched all over by each that fires, and tens of thousands run. Cancelling is lazy: what was
    cancelled stays where it is until it comes to the front, or is half of all.
    """

    __slots__ = ("_cancelled", "_entries", "_heap", "_lanes", "_sequence")

    def __init__(self) -> None:
        self._lanes: dict[float, deque[Entry[TargetT]]] = {}
        self._heap: list[tuple[float, int, deque[Entry[TargetT]]]] = []
        """Deadline and number of the first timer of each lane that has any."""
        self._entries = 0
        self._cancelled = 0
        self._sequence = 0

    def __len__(self) -> int:
        """Number of running timers."""
        return self._entries - self._cancelled

    @property
    def entries(self) -> int:
        """Number of timers in memory, the cancelled ones included."""
        return self._entries

    def start(self, now: float, interval_s: float, target: TargetT, given: Input) -> Timer[TargetT]:
        """Start a timer that yields `given` for `target` in `interval_s`; equal deadlines keep their order.

        `now` must not fall: a timer that is started by an earlier clock waits for those before it in its lane.
        """
        timer = Timer(target, given)
        self.restart(now, interval_s, timer)
        return timer

    def restart(self, now: float, interval_s: float, timer: Timer[TargetT]) -> None:
        """Put a timer that has just fired back, for another round."""
        deadline = now + interval_s
        self._sequence += 1
        self._entries += 1
        lane = self._lanes.get(interval_s)
        if lane is None:
            lane = self._lanes[interval_s] = deque()
        if not lane:
            heappush(self._heap, (deadline, self._sequence, lane))
        lane.append((deadline, self._sequence, timer))

    def cancel(self, timer: Timer[TargetT]) -> None:
        """Stop a running timer. The timer must be running: neither fired nor cancelled before."""
        timer.target = None
        self._cancelled += 1
        if self._cancelled > COMPACT_MINIMUM and self._cancelled * 2 > self._entries:
            self._forget_cancelled()

    def next_deadline(self) -> float | None:
        """When the earliest running timer is due, or None when none runs."""
        while self._heap:
            deadline, _, lane = self._heap[0]
            if lane[0][2].target is not None:
                return deadline
            self._cancelled -= 1
            self._take_first(lane)
        return None

    def pop_due(self, now: float) -> Timer[TargetT] | None:
        """Take out the earliest timer whose deadline is not after `now`, or None."""
        deadline = self.next_deadline()
        if deadline is None or deadline > now:
            return None
        return self._take_first(self._heap[0][2])

    def _take_first(self, lane: deque[Entry[TargetT]]) -> Timer[TargetT]:
        """Take the first timer out of the lane that is first in the heap."""
        timer = lane.popleft()[2]
        self._entries -= 1
        if lane:
            heapreplace(self._heap, (lane[0][0], lane[0][1], lane))
        else:
            heappop(self._heap)
        return timer

    def _forget_cancelled(self) -> None:
        for lane in self._lanes.values():
            running = [entry for entry in lane if entry[2].target is not None]
            lane.clear()
            lane.extend(running)
        self._heap = [(lane[0][0], lane[0][1], lane) for lane in self._lanes.values() if lane]
        heapify(self._heap)
        self._entries -= self._cancelled
        self._cancelled = 0
