# SPDX-License-Identifier: Apache-2.0
"""Every kind of event, for everybody, over server-sent events and over WebSocket: nobody is told of another account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.test import AsyncClient

from accounts.choices import SCOPE_PERMISSIONS, Permission, Scope
from accounts.tests.people import MAY, MEMBERS, NAMES
from signaling.api.consumers import EventsConsumer
from switchboard.events import CATALOGUE
from switchboard.tests.world import MARKS

pytestmark = pytest.mark.django_db(transaction=True)

ENDED = "stream.dropped"
Told = list[dict[str, Any]]


async def over_sse(token: str, query: str) -> AsyncGenerator[dict[str, Any], None]:
    """Yield what the address for server-sent events tells."""
    answer: Any = await AsyncClient().get(
        f"/api/v1/events?{query}", headers={"Authorization": f"Bearer {token}"}
    )
    if answer.status_code != 200:
        yield {"event_type": ENDED}
        return
    async for chunk in answer.streaming_content:
        for line in chunk.decode().splitlines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


async def over_websocket(token: str, query: str) -> AsyncGenerator[dict[str, Any], None]:
    """Yield what the WebSocket tells."""
    headers = [(b"authorization", f"Bearer {token}".encode())]
    socket = WebsocketCommunicator(EventsConsumer.as_asgi(), f"/ws/events?{query}", headers=headers)
    await socket.connect(timeout=5)
    try:
        while True:
            yield json.loads(await socket.receive_from(timeout=5))
    finally:
        await socket.disconnect()


CARRIERS = [over_sse, over_websocket]
Carrier = Callable[[str, str], AsyncGenerator[dict[str, Any], None]]


async def told(carrier: Carrier, live: Any, people: Any, token: str, query: str = "") -> Told:
    """Let every kind of event happen in both accounts and in none, and return what a reader is told of them."""
    before = live.publish("rtpmanager.up", tenant_id=None)
    owners = {"alpha": str(people.alpha.pk), "beta": str(people.beta.pk), "": None}
    for event_type in CATALOGUE:
        for owner, tenant_id in owners.items():
            live.publish(event_type, tenant_id=tenant_id, node_id=MARKS.get(owner, "platform"))
    ends = {
        live.publish("call.ended", tenant_id=tenant_id, node_id=MARKS.get(owner, "platform"))
        for owner, tenant_id in owners.items()
    }
    events: Told = []
    async with asyncio.timeout(10), aclosing(carrier(token, f"last_event_id={before}&{query}")) as stream:
        async for event in stream:
            if event["event_type"] == ENDED or event["event_id"] in ends:
                break
            events.append(event)
    return events


def marks(events: Told) -> set[str]:
    return {event["node_id"] for event in events}


@pytest.mark.parametrize("person", NAMES)
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_everybody_is_told_every_kind_of_event_of_their_accounts_alone(live, people, carrier, person):
    token = await sync_to_async(people.token)(person)
    events = await told(carrier, live, people, token)
    if Permission.VIEW_LIVE not in MAY[person]:
        assert events == []
        return
    own = {MARKS[MEMBERS[person][0]]} if person in MEMBERS else {*MARKS.values(), "platform"}
    assert marks(events) == own
    for mark in own:
        assert [each["event_type"] for each in events if each["node_id"] == mark] == list(CATALOGUE)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_token_is_told_what_its_scope_and_account_say(live, people, carrier, scope):
    token = await sync_to_async(people.token)("root", scope, account=people.beta)
    events = await told(carrier, live, people, token)
    allowed = Permission.VIEW_LIVE in SCOPE_PERMISSIONS[scope]
    assert marks(events) == ({MARKS["beta"]} if allowed else set())


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_asking_for_another_account_by_name_tells_nothing(live, people, carrier):
    token = await sync_to_async(people.token)("alice")
    for account in ("beta.example", str(people.beta.pk), "nowhere.example"):
        assert await told(carrier, live, people, token, f"account={account}") == []


@pytest.mark.parametrize("token", ["", "sbt_" + "0" * 46])
@pytest.mark.parametrize("carrier", CARRIERS)
async def test_without_a_token_nothing_is_told(live, people, carrier, token):
    assert await told(carrier, live, people, token) == []
