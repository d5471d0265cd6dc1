# SPDX-License-Identifier: Apache-2.0
"""Drains of an RTP manager with calls that move, wait, refuse and end."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from cdrs.record import EndReason
from media.control.tests.harness import until
from signaling.calls.events import MoveGranted, MoveMedia, Terminate
from signaling.calls.move_request import MoveOutcome
from signaling.drain import AlreadyDraining, DrainController, DrainMode, NoSuchNode, NotDraining
from signaling.drain import drain as drain_module
from signaling.mediapool import DrainState, MediaPool


class FakeCall:
    """A call with some sessions, whose moves the test carries out."""

    def __init__(self, world: "World", name: str, sessions: int = 2, *, playing: bool = False) -> None:
        self.world = world
        self.record = SimpleNamespace(id=name)
        self.request = SimpleNamespace(sip_call_id=f"sip-{name}")
        ids = {f"{name}-{number}": "A" for number in range(sessions)}
        self.media = SimpleNamespace(node=world.node, here=SimpleNamespace(ids=ids))
        self.mover = SimpleNamespace(is_playing=playing)
        self.asked: list[Any] = []
        self.granted = 0
        self.terminated: list[EndReason] = []
        for session_id in ids:
            world.node.subscribe(session_id, lambda event: None)

    def post(self, event: Any) -> None:
        if isinstance(event, MoveMedia):
            self.asked.append(event.request)
            if not self.mover.is_playing:
                event.request.ready()
        elif isinstance(event, MoveGranted):
            self.granted += 1
        elif isinstance(event, Terminate):
            self.terminated.append(event.reason)
            self.end()

    def leave(self) -> None:
        for session_id in self.media.here.ids:
            self.world.node.unsubscribe(session_id)

    def move(self) -> None:
        self.leave()
        self.media.node = self.world.other
        self.asked[-1].finish(MoveOutcome.MOVED, sessions=len(self.media.here.ids))

    def refuse(self, outcome: MoveOutcome = MoveOutcome.REFUSED) -> None:
        self.asked[-1].finish(outcome, sessions=len(self.media.here.ids), detail="leg A refused: 488 No")

    def end(self) -> None:
        self.leave()
        self.media.here.ids.clear()
        self.world.calls.pop(self.record.id)
        if self.asked:
            self.asked[-1].finish(MoveOutcome.ENDED)


@dataclass
class World:
    calls: dict[str, FakeCall] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pool = MediaPool([("one", "h:1"), ("two", "h:2")])
        self.node, self.other = self.pool.nodes
        for node in self.pool.nodes:
            node.standing.is_up = True
        self.drains = DrainController(self.pool, lambda: self.calls.values())  # type: ignore[arg-type, return-value]

    def add(self, count: int = 1, **options: Any) -> list[FakeCall]:
        made = [FakeCall(self, f"call-{len(self.calls) + number}", **options) for number in range(count)]
        self.calls |= {call.record.id: call for call in made}
        return made

    @property
    def moving(self) -> list[FakeCall]:
        return [call for call in self.calls.values() if call.granted and call.asked[-1].outcome is None]

    def status(self) -> Any:
        return self.drains.status("one")


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(drain_module, "LOOK_S", 0.001)
    monkeypatch.setattr(drain_module, "AGAIN_S", 0.001)
    made = World()
    yield made
    await made.drains.stop()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_drained_node_takes_no_call_and_is_disabled_when_it_is_empty(world):
    calls = world.add(3)
    status = world.drains.drain("one")
    assert (status.state, status.mode, status.total_sessions) == ("draining", "graceful", 6)
    assert [world.pool.pick() for _ in range(2)] == [world.other] * 2
    await settle()
    for call in calls:
        call.move()
    await until(lambda: world.status().state == "disabled")
    status = world.status()
    assert (status.migrated_count, status.failed_count, status.ended_count) == (6, 0, 0)
    assert (status.total_sessions, status.remaining_sessions, status.errors) == (6, 0, ())


async def test_an_empty_node_is_disabled_at_once(world):
    assert world.drains.drain("one").total_sessions == 0
    await settle()
    assert world.status().state == "disabled"


async def test_five_calls_move_at_a_time(world):
    world.add(12)
    world.drains.drain("one")
    await settle()
    assert len(world.moving) == 5
    world.moving[0].move()
    await settle()
    assert len(world.moving) == 5
    world.moving[0].refuse()
    world.moving[0].end()
    await settle()
    assert len(world.moving) == 5


async def test_calls_that_play_hold_nobody_up_and_are_counted(world):
    playing = world.add(6, sessions=1, playing=True)
    (talking,) = world.add(1)
    world.drains.drain("one")
    await settle()
    assert world.moving == [talking]
    assert world.status().waiting_playback == 6
    talking.move()
    playing[0].mover.is_playing = False
    playing[0].asked[-1].ready()
    await settle()
    assert world.moving == [playing[0]]
    assert world.status().waiting_playback == 5


async def test_a_refusal_leaves_the_call_where_it_is(world):
    (call,) = world.add()
    world.drains.drain("one")
    await settle()
    call.refuse()
    await asyncio.sleep(0.01)
    status = world.status()
    assert (status.state, status.failed_count, status.remaining_sessions) == ("draining", 2, 2)
    assert status.errors == ("sip-call-0: leg A refused: 488 No",)
    assert (len(call.asked), call.terminated) == (1, [])
    call.end()
    await until(lambda: world.status().state == "disabled")
    assert (world.status().failed_count, world.status().ended_count) == (2, 0)


async def test_an_aggressive_drain_ends_what_refuses(world):
    (call,) = world.add()
    assert world.drains.drain("one", DrainMode.AGGRESSIVE).mode == "aggressive"
    await settle()
    call.refuse()
    await until(lambda: world.status().state == "disabled")
    assert call.terminated == [EndReason.MEDIA_ERROR]
    assert (world.status().failed_count, world.status().total_sessions) == (2, 2)


async def test_a_call_that_cannot_move_yet_is_asked_again(world):
    (call,) = world.add()
    world.drains.drain("one")
    await settle()
    call.refuse(MoveOutcome.NOT_NOW)
    await until(lambda: len(call.asked) == 2)
    call.refuse(MoveOutcome.NOT_NOW)
    await until(lambda: len(call.asked) == 3)
    call.move()
    await until(lambda: world.status().state == "disabled")
    assert world.status().migrated_count == 2
    assert len(world.status().errors) == 1


async def test_an_aggressive_drain_does_not_ask_for_ever(world):
    (call,) = world.add()
    world.drains.drain("one", DrainMode.AGGRESSIVE)
    for number in range(1, 4):
        await until(lambda number=number: len(call.asked) == number)
        call.refuse(MoveOutcome.NOT_NOW)
    await until(lambda: world.status().state == "disabled")
    assert call.terminated == [EndReason.MEDIA_ERROR]
    assert world.status().failed_count == 2


async def test_calls_that_end_by_themselves_are_counted(world):
    calls = world.add(2)
    world.drains.drain("one")
    await settle()
    calls[0].end()
    calls[1].move()
    await until(lambda: world.status().state == "disabled")
    status = world.status()
    assert (status.total_sessions, status.migrated_count, status.ended_count) == (4, 2, 2)


async def test_calls_that_come_late_are_moved_too(world):
    (first,) = world.add()
    world.drains.drain("one")
    await settle()
    (late,) = world.add()
    await until(lambda: late.asked)
    first.move()
    late.move()
    await until(lambda: world.status().state == "disabled")
    assert (world.status().total_sessions, world.status().migrated_count) == (4, 4)


async def test_calls_elsewhere_are_left_alone(world):
    (call,) = world.add()
    call.media.node = world.other
    world.drains.drain("one")
    await settle()
    assert call.asked == []


async def test_a_cancelled_drain_lets_the_node_take_calls_again(world):
    calls = world.add(7)
    world.drains.drain("one")
    await settle()
    status = world.drains.cancel("one")
    assert status.state == "active"
    await settle()
    assert world.pool.pick() in (world.node, world.other)
    withdrawn = [call for call in calls if call.asked[-1].is_withdrawn]
    assert len(withdrawn) == 2
    with pytest.raises(NotDraining):
        world.drains.cancel("one")


async def test_a_disabled_node_is_enabled_again_and_can_be_drained_again(world):
    world.drains.drain("one")
    await settle()
    with pytest.raises(AlreadyDraining):
        world.drains.drain("one")
    assert world.drains.cancel("one").state == "active"
    assert world.node.standing.takes_sessions
    assert world.drains.drain("one").state == "draining"


async def test_a_restarted_node_ends_its_drain(world):
    (call,) = world.add()
    world.drains.drain("one")
    await settle()
    world.node.standing.drain_state = DrainState.ACTIVE
    await asyncio.sleep(0.01)
    assert world.status().state == "active"
    assert call.asked


async def test_a_node_that_says_that_it_stops_is_drained(world):
    world.node.on_draining(world.node)
    assert world.status().state == "draining"
    world.node.on_draining(world.node)
    await settle()
    assert world.status().state == "disabled"


async def test_names_that_nobody_has_are_refused(world):
    for act in (world.drains.drain, world.drains.cancel, world.drains.status):
        with pytest.raises(NoSuchNode):
            act("three")


async def test_a_node_that_was_never_drained_has_a_status(world):
    assert world.status().as_dict() == {
        "node_id": "one",
        "state": "active",
        "mode": None,
        "total_sessions": 0,
        "waiting_playback": 0,
        "migrated_count": 0,
        "failed_count": 0,
        "ended_count": 0,
        "remaining_sessions": 0,
        "errors": [],
        "started_at": None,
        "elapsed_seconds": 0.0,
    }


async def test_a_move_that_is_nearly_done_is_waited_for_and_counted(world):
    (call,) = world.add()
    world.drains.drain("one")
    await settle()
    call.leave()
    await asyncio.sleep(0.01)
    assert world.status().state == "draining"
    call.move()
    await until(lambda: world.status().state == "disabled")
    assert world.status().migrated_count == 2
