# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.errors import NotFoundError

from cdrs.consumer import Consumer, ConsumerOptions
from cdrs.dead_letters import DeadLetters
from cdrs.delivery import Rejected, SinkUnavailable
from cdrs.jetstream import JetStreamSink
from cdrs.nats_link import CONSUMER, STREAM, SUBJECT
from cdrs.record import CallRecord
from cdrs.tests.conftest import RecordMaker, until
from cdrs.trimmer import EVERY_S, Trimmer
from tests.nats import NatsServer, nats_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.nats


class ListSink:
    """A sink that keeps records by id, and can be away, hang, or refuse some."""

    name = "the list"

    def __init__(self) -> None:
        self.kept: dict[str, CallRecord] = {}
        self.deliveries = 0
        self.is_away = False
        self.refused_names: frozenset[str] = frozenset()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.is_closed = False

    def deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        self.deliveries += 1
        self.may_go_on.wait(30)
        if self.is_away:
            raise SinkUnavailable("away")
        refused = [record for record in records if record.caller_name in self.refused_names]
        self.kept.update((record.id, record) for record in records if record not in refused)
        return [Rejected(record, "refused") for record in refused]

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def server(nats_server: NatsServer) -> NatsServer:  # noqa: F811
    """A running server without streams."""
    nats_server.stop()
    nats_server.lose_store()
    nats_server.start()
    return nats_server


@pytest.fixture
def publish(server: NatsServer) -> Iterator[Callable[[list[CallRecord]], Awaitable[None]]]:
    """Publish records as a signaling node does."""
    sink = JetStreamSink(server.url)

    async def publish(records: list[CallRecord]) -> None:
        assert await asyncio.to_thread(sink.deliver, records) == []

    yield publish
    sink.close()


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    return tmp_path / "dead-letters.jsonl"


Running = Callable[..., Any]


