# SPDX-License-Identifier: Apache-2.0
"""The watch over signaling nodes, with nodes that answer over HTTP and tell events."""

import asyncio
import time

import pytest

from switchboard.dashboard import watch as module
from switchboard.dashboard.backends import PULSE, Backend, Picture
from switchboard.dashboard.tests.fake_node import call, fake_node, rtp_manager
from switchboard.dashboard.watch import Watch

EAST, WEST = (Backend(name=name, url=f"http://{name}") for name in ("east", "west"))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "GAP_S", 0.1)
    monkeypatch.setattr(module, "LONG_GAP_S", 0.2)
    monkeypatch.setattr(module, "SETTLE_S", 0.3)


class Silent:
    """A stream without events."""

    def __init__(self, backend, heard):
        self.closed = False

    def start(self):
        """Tell nothing."""

    def close(self):
        self.closed = True


async def eventually(condition, within_s=10.0):
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.01)


class Page:
    """Something that watches for the length of a test."""

    def __init__(self, *backends):
        self.watch = Watch(backends)

    async def __aenter__(self):
        self.news = self.watch.join()
        await eventually(lambda: self.watch.pictures)
        return self

    async def __aexit__(self, *_):
        self.watch.leave(self.news)

    @property
    def picture(self):
        return self.watch.pictures[0]

    def numbers(self):
        return [row["caller_number"] for row in self.picture.rows.get("calls", ())]


async def listening(node):
    """Wait until the stream is up and everything was looked at since."""
    await eventually(lambda: node.streams)
    await asyncio.sleep(module.SETTLE_S + 2 * module.GAP_S)


async def test_nodes_are_asked_while_somebody_watches_and_not_after():
    streams = []

    def listen(backend, heard):
        streams.append(Silent(backend, heard))
        return streams[-1]

    watch = Watch([EAST, WEST], lambda backend, tables, before: Picture(backend=backend), listen)
    first, second = watch.join(), watch.join()
    await asyncio.wait_for(asyncio.gather(first.wait(), second.wait()), 5)
    assert [picture.backend.name for picture in watch.pictures] == ["east", "west"]
    asking = list(watch._tasks)
    watch.leave(first)
    watch.leave(second)
    assert watch.pictures == []
    ended = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), 5)
    assert [type(how) for how in ended] == [asyncio.CancelledError] * 2
    assert [stream.closed for stream in streams] == [True, True]


async def test_an_event_brings_a_new_picture_at_once_and_nothing_else_is_asked_for():
    with fake_node() as node:
        async with Page(node.backend()) as page:
            await listening(node)
            node.asked.clear()
            node.tables["calls"] = [call("a", "4711")]
            await eventually(lambda: page.numbers() == ["4711"], 0.4)
            assert not any(path.endswith("registrations") for path in node.asked)


async def test_a_quiet_node_is_asked_for_its_rtp_managers_alone():
    with fake_node() as node:
        async with Page(node.backend()) as page:
            await listening(node)
            version = page.picture.version
            node.asked.clear()
            await eventually(lambda: len(node.asked) >= 4)
            assert {path.rpartition("/")[2] for path in node.asked} == {PULSE, "health"}
            assert page.picture.version == version


async def test_what_an_event_touched_is_looked_at_once_more():
    """The ACK to an answer, for one, has no event."""
    with fake_node() as node:
        async with Page(node.backend()) as page:
            await listening(node)
            dict.__setitem__(node.tables, "dialogs", [{"call_id": "c", "state": "WaitingACK"}])
            node.tables["calls"] = [call("a")]
            await eventually(lambda: page.picture.rows["dialogs"])
            dict.__setitem__(node.tables, "dialogs", [{"call_id": "c", "state": "Confirmed"}])
            await eventually(lambda: page.picture.rows["dialogs"][0]["state"] == "Confirmed", 2.5)


async def test_a_node_without_an_event_stream_is_looked_at_again_and_again():
    with fake_node() as node:
        node.has_stream = False
        async with Page(node.backend()) as page:
            dict.__setitem__(node.tables, "calls", [call("a", "4711")])
            await eventually(lambda: page.numbers() == ["4711"], 2.0)


async def test_a_stream_that_broke_goes_on_after_the_last_event_with_a_right_picture():
    with fake_node() as node:
        async with Page(node.backend()) as page:
            await listening(node)
            node.tables["calls"] = [call("a", "4711")]
            await eventually(lambda: page.numbers() == ["4711"])
            node.has_stream = False
            await eventually(lambda: not node.streams)
            dict.__setitem__(node.tables, "calls", [])
            node.has_stream = True
            await eventually(lambda: node.streams)
            await eventually(lambda: page.numbers() == [], 2.0)
            assert node.resumed == ["", "id-1"]


@pytest.mark.parametrize("trouble", [{"delay_s": 30.0}, {"drip": True}, {"raw": b"<html>"}])
async def test_a_node_that_fails_is_shown_as_such_within_two_seconds(trouble):
    with fake_node() as node:
        async with Page(node.backend()) as page:
            await listening(node)
            vars(node).update(trouble)
            began = time.monotonic()
            await eventually(lambda: page.picture.problem)
            assert time.monotonic() - began < 2.0
            vars(node).update(delay_s=0.0, drip=False, raw=None)
            await eventually(lambda: not page.picture.problem)


async def test_a_node_that_is_away_delays_no_other():
    with fake_node() as node:
        away = Backend(name="away", url="http://127.0.0.1:9")
        async with Page(node.backend(), away) as page:
            await listening(node)
            node.tables["calls"] = [call("a", "4711")]
            await eventually(lambda: page.numbers() == ["4711"], 0.4)
            assert page.watch.pictures[1].problem == "cannot be reached"


async def test_a_drain_is_followed_without_an_event():
    with fake_node() as node:
        dict.__setitem__(node.tables, "rtpmanagers", [rtp_manager()])
        async with Page(node.backend()) as page:
            await listening(node)
            node.drains["rtp-1"] = {"state": "draining", "total_sessions": 4, "migrated_count": 2}
            dict.__setitem__(node.tables, "rtpmanagers", [rtp_manager(drain_state="draining")])
            await eventually(lambda: "drain" in page.picture.rows[PULSE][0], 2.0)
            assert page.picture.rows[PULSE][0]["drain"]["migrated_count"] == 2
