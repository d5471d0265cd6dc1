# SPDX-License-Identifier: Apache-2.0
"""Bindings shared through a real Redis that is killed, frozen and emptied."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from signaling.binding import Binding
from signaling.location import Location
from signaling.redis_link import RedisConfig, RedisLink
from signaling.shared import location as shared_location
from signaling.shared.location import SharedLocation
from signaling.shared.tests.test_relay import PHONE, binding
from signaling.sip import SipUri
from tests.redis_server import RedisServer, redis_process, redis_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.redis

AOR = "sip:alice@example.org"


class Node:
    """A location that is shared."""

    def __init__(self, server: RedisServer, name: str) -> None:
        self.link = RedisLink(RedisConfig(host="127.0.0.1", port=server.port), answer_s=0.3)
        self.location = Location()
        self.shared = SharedLocation(
            self.link,
            self.location,
            node_id=name,
            address=lambda: ("192.0.2.1", 5060),
            now=time.monotonic,
        )

    async def contacts(self) -> list[str]:
        return [str(phone.contact) for phone in await self.shared.elsewhere("alice-id", AOR)]


def registered(**changes: Any) -> Binding:
    wall = time.time()
    contact = changes.pop("contact_text", "sip:alice@10.0.0.5:5060")
    fresh = dataclasses.replace(
        binding(PHONE),
        contact=SipUri.parse(contact),
        contact_text=contact,
        deadline=time.monotonic() + 100,
        expires_at=wall + 100,
        registered_at=wall,
        refreshed_at=wall,
    )
    changed: Binding = dataclasses.replace(fresh, **changes)
    return changed


@pytest.fixture
async def nodes(redis_server: RedisServer, monkeypatch: Any) -> AsyncIterator[tuple[Node, Node]]:  # noqa: F811
    monkeypatch.setattr(shared_location, "BEAT_S", 0.05)
    monkeypatch.setattr(shared_location, "LOOKUP_S", 1.0)
    one, two = Node(redis_server, "node-1"), Node(redis_server, "node-2")
    for node in (one, two):
        await node.link.start()
        node.shared.start()
    yield one, two
    for node in (one, two):
        await node.shared.stop()
        await node.link.stop()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - whatever the condition is, nobody announces it
            await asyncio.sleep(0.01)


async def settle(*nodes: Node) -> None:
    """Wait until everything that was written so far is in Redis."""
    for node in nodes:
        assert await node.link.read(("PING",), timeout_s=5) is not None


async def test_what_one_registers_the_other_finds_until_it_is_gone(nodes):
    one, two = nodes
    await settle(two)
    one.location.store(registered())
    await settle(one)
    (phone,) = await two.shared.elsewhere("alice-id", AOR)
    assert (phone.node_ip, phone.node_port, phone.source_ip) == ("192.0.2.1", 5060, "198.51.100.7")
    assert await one.contacts() == []
    one.location.remove(one.location.all(time.monotonic())[0])
    await settle(one)
    assert await two.contacts() == []


async def test_a_key_lives_no_longer_than_its_bindings(nodes, redis_server):  # noqa: F811
    one, _ = nodes
    one.location.store(registered())
    one.location.store(registered(contact_text="sip:alice@10.0.0.6", expires_at=time.time() + 30))
    await settle(one)
    assert 90 < redis_server.client().ttl(f"reg:{AOR}") <= 101


async def test_a_node_that_is_gone_takes_its_phones_along(nodes):
    one, two = nodes
    one.location.store(registered())
    await settle(one)
    assert await two.contacts()
    await one.shared.stop()
    await settle(one)
    assert await two.contacts() == []


async def test_where_a_phone_was_is_known_though_its_node_is_gone(nodes):
    one, two = nodes
    one.location.store(registered())
    await settle(one)
    await one.shared.stop()
    await settle(one)
    assert await two.shared.sources("alice-id", AOR) == {"198.51.100.7"}
    assert await two.shared.sources("somebody", AOR) == set()
    assert await one.shared.sources("alice-id", AOR) == set()


async def test_a_contact_that_registers_elsewhere_leaves_its_first_node(nodes):
    one, two = nodes
    one.location.store(registered(call_id="old"))
    await settle(one)
    two.location.store(registered(call_id="new"))
    await settle(two)
    await until(lambda: len(one.location) == 0)
    assert await one.contacts() == ["sip:alice@10.0.0.5:5060"]
    assert await two.contacts() == []
    await settle(one)
    assert await one.contacts(), "the first node's own removal takes nothing from the second"


@pytest.mark.parametrize("older", [{"call_id": "r", "cseq": 4}, {"call_id": "late", "refreshed_at": 1.0}])
async def test_an_older_registration_loses_against_a_newer_one(nodes, older):
    one, two = nodes
    one.location.store(registered(cseq=5))
    await settle(one)
    two.location.store(registered(**older))
    await settle(two)
    await until(lambda: len(two.location) == 0)
    assert len(one.location) == 1
    assert await two.contacts()


@pytest.mark.parametrize("contacts", [None, ["sip:alice@10.0.0.5:5060", "sip:alice@10.0.0.99"]])
async def test_a_phone_may_unregister_at_another_node(nodes, contacts):
    one, two = nodes
    one.location.store(registered())
    await settle(one)
    two.shared.withdraw(AOR, contacts, "other", 1)
    await settle(two)
    assert await two.contacts() == []
    await until(lambda: len(one.location) == 0)


async def test_an_unregistration_of_an_earlier_cseq_changes_nothing(nodes):
    one, two = nodes
    one.location.store(registered(cseq=5))
    await settle(one)
    two.shared.withdraw(AOR, None, "r", 4)
    two.shared.withdraw(AOR, ["sip:alice@10.0.0.6"], "r", 9)
    await settle(two)
    assert await two.contacts()


async def test_everything_is_written_anew_when_redis_comes_back_empty(nodes, redis_server):  # noqa: F811
    one, two = nodes
    for number in range(450):
        user = f"user-{number}"
        one.location.store(registered(user_id=user, aor=f"sip:{user}@example.org"))
    redis_server.restart()
    await until(lambda: one.link.connected and two.link.connected)
    with redis_server.client() as client:
        await until(lambda: len(client.keys("reg:*")) == 450)
        await until(lambda: client.exists("node:node-1"))
    assert len(await two.shared.elsewhere("user-7", "sip:user-7@example.org")) == 1


async def test_everything_is_written_anew_when_redis_was_emptied(nodes, redis_server):  # noqa: F811
    one, two = nodes
    told = []
    one.link.on_connect.append(lambda: told.append(1))
    one.location.store(registered())
    await settle(one, two)
    with redis_server.client() as client, capture_logs() as logs:
        await until(lambda: client.exists("node:node-1"))
        client.flushall()
        await until(lambda: client.exists(f"reg:{AOR}"))
        await asyncio.sleep(0.3)
    assert await two.contacts()
    assert told == [1]
    assert [line["event"] for line in logs] == ["redis.lost_keys"] * 2


async def test_a_binding_that_redis_dropped_for_want_of_memory_comes_back(
    redis_server,  # noqa: F811
    monkeypatch,
):
    monkeypatch.setattr(shared_location, "BEAT_S", 0.05)
    monkeypatch.setattr(shared_location, "RENEW_S", 0.3)
    one = Node(redis_server, "node-1")
    await one.link.start()
    one.shared.start()
    one.location.store(registered())
    with redis_server.client() as client:
        await until(lambda: client.exists(f"reg:{AOR}"))
        client.delete(f"reg:{AOR}")
        await until(lambda: client.exists(f"reg:{AOR}"))
    await one.shared.stop()
    await one.link.stop()


async def test_what_others_told_is_heard_though_redis_takes_no_writes(nodes, redis_server):  # noqa: F811
    one, _ = nodes
    one.location.store(registered(call_id="old"))
    await settle(one)
    contact = "sip:alice@10.0.0.5:5060"
    moved = {"aor": AOR, "contact": contact, "call_id": "new", "cseq": 1, "at": time.time() + 1}
    with redis_server.client() as client:
        try:
            with client.pipeline() as pipe:
                pipe.config_set("maxmemory-policy", "noeviction")
                pipe.rpush("inbox:node-1", json.dumps(moved))
                pipe.config_set("maxmemory", 1)
                pipe.execute()
            await until(lambda: len(one.location) == 0)
        finally:
            client.config_set("maxmemory", "128mb")
            client.config_set("maxmemory-policy", "allkeys-lru")


async def test_nothing_is_found_and_nothing_waits_while_redis_is_frozen_or_away(nodes, redis_server):  # noqa: F811
    one, two = nodes
    one.location.store(registered())
    await settle(one)
    with redis_server.frozen():
        begun = time.monotonic()
        assert await two.contacts() == []
        assert time.monotonic() - begun < 1.5
        one.location.store(registered(contact_text="sip:alice@10.0.0.7"))
    await until(lambda: two.link.connected and one.link.connected)
    await settle(one)
    assert len(await two.contacts()) == 2
    redis_server.kill()
    await until(lambda: not two.link.connected)
    begun = time.monotonic()
    assert await two.contacts() == []
    assert time.monotonic() - begun < 0.2


class SlowRedis:
    """A link to a Redis that answers, and is never done with what is written to it."""

    connected, outages = True, 0

    def __init__(self) -> None:
        self.on_connect: list[Callable[[], None]] = []
        self.queued = self.asked = self.lost = 0
        self.keeps = True
        self._sign: bytes | None = None

    def write(self, *commands: Any) -> None:
        """Let them wait."""

    def lost_keys(self) -> None:
        self.lost += 1

    async def read(self, command: Any, *, timeout_s: float) -> list[Any] | None:
        if command[0] != "SET":
            return [None]
        self.asked += 1
        before, self._sign = self._sign, command[2].encode() if self.keeps else None
        return [before]


class Beating:
    """A shared location that beats a hundred times a second, by a clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.redis = SlowRedis()
        self.shared = SharedLocation(
            cast("RedisLink", self.redis),
            Location(),
            node_id="node-1",
            address=lambda: ("192.0.2.1", 5060),
            now=lambda: self.now,
        )

    async def beats(self) -> int:
        """Return how often all was to be written anew by a few beats from now."""
        asked = self.redis.asked
        await until(lambda: self.redis.asked > asked + 3)
        return self.redis.lost


@pytest.fixture
async def beating(monkeypatch: Any) -> AsyncIterator[Beating]:
    monkeypatch.setattr(shared_location, "BEAT_S", 0.01)
    beating = Beating()
    beating.shared.start()
    yield beating
    await beating.shared.stop()


async def test_nothing_counts_as_lost_because_much_waits_to_be_written(beating):
    assert await beating.beats() == 0


async def test_a_redis_that_drops_keys_time_and_again_is_not_filled_each_time(beating):
    await beating.beats()
    beating.redis.keeps = False
    assert await beating.beats() == 1
    beating.now += shared_location.LOST_PAUSE_S
    # The last sign is long ago by this clock: one more beat tells anew.
    assert await beating.beats() == 2
    assert await beating.beats() == 2


async def test_what_was_lost_soon_after_is_written_anew_when_the_pause_is_over(beating):
    await beating.beats()
    beating.redis.keeps = False
    assert await beating.beats() == 1
    beating.redis.keeps = True
    await beating.beats()
    beating.now += shared_location.LOST_PAUSE_S
    assert await beating.beats() == 2
    beating.now += shared_location.LOST_PAUSE_S
    assert await beating.beats() == 2
