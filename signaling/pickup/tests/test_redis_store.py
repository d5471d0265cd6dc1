# SPDX-License-Identifier: Apache-2.0
"""Calls kept in Redis, against a real server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from cdrs.record import CallRecord
from signaling.pickup import redis_store as module
from signaling.pickup.redis_store import RedisStore
from signaling.pickup.tests.node import NOW, record
from signaling.redis_link import RedisConfig, RedisLink
from tests.redis_server import RedisServer, redis_process, redis_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.redis


class FakeCall:
    def __init__(self, of: CallRecord) -> None:
        self.record = of


@pytest.fixture
async def link(redis_server: RedisServer) -> AsyncIterator[RedisLink]:  # noqa: F811
    link = RedisLink(RedisConfig(host="127.0.0.1", port=redis_server.port), answer_s=0.3)
    await link.start()
    yield link
    await link.stop()


def store_of(link: RedisLink, node_id: str = "sip-1", *, calls: tuple[Any, ...] = ()) -> RedisStore:
    return RedisStore(
        link,
        node_id,
        calls=lambda: calls,
        describe=lambda call: "as it is now",
        away_s=300,
        loop=asyncio.get_running_loop(),
        clock=lambda: NOW,
    )


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.01)


def other() -> CallRecord:
    return record(id="018bcfe5-6800-7000-8000-000000000002", call_id="call-2")


async def test_a_later_process_of_the_same_node_finds_the_calls(link):
    store = store_of(link)
    store.put(record(), "first")
    store.put(record(), "second")
    store.put(other(), "other")
    await until(lambda: link.queued == 0 and link.written == 10)
    found = {call.record.call_id: call for call in await store_of(link).load()}
    assert found["call-A"].record == record()
    assert {call_id: call.state for call_id, call in found.items()} == {"call-A": "second", "call-2": "other"}
    assert all(NOW - 1 <= call.last_sign <= NOW for call in found.values())


async def test_another_node_finds_none_of_them(link, redis_server):  # noqa: F811
    store_of(link).put(record(), "state")
    assert await store_of(link, "sip-2").load() == []
    await until(lambda: link.written == 4)
    redis_server.client().sadd("calls:sip-2", "call:call-A")
    assert await store_of(link, "sip-2").load() == []


async def test_every_key_expires_and_an_ended_call_is_gone_at_once(link, redis_server):  # noqa: F811
    store = store_of(link)
    store.put(record(), "state")
    store.put(other(), "state")
    await until(lambda: link.written == 8)
    client = redis_server.client()
    assert all(300 < client.ttl(key) <= 420 for key in client.keys("*"))
    store.remove(record())
    store.remove(record(id="never kept"))
    await until(lambda: link.written == 10)
    assert sorted(client.keys("*")) == ["call:call-2", "calls:sip-1"]


async def test_it_renews_what_lives(link, redis_server, monkeypatch):  # noqa: F811
    monkeypatch.setattr(module, "SIGN_S", 0.02)
    monkeypatch.setattr(module, "RENEW_S", 0.02)
    store = store_of(link)
    store.put(record(), "state")
    await until(lambda: link.written == 4)
    client = redis_server.client()
    for key in ("call:call-A", "calls:sip-1"):
        client.expire(key, 5)
    store.start()
    await until(lambda: min(client.ttl("call:call-A"), client.ttl("calls:sip-1")) > 100)
    store.stop()


async def test_it_writes_the_calls_anew_when_redis_came_back_empty(link, redis_server):  # noqa: F811
    calls = (FakeCall(record()), FakeCall(other()))
    store = store_of(link, calls=calls)
    store.start()
    store.put(record(), "state")
    await until(lambda: link.written == 4)
    redis_server.restart()
    await until(lambda: link.outages == 1 and link.connected and link.written > 8)
    found = await store_of(link).load()
    assert {call.record.call_id: call.state for call in found} == {
        "call-A": "as it is now",
        "call-2": "as it is now",
    }
    store.stop()


async def test_a_call_that_ends_before_it_is_written_anew_is_gone_from_a_redis_that_lost_nothing(
    link,
    redis_server,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr(module, "MOST_QUEUED", 0)
    store = store_of(link, calls=(FakeCall(other()),))
    store.put(record(), "state")
    store.put(other(), "state")
    await until(lambda: link.written == 8)
    store.start()
    link.lost_keys()
    link.lost_keys()
    store.remove(record())
    store.stop()
    client = redis_server.client()
    await until(lambda: sorted(client.keys("*")) == ["call:call-2", "calls:sip-1"])
    assert [call.record.call_id for call in await store_of(link).load()] == ["call-2"]


async def test_what_somebody_else_wrote_there_is_left_out(link, redis_server):  # noqa: F811
    store_of(link).put(record(), "state")
    await until(lambda: link.written == 4)
    client = redis_server.client()
    client.hset("call:x", mapping={"node": "sip-1", "record": "{}", "state": "s"})
    client.sadd("calls:sip-1", "call:x", "call:gone")
    assert [call.record.call_id for call in await store_of(link).load()] == ["call-A"]


async def test_without_redis_there_is_nothing_and_nothing_fails(link, redis_server):  # noqa: F811
    redis_server.kill()
    await until(lambda: not link.connected)
    store = store_of(link)
    store.put(record(), "state")
    assert await store.load() == []


async def test_a_process_whose_journal_knows_better_forgets_them(link):
    store_of(link).put(record(), "state")
    store = store_of(link)
    store.forget_earlier()
    await until(lambda: link.queued == 0)
    assert await store.load() == []
