# SPDX-License-Identifier: Apache-2.0
"""A mirror that sleeps while nobody looks, alone and at the end of a real feed."""

import asyncio

import pytest

from signaling.live.commands import CommandRefused
from signaling.live.mirror import Mirror
from signaling.live.tables import REGISTRATIONS, SLEEP, VERSION, WAKE, Kind
from signaling.live.tests.worlds import FeedWorld, registration, until
from signaling.live.watch import Watch
from switchboard.events.tests.samples import sample


@pytest.fixture
async def world(tmp_path):
    world = FeedWorld(tmp_path / "live.sock")
    await world.start()
    yield world
    await world.feed.stop()


async def test_while_the_only_reader_sleeps_nothing_is_collected(world):
    async with world.reader() as (mirror, link):
        await link.call(SLEEP)
        assert not world.bus.active
        assert world.source.wake is None
        status = mirror.status
        await until(lambda: mirror.status is not status)
        assert mirror.complete


async def test_a_reader_that_wakes_gets_what_is_and_then_what_changes(world):
    world.source.put(registration(1))
    world.source.put(registration(2))
    async with world.reader() as (mirror, link):
        await link.call(SLEEP)
        world.source.drop(registration(1)[0])
        world.source.put(registration(3))
        await link.call(WAKE)
        assert sorted(row["user_id"] for row in mirror.rows(REGISTRATIONS)) == ["user-2", "user-3"]
        world.source.put(registration(4))
        seen = mirror.subscribe(lambda event: True)
        world.bus.publish(sample("call.received"))
        assert (await seen.next(5.0))["event_type"] == "call.received"
        assert mirror.count(REGISTRATIONS) == 3


async def test_one_that_sleeps_does_not_disturb_one_that_is_awake(world):
    async with world.reader() as (awake, _), world.reader() as (asleep, link):
        await link.call(SLEEP)
        world.source.put(registration(1))
        await until(lambda: awake.count(REGISTRATIONS) == 1)
        assert asleep.count(REGISTRATIONS) == 0


async def test_waking_what_is_awake_changes_nothing(world):
    async with world.reader() as (mirror, link):
        world.source.put(registration(1))
        await link.call(WAKE)
        await until(lambda: mirror.count(REGISTRATIONS) == 1)


async def test_a_reader_may_fall_asleep_before_it_has_been_told_everything(world):
    for number in range(5_000):
        world.source.put(registration(number))
    async with world.reader() as (mirror, link):
        await link.call(SLEEP)
        woken, slept = await asyncio.gather(link.call(WAKE), link.call(SLEEP))
        assert (woken, slept) == ({}, {})
        await link.call(WAKE)
        assert mirror.count(REGISTRATIONS) == 5_000


async def test_nobody_can_go_on_after_events_that_were_followed_by_a_sleep(world):
    async with world.reader() as (mirror, _):
        event = sample("call.received")
        world.bus.publish(event)
        await until(lambda: mirror.events_after(event.event_id) == [])
        mirror.sleep()
        assert mirror.events_after(event.event_id) is None


class Looks:
    """A watch on a clock of the test's own, and the commands that it gave."""

    def __init__(self):
        self.now = 0.0
        self.mirror = Mirror()
        self.mirror.complete = True
        self.commands = []
        self.refusal = None
        self.is_read = False
        self.is_started = False
        self.watch = Watch(
            self.mirror,
            self.call,
            is_read=lambda: self.is_read,
            clock=lambda: self.now,
            linger_s=10.0,
            tick_s=0,
        )

    async def call(self, name):
        self.commands.append(name)
        await asyncio.sleep(0)
        if self.refusal is not None:
            raise self.refusal
        return {}

    async def pass_by(self, seconds):
        if not self.is_started:
            self.is_started = True
            self.watch.start()
        self.now += seconds
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def looks():
    made = Looks()
    yield made
    await made.watch.stop()


async def test_a_mirror_that_nobody_has_looked_at_sleeps(looks):
    await looks.pass_by(0)
    assert (looks.commands, looks.mirror.asleep) == ([SLEEP], True)


async def test_it_stays_awake_for_a_while_after_a_look(looks):
    looks.watch.look()
    await looks.pass_by(9)
    assert looks.commands == []
    await looks.pass_by(2)
    assert looks.commands == [SLEEP]


async def test_it_stays_awake_while_its_events_are_read(looks):
    looks.is_read = True
    for _ in range(5):
        await looks.pass_by(100)
    looks.is_read = False
    await looks.pass_by(9)
    assert looks.commands == []
    await looks.pass_by(2)
    assert looks.commands == [SLEEP]


async def test_those_who_look_together_wake_it_once(looks):
    await looks.pass_by(0)
    await asyncio.gather(*(looks.watch.wake() for _ in range(3)))
    assert (looks.commands, looks.mirror.asleep) == ([SLEEP, WAKE], False)
    await looks.pass_by(5)
    assert looks.commands == [SLEEP, WAKE]


async def test_who_looks_hears_that_it_cannot_be_woken_and_may_try_again(looks):
    await looks.pass_by(0)
    looks.refusal = CommandRefused(503, "The signaling process is not connected.")
    with pytest.raises(CommandRefused):
        await looks.watch.wake()
    assert looks.mirror.asleep
    looks.refusal = None
    await looks.watch.wake()
    assert not looks.mirror.asleep


async def test_a_new_connection_begins_awake(looks):
    await looks.pass_by(0)
    looks.watch.look()
    looks.mirror.apply([Kind.HELLO, VERSION, {}])
    assert not looks.mirror.asleep
