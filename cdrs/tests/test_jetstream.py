# SPDX-License-Identifier: Apache-2.0
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest

from cdrs.delivery import Deliverer, SinkUnavailable
from cdrs.jetstream import JetStreamSink
from cdrs.nats_link import STREAM, SUBJECT
from cdrs.record import CallRecord
from cdrs.tests.conftest import JournalWriter, RecordMaker, wait_until
from tests.nats import NatsServer, find_server, nats_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.nats


@pytest.fixture
def server(nats_server: NatsServer) -> NatsServer:  # noqa: F811
    """A running server without streams."""
    nats_server.stop()
    nats_server.lose_store()
    nats_server.start()
    return nats_server


@pytest.fixture
def sink(server: NatsServer) -> Iterator[JetStreamSink]:
    made = JetStreamSink(server.url, ack_timeout_s=1.0)
    yield made
    made.close()


def in_stream(server: NatsServer) -> list[CallRecord]:
    """Return what the stream holds, in its order."""

    async def read() -> list[CallRecord]:
        client = await nats.connect(server.url)
        try:
            stream = client.jetstream()
            state = (await stream.stream_info(STREAM)).state
            numbers = range(state.first_seq, state.last_seq + 1)
            messages = [await stream.get_msg(STREAM, seq=number) for number in numbers]
            assert all(message.subject == SUBJECT for message in messages)
            return [CallRecord.from_json(message.data or b"") for message in messages]
        finally:
            await client.close()

    return asyncio.run(read())


def manage_stream(server: NatsServer, **config: Any) -> None:
    """Make the stream by hand, with limits of its own."""

    async def make() -> None:
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(name=STREAM, subjects=[SUBJECT], **config)
        await client.close()

    asyncio.run(make())


def test_it_stores_records_in_the_stream_in_their_order(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker
) -> None:
    records = [make_ended(metadata={"n": number}) for number in range(300)]
    assert sink.deliver(records[:200]) == [] and sink.deliver(records[200:]) == []
    assert in_stream(server) == records


def test_a_record_that_is_published_again_is_stored_once(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker
) -> None:
    records = [make_ended() for _ in range(20)]
    for _ in range(3):
        assert sink.deliver(records) == []
    assert in_stream(server) == records


def test_a_record_that_is_too_large_is_refused_alone(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker
) -> None:
    small, large = make_ended(), make_ended(metadata={"x": "x" * 2_000_000})
    (rejected,) = sink.deliver([large, small])
    assert rejected.record is large and "larger" in rejected.reason
    assert in_stream(server) == [small]


def test_a_server_that_is_down_is_reported_in_a_sentence(server: NatsServer, make_ended: RecordMaker) -> None:
    sink = JetStreamSink(server.url)
    server.stop()
    try:
        with pytest.raises(SinkUnavailable, match=r"refused|Connect call failed|no servers"):
            sink.deliver([make_ended()])
    finally:
        server.start()
    record = make_ended()
    wait_until(lambda: delivers(sink, [record]))
    sink.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_it_goes_on_after_a_restart_of_the_server(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker, end: str
) -> None:
    records = [make_ended() for _ in range(3)]
    sink.deliver(records[:1])
    getattr(server, end)()
    with pytest.raises(SinkUnavailable):
        sink.deliver(records[1:])
    server.start()
    wait_until(lambda: delivers(sink, records[1:]))
    assert in_stream(server) == records


def delivers(sink: JetStreamSink, records: list[CallRecord]) -> bool:
    try:
        return sink.deliver(records) == []
    except SinkUnavailable:
        return False


def test_a_frozen_server_is_waited_for_and_no_record_is_doubled(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker
) -> None:
    records = [make_ended() for _ in range(5)]
    sink.deliver(records[:1])
    with server.frozen(), pytest.raises(SinkUnavailable, match="no answer"):
        sink.deliver(records)
    wait_until(lambda: delivers(sink, records))
    assert in_stream(server) == records


def test_a_stream_that_was_lost_is_made_again(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker
) -> None:
    sink.deliver([make_ended()])
    server.kill()
    server.lose_store()
    server.start()
    record = make_ended()
    wait_until(lambda: delivers(sink, [record]))
    assert in_stream(server) == [record]


def test_records_stay_in_the_journal_while_the_stream_is_full(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker
) -> None:
    manage_stream(server, max_msgs=3, discard=nats.js.api.DiscardPolicy.NEW)
    assert sink.deliver([make_ended() for _ in range(3)]) == []
    with pytest.raises(SinkUnavailable, match="maximum messages"):
        sink.deliver([make_ended()])


def test_a_server_without_jetstream_is_told_of_as_such(make_ended: RecordMaker) -> None:
    program = find_server()
    assert program is not None
    plain = NatsServer(program, jetstream=False)
    plain.start()
    sink = JetStreamSink(plain.url, ack_timeout_s=2.0)
    try:
        with pytest.raises(SinkUnavailable, match="does not run JetStream"):
            sink.deliver([make_ended()])
    finally:
        sink.close()
        plain.remove()


def test_a_journal_is_emptied_into_the_stream(
    tmp_path: Path,
    server: NatsServer,
    make_ended: RecordMaker,
    write_journal: JournalWriter,
) -> None:
    records = [make_ended() for _ in range(50)]
    write_journal(records, per_segment=20)
    deliverer = Deliverer(
        tmp_path, JetStreamSink(server.url, ack_timeout_s=1.0), batch_size=8, gather_s=0.0, poll_s=0.01
    )
    deliverer.start()
    wait_until(lambda: deliverer.delivered == 50)
    server.kill()
    write_journal(more := [make_ended() for _ in range(30)], per_segment=30)
    wait_until(lambda: deliverer.problem is not None)
    assert "NATS JetStream" in (deliverer.problem or "")
    server.start()
    wait_until(lambda: deliverer.delivered == 80)
    deliverer.stop()
    assert in_stream(server) == records + more


def test_what_is_published_is_the_record_as_the_journal_has_it(
    sink: JetStreamSink, server: NatsServer, make_ended: RecordMaker
) -> None:
    record = make_ended(caller_name="Zoë")
    sink.deliver([record])

    async def read() -> dict[str, Any]:
        client = await nats.connect(server.url)
        message = await client.jetstream().get_last_msg(STREAM, SUBJECT)
        await client.close()
        assert message.headers == {"Nats-Msg-Id": record.id, "Nats-Expected-Stream": STREAM}
        content: dict[str, Any] = json.loads(message.data or b"")
        return content

    assert asyncio.run(read())["caller_name"] == "Zoë"
