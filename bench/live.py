# SPDX-License-Identifier: Apache-2.0
"""What it costs the SIP process to be watched: ``python -m bench.live``.

The work that the feed makes for one answered call (ten events; rows of the call, two legs and two sessions as they
change; packing; writing to a reader in another process) is done again and again, and the fastest of many short runs
counts: it is CPU time of this thread, which other programs on the machine can only raise. What the same call costs
with nobody reading is measured alike.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgpack
import uvloop

from bench.report import Report
from cdrs.record import EndReason, HangupBy
from signaling.announce import announce_bindings
from signaling.calls.events import Answer, Ring
from signaling.calls.tests.world import DIAL, RecordedLeg, World
from signaling.changes import Changes
from signaling.legs.states import LegState
from signaling.legs.within_dialog import Parties
from signaling.live.commands import CommandTable
from signaling.live.feed import Feed, FeedConfig
from signaling.live.reader import ROWS_PER_CHUNK
from signaling.live.source import NodeSource
from signaling.live.tables import Kind
from signaling.location import Location
from signaling.sip import Flow, SipUri
from signaling.tests.test_announce import binding
from switchboard import logs
from switchboard.events import EventBus

READER = """
import socket, sys
feed = socket.socket(socket.AF_UNIX)
feed.connect(sys.argv[1])
while feed.recv(1 << 20):
    pass
"""
RUNS, TIMES = 300, 10
"""The fastest of this many runs counts; each does the work this often."""
_numbers = count(1)
_FLOW = Flow("udp", ("192.0.2.20", 5062), ("192.0.2.10", 5060))


class ShownLeg(RecordedLeg):
    """A leg with what is shown of a SIP leg."""

    def __init__(self, label: str, on_event: Any = None) -> None:
        super().__init__(label, on_event)
        self.number = next(_numbers)
        self.flow, self.state, self.ringing = _FLOW, LegState.UP, True
        self.direction = "inbound" if label == "A" else "outbound"
        self.created_at = time.time()
        user = SipUri(user="1001", host="acme.test")
        self.parties = Parties(f"call-{self.number}", "local", "remote", user, user)


@dataclass
class ShownWorld(World):
    """A call whose legs are shown."""

    def make_leg(self, destination: Any, request: Any, sdp: str, on_event: Any) -> Any:
        leg = ShownLeg("B", on_event)
        self.legs.append(leg)
        return leg

    def make_caller(self) -> Any:
        return ShownLeg("A")


class WatchedCall:
    """One answered call, told from its beginning to its end as often as one likes."""

    def __init__(self, bus: EventBus, changes: Changes) -> None:
        self.world = ShownWorld(bus=bus, changes=changes, random_bytes=os.urandom)
        self.changes = changes

    async def prepare(self) -> None:
        """Bring the call up, with a finished record."""
        self.world.start(DIAL)
        await self.world.settle()
        for event in (Ring(), Answer("answer")):
            self.world.legs[0].reports(event)
            await self.world.settle()
        call = self.world.call
        call.record.finish(time.time(), EndReason.NORMAL, HangupBy.CALLER, 200)
        call.notify._log = SimpleNamespace(info=lambda *_, **__: None)
        self.notify = call.notify
        self.sessions = list(call.media.sessions.values()) if call.media is not None else []
        self.caller: Any = self.world.caller
        self.callee: Any = self.world.legs[0]

    def steps(self) -> list[Callable[[], None]]:
        """Return what happens at each moment of the call."""
        return [self.dialled, self.rings, self.answered, self.acknowledged, self.ended]

    def dialled(self) -> None:
        """The INVITE came and went on to a phone."""
        self.notify.received()
        for session in self.sessions:
            session.state = "created"
            self.notify.session_created(session)
        self.notify.dialing("user/1002", 1)
        self._legs_changed(LegState.CALLING)

    def rings(self) -> None:
        """180."""
        self.notify.ringing()
        self._legs_changed(LegState.CALLING)

    def answered(self) -> None:
        """200."""
        for session in self.sessions:
            self.notify.session_changed(session)
        self.notify.answered("B")
        self.notify.bridged("PCMU", "rtp-1")
        self._legs_changed(LegState.UP)

    def acknowledged(self) -> None:
        """ACK."""
        self.changes.leg(self.caller)

    def ended(self) -> None:
        """BYE."""
        self._legs_changed(LegState.HELD_BACK)
        for session in self.sessions:
            session.state = "terminated"
            self.notify.session_destroyed(session, None)
        self.notify.ended()
        self._legs_changed(LegState.ENDED)

    def _legs_changed(self, state: LegState) -> None:
        for leg in (self.caller, self.callee):
            leg.state = state
            self.changes.leg(leg)


def fastest_us(work: Callable[[], object], runs: int = RUNS, times: int = TIMES) -> float:
    """Return the CPU of one piece of work in microseconds: the fastest of many short runs."""
    best_ns = float("inf")
    for _ in range(runs):
        began = time.thread_time_ns()
        for _ in range(times):
            work()
        best_ns = min(best_ns, (time.thread_time_ns() - began) / times)
    return best_ns / 1000


@asynccontextmanager
async def feed_of(source: Any, bus: EventBus) -> AsyncIterator[tuple[Feed, Path]]:
    """A feed that sends when it is told to."""
    path = Path(tempfile.mkdtemp()) / "live.sock"
    config = FeedConfig(path=path, collect_s=3600, status_s=3600)
    feed = Feed(source, bus, CommandTable(), config, about={}, status=dict)
    await feed.start()
    yield feed, path
    await feed.stop()


@asynccontextmanager
async def reading(path: Path, feed: Feed) -> AsyncIterator[None]:
    """A reader in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", READER, str(path)])
    while not feed.readers:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def cost_of_calls(together: int) -> tuple[float, float]:
    """Return the microseconds of one call, unwatched and watched, when so many calls share each sending."""
    bus, changes = EventBus("sip-1"), Changes()
    calls = [WatchedCall(bus, changes) for _ in range(together)]
    for call in calls:
        await call.prepare()
    loop = asyncio.get_running_loop()
    source = NodeSource(changes, Location(), calls=dict, legs=lambda: (), nodes=[], now=loop.time)
    moments = list(zip(*(call.steps() for call in calls), strict=True))
    async with feed_of(source, bus) as (feed, path):

        def run() -> None:
            for moment in moments:
                for step in moment:
                    step()
                feed.flush()

        unwatched_us = fastest_us(run) / together
        async with reading(path, feed):
            watched_us = await _with_pauses(run) / together
    return unwatched_us, watched_us


