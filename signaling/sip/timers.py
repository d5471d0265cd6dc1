# SPDX-License-Identifier: Apache-2.0
"""Timer values of RFC 3261 17 and the one heap that holds every running timer.

It knows no clock: deadlines are numbers that the caller compares with its own `now`. It does not know what a
timer means either; it keeps a target and an input for it.

Invariant: the heap never holds more than twice the running timers plus a constant, however many were cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

from signaling.sip.transaction_tables import Input, State

TargetT = TypeVar("TargetT")

COMPACT_MINIMUM = 256
"""Cancelled entries below this number are not worth a rebuild of the heap."""

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


class TimerQueue(Generic[TargetT]):
    """A heap of timers with lazy cancellation: cancelling is O(1), starting O(log n), memory stays flat."""

    __slots__ = ("_cancelled", "_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer[TargetT]]] = []
        self._cancelled = 0
        self._sequence = 0

    def __len__(self) -> int:
        """Number of running timers."""
        return len(self._heap) - self._cancelled

    @property
    def heap_size(self) -> int:
        """Number of entries in memory, the cancelled ones included."""
        return len(self._heap)

    def start(self, deadline: float, target: TargetT, given: Input) -> Timer[TargetT]:
        """Start a timer that yields `given` for `target` at `deadline`; equal deadlines keep their order."""
        timer = Timer(target, given)
        self._sequence += 1
        heappush(self._heap, (deadline, self._sequence, timer))
        return timer

    def restart(self, deadline: float, timer: Timer[TargetT]) -> None:
        """Put a timer that has just fired back, for another round."""
        self._sequence += 1
        heappush(self._heap, (deadline, self._sequence, timer))

    def cancel(self, timer: Timer[TargetT]) -> None:
        """Stop a running timer. The timer must be running: neither fired nor cancelled before."""
        timer.target = None
        self._cancelled += 1
        if self._cancelled > COMPACT_MINIMUM and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].target is not None]
            heapify(self._heap)
            self._cancelled = 0

    def next_deadline(self) -> float | None:
        """When the earliest running timer is due, or None when none runs."""
        heap = self._heap
        while heap:
            deadline, _, timer = heap[0]
            if timer.target is not None:
                return deadline
            heappop(heap)
            self._cancelled -= 1
        return None

    def pop_due(self, now: float) -> Timer[TargetT] | None:
        """Take out the earliest timer whose deadline is not after `now`, or None."""
        deadline = self.next_deadline()
        if deadline is None or deadline > now:
            return None
        return heappop(self._heap)[2]
