# SPDX-License-Identifier: Apache-2.0
"""The connection to Redis, against a real server that is late, killed, frozen and emptied."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from signaling import redis_link
from signaling.redis_link import RedisConfig, RedisLink
from tests.redis_server import RedisServer, redis_process, redis_server, running_redis  # noqa: F401 - fixtures

pytestmark = pytest.mark.redis

PATIENCE_S = 10.0
READ_S = 2.0


def config_of(server: RedisServer, password: str = "") -> RedisConfig:
    return RedisConfig(host="127.0.0.1", port=server.port, password=password)


@pytest.fixture
async def link(redis_server: RedisServer) -> AsyncIterator[RedisLink]:  # noqa: F811
    link = RedisLink(config_of(redis_server), answer_s=0.3)
    await link.start()
    yield link
    await link.stop()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - whatever the condition is, nobody announces it
            await asyncio.sleep(0.01)


async def test_it_reads_what_it_wrote(link):
    link.write(("HSET", "reg:sip:a@b", "contact", "é", "n", 5), ("EXPIRE", "reg:sip:a@b", 60))
    await until(lambda: link.written == 2)
    assert await link.read(("HGET", "reg:sip:a@b", "contact"), ("TTL", "reg:sip:a@b"), timeout_s=READ_S) == [
        "é".encode(),
        60,
    ]


async def test_a_read_goes_together_with_the_writes_before_it(link):
    link.write(*(("SET", f"key{n}", n) for n in range(1000)))
    assert await link.read(("PING",), timeout_s=READ_S) == [b"PONG"]
    await until(lambda: link.written == 1000)
    assert await link.read(("GET", "key999"), timeout_s=READ_S) == [b"999"]
    assert link.queued == 0


async def test_a_refused_command_is_counted_and_harms_no_other(link):
    with capture_logs() as logs:
        link.write(("SET", "text", "x"), ("HSET", "text", "a", "b"), ("INCR", "text"), ("SET", "other", "y"))
        await until(lambda: link.written == 4)
        assert await link.read(("HGETALL", "text"), timeout_s=READ_S) is None
        assert await link.read(("GET", "other"), timeout_s=READ_S) == [b"y"]
    assert link.refused == 3
    assert [line["event"] for line in logs] == ["redis.refused"]
    assert link.problem is None


@pytest.mark.parametrize(
    ("refuse", "accept"),
    [
        (
            ["CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1"],
            ["CONFIG SET maxmemory 128mb", "CONFIG SET maxmemory-policy allkeys-lru"],
        ),
        (["REPLICAOF 127.0.0.1 1"], ["REPLICAOF NO ONE"]),
    ],
)
async def test_a_server_that_takes_no_writes_is_told_of_and_gets_all_when_it_takes_them(
    link,
    redis_server,  # noqa: F811
    monkeypatch,
    refuse,
    accept,
):
    monkeypatch.setattr(redis_link, "SETTLED_S", 0.0)
    link.on_connect.append(lambda: link.write(("SET", "state", "anew")))
    client = redis_server.client()
    with capture_logs() as logs:
        for command in refuse:
            client.execute_command(*command.split())
        link.write(("SET", "lost", "x"))
        await until(lambda: link.problem)
        assert link.connected
        assert await link.read(("GET", "lost"), timeout_s=READ_S) == [None]
        for command in accept:
            client.execute_command(*command.split())
        link.write(("SET", "key", "y"))
        await until(lambda: client.get("state") == "anew")
    assert link.problem is None
    assert [line["event"] for line in logs] == ["redis.refused", "redis.takes_writes"]


async def test_a_command_that_cannot_be_said_is_dropped(link):
    with capture_logs() as logs:
        link.write(("SET", "key", None), ("SET", "key", "good"))
    await until(lambda: link.written == 1)
    assert (link.dropped, [line["event"] for line in logs]) == (1, ["redis.bad_command"])


async def test_without_redis_nothing_waits(redis_server):  # noqa: F811
    redis_server.kill()
    link = RedisLink(config_of(redis_server), max_queued=10)
    with capture_logs() as logs:
        await link.start()
        assert await link.read(("PING",), timeout_s=READ_S) is None
        link.write(*(("SET", "key", n) for n in range(15)))
        await asyncio.sleep(0.5)
    await link.stop()
    assert [line["event"] for line in logs] == ["redis.away"]
    assert (link.dropped, link.queued, link.outages, link.late) == (5, 10, 1, 0)
    assert "refused" in (link.problem or "").lower() or "connect" in (link.problem or "").lower()


async def test_what_waited_is_written_when_it_comes_late(redis_server):  # noqa: F811
    redis_server.kill()
    link = RedisLink(config_of(redis_server))
    await link.start()
    link.write(("SET", "key", "first"), ("SET", "key", "last"))
    redis_server.start()
    await until(lambda: link.written == 2)
    assert redis_server.client().get("key") == "last"
    await link.stop()


async def test_owners_are_told_of_each_connection_after_a_crash(link, redis_server):  # noqa: F811
    link.on_connect.append(lambda: link.write(("SET", "state", "anew")))
    with capture_logs() as logs:
        redis_server.restart()
        await until(lambda: link.written == 1)
    assert redis_server.client().get("state") == "anew"
    assert [line["event"] for line in logs] == ["redis.away", "redis.connected"]


async def test_an_owner_that_fails_does_not_keep_others_from_being_told(redis_server):  # noqa: F811
    link = RedisLink(config_of(redis_server))
    told = []

    def broken() -> None:
        raise RuntimeError("oops")

    link.on_connect += [broken, lambda: told.append("other")]
    with capture_logs() as logs:
        await link.start()
    await link.stop()
    assert told == ["other"]
    assert "redis.owner_failed" in [line["event"] for line in logs]


async def test_a_frozen_server_delays_a_read_by_its_time_only(link, redis_server):  # noqa: F811
    loop = asyncio.get_running_loop()
    with capture_logs() as logs, redis_server.frozen():
        begun = loop.time()
        assert await link.read(("PING",), timeout_s=0.05) is None
        took_s = loop.time() - begun
        link.write(("SET", "while", "frozen"))
        await until(lambda: not link.connected)
        begun = loop.time()
        assert await link.read(("PING",), timeout_s=READ_S) is None
        took_away_s = loop.time() - begun
        await asyncio.sleep(0.3)
    assert 0.04 < took_s < 1.0
    assert took_away_s < 0.05
    with capture_logs() as later:
        await until(lambda: link.connected and link.written == 1)
    assert redis_server.client().get("while") == "frozen"
    assert [line["event"] for line in [*logs, *later]] == ["redis.away", "redis.connected"]
    assert link.late == 1


async def test_an_idle_connection_is_tried(link, redis_server, monkeypatch):  # noqa: F811
    monkeypatch.setattr(redis_link, "PING_S", 0.05)
    redis_server.kill()
    await until(lambda: not link.connected)


async def test_a_stop_writes_what_waits(redis_server):  # noqa: F811
    link = RedisLink(config_of(redis_server))
    await link.start()
    link.write(*(("SET", f"key{n}", n) for n in range(700)))
    await link.stop()
    assert redis_server.client().dbsize() == 700


@pytest.mark.parametrize(("password", "connected"), [("sesame", True), ("wrong", False), ("", False)])
async def test_the_password_must_be_right(password, connected):
    with running_redis(password="sesame") as server:
        link = RedisLink(config_of(server, password))
        await link.start()
        assert link.connected is connected
        assert connected or any(word in (link.problem or "") for word in ("password", "Authentication"))
        await link.stop()


async def test_something_that_is_no_redis_is_away():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        link = RedisLink(RedisConfig(host="127.0.0.1", port=silent.getsockname()[1]))
        begun = asyncio.get_running_loop().time()
        await link.start()
        assert asyncio.get_running_loop().time() - begun < 2.0
        assert not link.connected
        await link.stop()
