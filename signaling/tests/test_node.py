# SPDX-License-Identifier: Apache-2.0
"""When a node looks at its timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from signaling.node import TIMER_PACE_S, SipNode
from signaling.sip import Flow
from signaling.sip.endpoint import Endpoint
from signaling.sip.tokens import TokenSource
from signaling.transport import TransportManager

FLOW = Flow("udp", ("192.0.2.20", 5060), ("192.0.2.10", 5060))


class Deadlines:
    """The timers of an endpoint, and when they were looked at."""

    def __init__(self, *deadlines: float) -> None:
        self.waiting = sorted(deadlines)
        self.looks: list[float] = []
        self.late_s: list[float] = []

    def receive_datagram(self, _data: bytes, _flow: Flow, _now: float) -> None: ...

    def next_event(self) -> None: ...

    def datagrams_to_send(self, _now: float) -> list[tuple[bytes, Flow]]:
        return []

    def get_timer(self) -> float | None:
        return self.waiting[0] if self.waiting else None

    def handle_timer(self, now: float) -> None:
        self.looks.append(now)
        while self.waiting and self.waiting[0] <= now:
            self.late_s.append(now - self.waiting.pop(0))


class Handle:
    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when, self.callback = when, callback

    def cancel(self) -> None:
        self.callback = lambda: None


class VirtualLoop:
    """An event loop of timers alone, whose time passes when `run` takes one after the other."""

    def __init__(self) -> None:
        self.now = 0.0
        self.handles: list[Handle] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Handle:
        self.handles.append(Handle(when, callback))
        return self.handles[-1]

    def run(self) -> None:
        while self.handles:
            handle = min(self.handles, key=lambda each: each.when)
            self.handles.remove(handle)
            self.now = max(self.now, handle.when)
            handle.callback()


def watched(deadlines: Deadlines) -> None:
    """Let a node run until nothing is due any more."""
    loop = VirtualLoop()
    node = SipNode(
        cast("Endpoint", deadlines),
        cast("TransportManager", object()),
        TokenSource(bytes),
        cast("asyncio.AbstractEventLoop", loop),
    )
    node.on_message(b"\r\n", FLOW)
    loop.run()


def test_timers_of_a_quiet_node_fire_on_time() -> None:
    deadlines = Deadlines(1.0, 1.2, 33.0)
    watched(deadlines)
    assert deadlines.looks == [1.0, 1.2, 33.0]


def test_timers_that_follow_each_other_closely_fire_together_and_little_late() -> None:
    deadlines = Deadlines(*(32.0 + number / 1000 for number in range(1000)))
    watched(deadlines)
    assert len(deadlines.late_s) == 1000
    assert len(deadlines.looks) <= 1.0 / TIMER_PACE_S + 1
    assert max(deadlines.late_s) <= TIMER_PACE_S
