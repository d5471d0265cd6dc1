# SPDX-License-Identifier: Apache-2.0
"""Limits that two nodes hold together through a real Redis, and each alone without it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from signaling.guard import GuardConfig, Identity, MemoryGuard
from signaling.redis_link import RedisConfig, RedisLink
from signaling.shared import limits
from signaling.shared.limits import SharedLimits
from signaling.sip import Flow
from tests.redis_server import RedisServer, redis_process, redis_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.redis

ATTACKER = Flow("udp", ("203.0.113.9", 5060), ("192.0.2.1", 5060))
SOMEBODY = Flow("udp", ("198.51.100.7", 5060), ("192.0.2.1", 5060))
ALICE = Identity("alice-id", True)


class Node:
    """A guard whose limits are shared."""

    def __init__(self, server: RedisServer) -> None:
        self.link = RedisLink(RedisConfig(host="127.0.0.1", port=server.port))
        self.limits = SharedLimits(self.link, now=time.monotonic)
        config = GuardConfig(
            auth_failures_per_minute=5, password_guesses_per_day=12, requests_per_second_per_source=50
        )
        self.guard = MemoryGuard(config, self.limits.limiter)

    def fail(self, times: int, flow: Flow = ATTACKER) -> None:
        for _ in range(times):
            self.guard.failed(flow, ALICE, time.monotonic())

    def may_try(self, flow: Flow = ATTACKER) -> bool:
        return self.guard.may_try(flow, ALICE, time.monotonic())

    def admits(self) -> bool:
        return self.guard.admit(b"INVITE", ATTACKER, time.monotonic())


@pytest.fixture
async def nodes(redis_server: RedisServer) -> AsyncIterator[tuple[Node, Node]]:  # noqa: F811
    one, two = Node(redis_server), Node(redis_server)
    for node in (one, two):
        await node.link.start()
        node.limits.start()
    yield one, two
    for node in (one, two):
        await node.limits.stop()
        await node.link.stop()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - whatever the condition is, nobody announces it
            await asyncio.sleep(0.01)


async def test_failures_at_one_node_count_at_the_other(nodes, redis_server):  # noqa: F811
    one, two = nodes
    one.fail(4)
    key = "ratelimit:failures:203.0.113.9"
    with redis_server.client() as client:
        await until(lambda: client.get(key) == "4")
        assert 50 < client.ttl(key) <= 62
    assert two.may_try()
    two.fail(1)
    await until(lambda: not two.may_try())
    assert two.may_try(SOMEBODY)


async def test_who_is_refused_at_one_node_is_refused_at_another_that_it_never_asked(nodes, redis_server):  # noqa: F811
    one, two = nodes
    one.fail(5)
    assert two.may_try()
    await until(lambda: not two.may_try())
    assert two.may_try(SOMEBODY)
    with redis_server.client() as client:
        assert 0 < client.ttl("limits:empty") <= 10


async def test_a_limit_holds_on_average_however_fast_both_are_asked(nodes):
    """Each lets a burst pass before it hears of the other's; what was too much is made up for."""
    limiters = [node.limits.limiter("user-calls", burst=5, per_s=5, max_keys=10) for node in nodes]
    begun, passed = time.monotonic(), 0
    while (spent_s := time.monotonic() - begun) < 4:
        passed += sum(limiter.take("alice", time.monotonic()) for limiter in limiters)
        await asyncio.sleep(0.01)
    assert 5 * spent_s - 5 <= passed <= 5 * spent_s + 2 * 5


async def test_guesses_at_one_user_from_many_addresses_count_together(nodes):
    one, two = nodes
    for number in range(7):
        one.fail(1, ATTACKER._replace(remote=(f"203.0.113.{number}", 5060)))
    two.fail(1, SOMEBODY)
    await until(lambda: not two.may_try(SOMEBODY))


async def test_a_flood_is_bounded_over_all_nodes(nodes):
    one, two = nodes
    while one.admits():
        pass
    assert sum(two.admits() for _ in range(10)) == 10
    await until(lambda: not two.admits())


async def test_no_event_is_charged_twice(nodes, redis_server):  # noqa: F811
    one, two = nodes
    with redis_server.client() as client:
        one.fail(1)
        await until(lambda: client.get("ratelimit:failures:203.0.113.9") == "1")
        two.fail(1)
        await until(lambda: client.get("ratelimit:failures:203.0.113.9") == "2")
        one.fail(1)
        await until(lambda: client.get("ratelimit:failures:203.0.113.9") == "3")
    await asyncio.sleep(0.2)
    # Three of five were used, and three are known to the first node.
    one.fail(1)
    assert one.may_try()
    one.fail(1)
    assert not one.may_try()


async def test_what_redis_counted_without_an_answer_in_time_is_not_charged_again(
    nodes,
    redis_server,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr(limits, "ANSWER_S", 0.1)
    one, two = nodes
    key = "ratelimit:failures:203.0.113.9"
    with redis_server.client() as client:
        with redis_server.frozen():
            one.fail(1)
            await asyncio.sleep(0.4)
        await until(lambda: client.get(key) == "1")
        assert one.link.connected
        one.fail(1)
        await until(lambda: client.get(key) == "2")
        await asyncio.sleep(0.2)
        one.fail(2)
        # Four of five were used, and each was charged once.
        assert one.may_try()
        await until(lambda: client.get(key) == "4")
        two.fail(1)
    # What others let pass since counts.
    await until(lambda: not one.may_try())


async def test_without_redis_each_node_holds_its_limits_alone(nodes, redis_server):  # noqa: F811
    one, two = nodes
    redis_server.kill()
    await until(lambda: not one.link.connected and not two.link.connected)
    one.fail(5)
    two.fail(4)
    await asyncio.sleep(0.6)
    assert (one.may_try(), two.may_try()) == (False, True)
    redis_server.start()
    await until(lambda: two.link.connected)
    two.fail(1)
    assert not two.may_try()