async def _with_pauses(run: Callable[[], None]) -> float:
    """Measure as `fastest_us` does, but let the loop and the reader breathe between the runs."""
    best_us = float("inf")
    for _ in range(RUNS):
        best_us = min(best_us, fastest_us(run, runs=1, times=1))
        await asyncio.sleep(0.003)
    return best_us


async def cost_of_registrations(count_of: int) -> tuple[float, float]:
    """Return the microseconds of one turn of a new reader's picture, and of one refreshed registration afterwards."""
    bus, location = EventBus("sip-1"), Location()
    announce_bindings(location, bus)
    source = NodeSource(Changes(), location, calls=dict, legs=lambda: (), nodes=[], now=lambda: 0.0)
    bindings = [
        replace(binding(), user_id=str(number), aor=f"sip:{number}@acme.test") for number in range(count_of)
    ]
    location.restore(bindings)
    async with feed_of(source, bus) as (feed, path):
        packer, picture = msgpack.Packer(), feed.picture()

        def turn() -> None:
            rows = [next(picture)[1] for _ in range(ROWS_PER_CHUNK)]
            packer.pack([(Kind.ROWS, "registrations", rows)])

        turn_us = fastest_us(turn, runs=100, times=1)
        async with reading(path, feed):

            def refresh() -> None:
                location.store(bindings[7])
                feed.flush()

            refresh_us = await _with_pauses(refresh)
    return turn_us, refresh_us


def main() -> None:
    """Measure and print; ``--save`` also writes the figures to bench/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    logs.configure("error", "console")
    gc.disable()
    report = Report("live", "python -m bench.live")
    rows = []
    for together, meaning in (
        (1, "a few calls a second"),
        (5, "100 calls a second"),
        (10, "200 calls a second"),
    ):
        alone, watched = uvloop.run(cost_of_calls(together))
        rows.append([meaning, f"{alone:.1f}", f"{watched:.1f}", f"{watched - alone:.1f}"])
    report.table("Live feed, CPU µs of a call", ["", "nobody reads", "one reader", "difference"], rows)
    turn_us, change_us = uvloop.run(cost_of_registrations(10_000))
    report.table(
        "Live feed with 10,000 registrations, CPU µs",
        ["", ""],
        [
            ["one turn (50 rows) of a new reader's first picture", f"{turn_us:.1f}"],
            ["one refreshed, event and row, sent by itself", f"{change_us:.1f}"],
        ],
    )
    report.print()
    if options.save:
        report.save()


if __name__ == "__main__":
    main()
