# SPDX-License-Identifier: Apache-2.0
import asyncio

import pytest

from media.control.control_clients import ControlClient, ControlClients
from media.control.gen import rtpmanager_pb2 as pb
from media.control.media_events import MediaInactive, MediaStarted
from media.control.tests.harness import until


class Writer:
    """A stream that remembers, and blocks while `may_write` is unset."""

    def __init__(self):
        self.batches = []
        self.may_write = asyncio.Event()
        self.may_write.set()

    async def write(self, batch):
        await self.may_write.wait()
        self.batches.append(batch)

    @property
    def silent_ms(self):
        return [event.media_inactive.silent_ms for batch in self.batches for event in batch.events]


@pytest.fixture
async def writer():
    return Writer()


@pytest.fixture
async def client(writer):
    made = ControlClient("c", 3, asyncio.get_running_loop())
    made.connect(writer)
    return made


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_urgent_events_leave_at_once(client, writer):
    client.push(MediaInactive("s", 1))
    client.push(MediaInactive("s", 2))
    await settle()
    assert writer.silent_ms == [1, 2]
    assert len(writer.batches) == 1


async def test_other_events_travel_with_the_next_replies(client, writer):
    client.push(MediaStarted("s"))
    await settle()
    assert writer.batches == []
    await client.reply(pb.ControlReplyBatch(batch_id=5))
    (batch,) = writer.batches
    assert (batch.batch_id, batch.events[0].media_started.session_id) == (5, "s")


async def test_other_events_leave_by_themselves_in_the_end(client, writer, monkeypatch):
    monkeypatch.setattr("media.control.control_clients.LAZY_EVENT_S", 0.001)
    client.push(MediaStarted("s"))
    await until(lambda: writer.batches)


async def test_the_oldest_events_are_dropped_when_nobody_reads(client, writer):
    writer.may_write.clear()
    replying = asyncio.create_task(client.reply(pb.ControlReplyBatch(batch_id=1)))
    await settle()
    for number in range(5):
        client.push(MediaInactive("s", number))
    writer.may_write.set()
    await replying
    await settle()
    assert writer.silent_ms == [2, 3, 4]


async def test_an_older_stream_that_ends_does_not_take_the_newer_with_it(client, writer):
    newer = Writer()
    client.connect(newer)
    assert not client.disconnect(writer)
    client.push(MediaInactive("s", 1))
    await settle()
    assert newer.silent_ms == [1]
    assert client.disconnect(newer)


async def test_a_client_is_forgotten_after_a_long_absence(monkeypatch):
    clients = ControlClients(10, asyncio.get_running_loop())
    writer = Writer()
    first = clients.get("c")
    first.connect(writer)
    assert clients.is_present("c")
    first.disconnect(writer)
    assert not clients.is_present("c")
    assert clients.get("c") is first
    monkeypatch.setattr("media.control.control_clients.ABSENCE_S", -1.0)
    assert clients.get("c") is not first


async def test_events_of_nobody_are_dropped():
    clients = ControlClients(10, asyncio.get_running_loop())
    clients.emit("unknown", MediaStarted("s"))
    assert not clients.is_present("unknown")