@pytest.fixture
def running(server: NatsServer, letters: Path, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Return a context in which a consumer runs."""
    monkeypatch.setattr("cdrs.consumer.FETCH_S", 0.2)
    monkeypatch.setattr("cdrs.consumer.STOP_GRACE_S", 0.3)

    @asynccontextmanager
    async def run(sink: ListSink, **options: Any) -> AsyncIterator[Consumer]:
        consumer = Consumer(server.url, sink, DeadLetters(letters), ConsumerOptions(**options))
        task = asyncio.create_task(consumer.run())
        try:
            yield consumer
        finally:
            consumer.stop()
            await asyncio.wait_for(task, 10)

    return run


def read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


async def state(server: NatsServer) -> tuple[int, int]:
    """Return how many messages are not delivered, and how many are not acknowledged."""
    client = await nats.connect(server.url)
    info = await client.jetstream().consumer_info(STREAM, CONSUMER)
    await client.close()
    return info.num_pending or 0, info.num_ack_pending or 0


async def is_done(server: NatsServer) -> bool:
    try:
        return await state(server) == (0, 0)
    except NotFoundError:
        return False


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await check():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.02)


async def test_it_stores_what_is_published_and_acknowledges_it(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    records, sink = [make_ended() for _ in range(120)], ListSink()
    await publish(records[:100])
    async with running(sink, batch_size=30):
        await until(lambda: len(sink.kept) == 100)
        await publish(records[100:])
        await until(lambda: len(sink.kept) == 120)
        await eventually(lambda: is_done(server))
    assert list(sink.kept.values()) == records and sink.is_closed


async def test_it_waits_for_a_database_that_is_away(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    sink = ListSink()
    sink.is_away = True
    await publish([make_ended() for _ in range(40)])
    async with running(sink, batch_size=10) as consumer:
        await until(lambda: consumer.problem == "the list: away")
        assert (await state(server))[1] > 0
        sink.is_away = False
        await until(lambda: len(sink.kept) == 40)
        assert consumer.problem is None
        await eventually(lambda: is_done(server))


async def test_it_acknowledges_nothing_that_is_not_stored(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    away = ListSink()
    away.is_away = True
    await publish([make_ended() for _ in range(5)])
    async with running(away, batch_size=2):
        await until(lambda: away.deliveries > 1)
    assert sum(await state(server)) == 5


async def test_what_was_fetched_and_not_stored_is_for_the_next_one_at_once(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    hanging, sink = ListSink(), ListSink()
    await publish([make_ended() for _ in range(4)])
    hanging.may_go_on.clear()
    async with running(hanging, batch_size=2):
        await until(lambda: hanging.deliveries == 1)
        await asyncio.sleep(0.3)
    async with running(sink, batch_size=10):
        await until(lambda: len(sink.kept) == 2)
    hanging.may_go_on.set()


async def test_a_stop_does_not_wait_for_a_database_that_hangs(
    publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    sink = ListSink()
    sink.may_go_on.clear()
    await publish([make_ended()])
    async with running(sink):
        await until(lambda: sink.deliveries == 1)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    sink.may_go_on.set()


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_it_goes_on_after_a_restart_of_the_server(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker, end: str
) -> None:
    sink = ListSink()
    await publish([make_ended() for _ in range(10)])
    async with running(sink, batch_size=5) as consumer:
        await until(lambda: len(sink.kept) == 10)
        getattr(server, end)()
        await until(lambda: consumer.problem is not None)
        server.start()
        later = JetStreamSink(server.url)
        await asyncio.to_thread(later.deliver, [make_ended() for _ in range(10)])
        later.close()
        await until(lambda: len(sink.kept) == 20 and consumer.problem is None, timeout_s=20)


async def test_it_starts_before_the_server_does(
    server: NatsServer, running: Running, make_ended: RecordMaker
) -> None:
    sink = ListSink()
    server.stop()
    async with running(sink) as consumer:
        await until(lambda: consumer.problem is not None)
        server.start()
        await until(lambda: consumer.problem is None, timeout_s=20)


async def test_it_goes_on_after_the_server_was_frozen(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    sink = ListSink()
    async with running(sink, batch_size=5):
        await publish([make_ended()])
        await until(lambda: len(sink.kept) == 1)
        with server.frozen():
            await asyncio.sleep(1)
        await publish([make_ended() for _ in range(10)])
        await until(lambda: len(sink.kept) == 11, timeout_s=20)


async def test_it_makes_a_stream_that_was_lost_again(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    sink = ListSink()
    async with running(sink):
        await publish([make_ended()])
        await until(lambda: len(sink.kept) == 1)
        server.kill()
        server.lose_store()
        server.start()
        fresh = JetStreamSink(server.url)
        await asyncio.to_thread(fresh.deliver, [make_ended()])
        fresh.close()
        await until(lambda: len(sink.kept) == 2, timeout_s=30)


async def test_what_can_never_be_stored_is_kept_apart_and_holds_up_nothing(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker, letters: Path
) -> None:
    sink = ListSink()
    sink.refused_names = frozenset(["Bad"])
    good, bad = make_ended(), make_ended(caller_name="Bad")
    await publish([bad, good])
    client = await nats.connect(server.url)
    await client.jetstream().publish(SUBJECT, b"no record")
    await client.close()
    async with running(sink, batch_size=2) as consumer:
        await until(lambda: consumer.rejected == 2 and len(sink.kept) == 1)
        await eventually(lambda: is_done(server))
    kept = [json.loads(line) for line in read_lines(letters)]
    assert [letter["reason"] for letter in kept] == ["refused", "not JSON"]
    assert CallRecord.from_json(kept[0]["line"]) == bad


async def test_several_share_the_work(publish: Any, running: Running, make_ended: RecordMaker) -> None:
    one, other = ListSink(), ListSink()
    records = [make_ended() for _ in range(400)]
    async with running(one, batch_size=20), running(other, batch_size=20):
        for start in range(0, 400, 50):
            await publish(records[start : start + 50])
        await until(lambda: len(one.kept) + len(other.kept) == 400)
    assert one.kept.keys() | other.kept.keys() == {record.id for record in records}


async def test_it_ends_by_itself_when_nothing_more_comes(
    server: NatsServer, publish: Any, make_ended: RecordMaker, letters: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdrs.consumer.FETCH_S", 0.2)
    sink = ListSink()
    await publish([make_ended() for _ in range(7)])
    options = ConsumerOptions(batch_size=3, until_empty=True)
    await asyncio.wait_for(Consumer(server.url, sink, DeadLetters(letters), options).run(), 10)
    assert len(sink.kept) == 7 and await is_done(server)


async def test_what_every_consumer_took_is_removed_from_the_stream_after_a_while(
    server: NatsServer, publish: Any, running: Running, make_ended: RecordMaker
) -> None:
    sink = ListSink()
    await publish([make_ended() for _ in range(6)])
    async with running(sink):
        await eventually(lambda: is_done(server))
    await publish([make_ended() for _ in range(2)])
    client = await nats.connect(server.url)
    stream, now = client.jetstream(), [0.0]
    trimmer = Trimmer(stream, keep_s=90, monotonic=lambda: now[0])

    async def left() -> int:
        await trimmer.trim_when_due()
        return (await stream.stream_info(STREAM)).state.messages

    assert await left() == 8
    now[0] = EVERY_S
    assert await left() == 8
    now[0] = 2 * EVERY_S
    assert await left() == 2
    now[0] = 20 * EVERY_S
    assert await left() == 2
    await client.close()
