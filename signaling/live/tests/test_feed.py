# SPDX-License-Identifier: Apache-2.0
"""The feed and its readers over a real socket."""

import asyncio
import stat
from pathlib import Path

import pytest

from signaling.live.paths import socket_address
from signaling.live.reader import ROWS_PER_CHUNK
from signaling.live.tables import REGISTRATIONS
from signaling.live.tests.worlds import FeedWorld, registration, until
from switchboard.events.tests.samples import sample


@pytest.fixture
async def world(tmp_path):
    world = FeedWorld(tmp_path / "live.sock")
    await world.start()
    yield world
    await world.feed.stop()


def numbers(mirror):
    return sorted(int(row["user_id"].removeprefix("user-")) for row in mirror.rows(REGISTRATIONS))


async def test_a_reader_gets_what_is_and_then_what_changes(world):
    world.source.put(registration(1))
    async with world.reader() as (mirror, _):
        assert numbers(mirror) == [1]
        world.source.put(registration(2))
        world.source.drop(registration(1)[0])
        await until(lambda: numbers(mirror) == [2])
        world.source.put(registration(2, expires_at=1_700_000_060.0))
        await until(lambda: mirror.rows(REGISTRATIONS)[0]["expires_at"] == "2023-11-14T22:14:20.000000Z")


async def test_ten_thousand_rows_cost_a_change_no_more_than_itself(world):
    for number in range(10_000):
        world.source.put(registration(number))
    async with world.reader() as (mirror, _):
        assert mirror.count(REGISTRATIONS) == 10_000
        assert world.source.sent == 0
        world.source.put(registration(7, tenant="other"))
        world.source.drop(registration(8)[0])
        await until(lambda: mirror.count(REGISTRATIONS) == 9_999)
        assert world.source.sent == 1
        assert [row["user_id"] for row in mirror.rows(REGISTRATIONS, frozenset({"other"}))] == ["user-7"]


async def test_the_picture_is_sent_in_pieces_between_which_the_loop_serves_others(world):
    for number in range(10_000):
        world.source.put(registration(number))
    turns = 0

    async def count_turns():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count_turns())
    async with world.reader() as (mirror, _):
        assert mirror.count(REGISTRATIONS) == 10_000
        assert turns > 10_000 / ROWS_PER_CHUNK
    counting.cancel()


async def test_changes_during_the_first_picture_win(world):
    for number in range(2_000):
        world.source.put(registration(number))
    async with world.reader() as (_, __), asyncio.TaskGroup() as group:

        async def change():
            for number in range(0, 2_000, 2):
                world.source.drop(registration(number)[0])
                if number % 100 == 0:
                    await asyncio.sleep(0)

        group.create_task(change())
        async with world.reader() as (mirror, _):
            await until(lambda: numbers(mirror) == list(range(1, 2_000, 2)))


async def test_events_arrive_in_order_and_after_the_rows_that_they_are_about(world):
    async with world.reader() as (mirror, _):
        seen = []
        mirror.subscribe(
            lambda event: bool(seen.append((event["event_type"], mirror.count(REGISTRATIONS)))) or True
        )
        world.source.put(registration(1))
        world.bus.publish(sample("registration.registered"))
        world.bus.publish(sample("call.received"))
        await until(lambda: len(seen) == 2)
        assert seen == [("registration.registered", 1), ("call.received", 1)]


async def test_a_burst_is_handed_on_in_pieces_so_that_no_reader_of_events_is_overrun(world):
    async with world.reader() as (mirror, _):
        subscription = mirror.subscribe(lambda event: True, max_queued=200)
        ids = []
        for number in range(5_000):
            event = sample("call.received", callee_number=str(number))
            ids.append(event.event_id)
            world.bus.publish(event)
        got = [(await subscription.next(5.0))["event_id"] for _ in ids]
        assert got == ids


async def test_several_readers_get_the_same(world):
    async with world.reader() as (one, _), world.reader() as (other, _):
        world.source.put(registration(3))
        await until(lambda: numbers(one) == numbers(other) == [3])


async def test_one_reader_too_many_is_turned_away(tmp_path):
    world = FeedWorld(tmp_path / "live.sock", config={"max_readers": 1})
    await world.start()
    async with world.reader():
        reader, writer = await asyncio.open_unix_connection(str(world.path))
        assert await reader.read() == b""
        writer.close()
        assert world.feed.dropped == 1
    await world.feed.stop()


async def test_a_reader_that_reads_nothing_is_dropped_and_the_other_ones_go_on(tmp_path):
    world = FeedWorld(tmp_path / "live.sock", config={"max_unread_bytes": 100_000})
    await world.start()
    async with world.reader() as (mirror, _):
        _sleeper, writer = await asyncio.open_unix_connection(str(world.path), limit=1)
        await until(lambda: world.feed.readers == 2)
        writer.transport.pause_reading()
        number = 0
        while world.feed.dropped == 0:
            for _ in range(100):
                number += 1
                world.source.put(registration(number))
            await asyncio.sleep(0.002)
        assert number < 50_000
        await until(lambda: mirror.count(REGISTRATIONS) == number)
        writer.close()
    await world.feed.stop()


async def test_a_reader_that_takes_nothing_for_long_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr("signaling.live.reader.STALLED_S", 0.05)
    world = FeedWorld(tmp_path / "live.sock")
    for number in range(20_000):
        world.source.put(registration(number))
    await world.start()
    _, writer = await asyncio.open_unix_connection(str(world.path), limit=1)
    writer.transport.pause_reading()
    await until(lambda: world.feed.dropped == 1)
    writer.close()
    await world.feed.stop()


async def test_nothing_is_collected_while_nobody_reads(world):
    async with world.reader():
        assert world.bus.active
    await until(lambda: world.source.wake is None)
    assert not world.bus.active
    world.source.put(registration(1))
    assert world.source.notes == {}


async def test_the_socket_belongs_to_its_user_alone(world):
    assert stat.S_IMODE(world.path.stat().st_mode) == 0o600


async def test_a_socket_that_a_killed_process_left_is_replaced(tmp_path):
    first, second = (FeedWorld(tmp_path / "live.sock") for _ in range(2))
    await first.start()
    first.feed._server.close()
    assert first.path.exists()
    await second.start()
    async with second.reader():
        pass
    await second.feed.stop()


async def test_a_long_path_is_no_hindrance(tmp_path):
    directory = tmp_path / ("d" * 120)
    world = FeedWorld(directory / "live.sock")
    await world.start()
    async with world.reader():
        pass
    await world.feed.stop()
    assert not world.path.exists()


def test_a_short_path_is_taken_as_it_is():
    with socket_address(Path("/tmp/x.sock")) as address:
        assert address == "/tmp/x.sock"


@pytest.mark.parametrize("rubbish", [b"\xc1", b"\x01", b"\x93\x01\x02\x03", b"\x92\x01\x02"])
async def test_a_reader_that_speaks_rubbish_is_dropped(world, rubbish):
    async with world.reader() as (mirror, _):
        _reader, writer = await asyncio.open_unix_connection(str(world.path))
        writer.write(rubbish)
        await until(lambda: world.feed.dropped == 1)
        writer.close()
        assert mirror.connected
