# SPDX-License-Identifier: Apache-2.0
"""Events and the descriptor that announces them."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from engine_phone import Phone, rtp
from switchboard_engine import Engine

Join = Callable[[str, Phone], int]
WaitForEvent = Callable[[str], tuple[object, ...]]
WaitForStat = Callable[[str, str, int], None]


def test_it_tells_once_that_media_started(
    engine: Engine, alice: Phone, join: Join, wait_for_event: WaitForEvent, wait_for_stat: WaitForStat
) -> None:
    port = join("a", alice)
    for sequence in range(3):
        alice.send(rtp(sequence), port)
    assert wait_for_event("media_started") == ("media_started", "a")
    wait_for_stat("a", "packets_received", 3)
    assert engine.poll_events() == []


def test_it_tells_that_a_session_fell_silent(
    engine: Engine, alice: Phone, join: Join, wait_for_event: WaitForEvent
) -> None:
    join("a", alice)
    engine.set_inactivity("a", 50)
    assert wait_for_event("inactive") == ("inactive", "a")


def test_it_does_not_report_silence_that_was_turned_off(
    engine: Engine, alice: Phone, join: Join, wait_for_event: WaitForEvent
) -> None:
    join("held", alice)
    join("active", alice)
    engine.set_inactivity("held", 30)
    engine.set_inactivity("held", 0)
    engine.set_inactivity("active", 90)
    assert wait_for_event("inactive") == ("inactive", "active")


def test_its_descriptor_is_readable_only_while_events_wait(engine: Engine, alice: Phone, join: Join) -> None:
    join("a", alice)
    descriptor = engine.event_fd()
    assert select.select([descriptor], [], [], 0)[0] == []
    engine.play("a", "p", bytes(320), codec="PCMU", payload_type=0)
    assert select.select([descriptor], [], [], 0)[0] == [descriptor]
    assert engine.poll_events() == [("play_started", "a", "p")]
    assert select.select([descriptor], [], [], 0)[0] == []


def test_it_wakes_an_event_loop(engine: Engine, alice: Phone, join: Join) -> None:
    port = join("a", alice)

    async def first_event() -> list[tuple[object, ...]]:
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()
        loop.add_reader(engine.event_fd(), lambda: arrived.done() or arrived.set_result(None))
        alice.send(rtp(), port)
        await asyncio.wait_for(arrived, 5)
        loop.remove_reader(engine.event_fd())
        return list(engine.poll_events())

    assert asyncio.run(first_event()) == [("media_started", "a")]
