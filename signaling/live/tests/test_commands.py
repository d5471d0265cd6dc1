# SPDX-License-Identifier: Apache-2.0
"""Commands: every one is answered once."""

import asyncio

import pytest

from signaling.live.commands import CommandRefused
from signaling.live.link import FeedLink
from signaling.live.mirror import Mirror
from signaling.live.tables import REGISTRATIONS, RTPMANAGERS, Kind
from signaling.live.tests.worlds import FeedWorld, registration, until


@pytest.fixture
async def world(tmp_path):
    world = FeedWorld(tmp_path / "live.sock")
    await world.start()
    yield world
    await world.feed.stop()


async def test_a_command_returns_its_result(world):
    world.commands.register("add", lambda given: {"sum": given["a"] + given["b"]})
    async with world.reader() as (_, link):
        assert await link.call("add", a=2, b=3) == {"sum": 5}


async def test_a_command_may_take_its_time_and_others_pass_it(world):
    release = asyncio.Event()

    async def slow(given):
        await release.wait()
        return {"is": "slow"}

    world.commands.register("slow", slow)
    world.commands.register("quick", lambda given: {"is": "quick"})
    async with world.reader() as (_, link):
        waiting = asyncio.create_task(link.call("slow"))
        assert await link.call("quick") == {"is": "quick"}
        release.set()
        assert await waiting == {"is": "slow"}


async def test_what_a_command_changed_is_in_the_mirror_before_its_answer(world):
    def change(given):
        world.source.put(registration(1))
        return {}

    world.commands.register("change", change)
    async with world.reader() as (mirror, link):
        await link.call("change")
        assert mirror.count(REGISTRATIONS) == 1


async def test_a_drain_is_in_the_mirror_before_its_answer(tmp_path):
    quiet = FeedWorld(tmp_path / "quiet.sock", config={"status_s": 3600})
    await quiet.start()

    def drain(given):
        row = ("127.0.0.1:9090", "rtp-1", True, "draining", 0, 10)
        quiet.source.unnoted.append((Kind.ROWS, RTPMANAGERS.name, [row]))
        return {}

    quiet.commands.register("drain", drain)
    async with quiet.reader() as (mirror, link):
        await link.call("drain")
        assert [row["drain_state"] for row in mirror.rows(RTPMANAGERS)] == ["draining"]
    await quiet.feed.stop()


async def test_a_refusal_says_why(world):
    def refuse(given):
        raise CommandRefused(409, "Not now.", {"user": ["is busy"]})

    world.commands.register("refuse", refuse)
    async with world.reader() as (_, link):
        with pytest.raises(CommandRefused) as caught:
            await link.call("refuse")
    assert (caught.value.status, caught.value.error, caught.value.fields) == (
        409,
        "Not now.",
        {"user": ["is busy"]},
    )


async def test_an_unknown_command_is_not_implemented(world):
    async with world.reader() as (_, link):
        with pytest.raises(CommandRefused) as caught:
            await link.call("drain")
    assert caught.value.status == 501


@pytest.mark.parametrize("awaited", [True, False])
async def test_a_bug_in_a_handler_is_answered_and_hurts_nobody(world, awaited):
    async def broken_later(given):
        raise RuntimeError("oops")

    def broken(given):
        raise RuntimeError("oops")

    world.commands.register("broken", broken_later if awaited else broken)
    async with world.reader() as (mirror, link):
        with pytest.raises(CommandRefused) as caught:
            await link.call("broken")
        assert caught.value.status == 500
        assert "oops" not in caught.value.error
        assert mirror.connected


async def test_a_command_without_a_signaling_process_is_refused_at_once(tmp_path):
    link = FeedLink(tmp_path / "nobody.sock", Mirror())
    with pytest.raises(CommandRefused) as caught:
        await link.call("anything")
    assert caught.value.status == 503


@pytest.mark.parametrize(("away_s", "lines"), [(0.0, 1), (60.0, 0)])
async def test_a_signaling_process_that_is_away_is_told_once_and_not_at_once(
    tmp_path, monkeypatch, away_s, lines
):
    tried: list[object] = []
    told: list[str] = []
    link = FeedLink(tmp_path / "nobody.sock", Mirror())

    async def nobody():
        tried.append(None)
        raise ConnectionRefusedError

    monkeypatch.setattr("signaling.live.link.FIRST_RETRY_S", 0.001)
    monkeypatch.setattr("signaling.live.link.AWAY_S", away_s)
    monkeypatch.setattr("signaling.live.link.log.warning", lambda event, **facts: told.append(event))
    monkeypatch.setattr(link, "_connect", nobody)
    link.start()
    await until(lambda: len(tried) > 3)
    await link.stop()
    assert told == ["live.not_connected"] * lines


async def test_a_command_is_given_up_in_time(world):
    world.commands.register("never", lambda given: asyncio.get_running_loop().create_future())
    async with world.reader() as (_, link):
        with pytest.raises(CommandRefused, match="did not answer"):
            await link.call("never", wait_s=0.02)


async def test_a_command_whose_connection_breaks_is_refused(world):
    world.commands.register("never", lambda given: asyncio.get_running_loop().create_future())
    async with world.reader() as (_, link):
        waiting = asyncio.create_task(link.call("never"))
        await asyncio.sleep(0.01)
        for reader in list(world.feed._readers):
            reader.drop("test")
        with pytest.raises(CommandRefused, match="lost"):
            await waiting


async def test_the_reader_comes_back_by_itself_with_a_correct_picture(world):
    world.source.put(registration(1))
    async with world.reader() as (mirror, _link):
        await world.feed.stop()
        await until(lambda: not mirror.connected)
        world.source.drop(registration(1)[0])
        world.source.put(registration(2))
        again = FeedWorld(world.path, source=world.source, boot_id="boot-2")
        await again.start()
        await until(lambda: mirror.connected)
        assert [row["user_id"] for row in mirror.rows(REGISTRATIONS)] == ["user-2"]
        assert mirror.about["boot_id"] == "boot-2"
        await again.feed.stop()
