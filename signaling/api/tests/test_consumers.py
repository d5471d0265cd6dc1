# SPDX-License-Identifier: Apache-2.0
"""The event stream over WebSocket, with real tokens."""

from __future__ import annotations

import asyncio
import json
import uuid

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from accounts import tokens
from accounts.access import ApiToken
from accounts.choices import Scope
from signaling.api.consumers import BAD_WISH, BUSY, DROPPED, FORBIDDEN, UNAUTHENTICATED, EventsConsumer

pytestmark = pytest.mark.django_db(transaction=True)


class Socket:
    """One WebSocket client."""

    def __init__(self, live, token: str, query: str = "", scheme: str = "Bearer", last_id: str = "") -> None:
        headers = [(b"authorization", f"{scheme} {token}".encode())] if token else []
        headers += [(b"last-event-id", last_id.encode())] if last_id else []
        self.live = live
        self.link = WebsocketCommunicator(EventsConsumer.as_asgi(), f"/ws/events?{query}", headers=headers)

    async def __aenter__(self):
        before = len(self.live.mirror._subscriptions)
        accepted, _ = await self.link.connect(timeout=5)
        assert accepted
        for _ in range(200):
            if len(self.live.mirror._subscriptions) > before:
                break
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *args):
        await self.link.disconnect()

    async def event(self):
        return json.loads(await self.link.receive_from(timeout=5))

    async def farewell(self):
        """Return the reason and the close code."""
        said = await self.event()
        assert said["event_type"] == "stream.dropped"
        closed = await self.link.receive_output(timeout=5)
        return said["reason"], closed["code"]


def token_of(people, name, *scopes, **options):
    return sync_to_async(people.token)(name, *scopes, **options)


@pytest.fixture
def alpha(people):
    return str(people.alpha.pk)


@pytest.fixture
def beta(people):
    return str(people.beta.pk)


async def test_each_account_gets_its_own_events(live, people, alpha, beta):
    tokens_of = [await token_of(people, name) for name in ("alice", "charlie")]
    async with Socket(live, tokens_of[0]) as alice, Socket(live, tokens_of[1]) as charlie:
        of_beta = live.publish(tenant_id=beta)
        of_alpha = live.publish(tenant_id=alpha)
        assert (await alice.event())["event_id"] == of_alpha
        assert (await charlie.event())["event_id"] == of_beta
        assert await alice.link.receive_nothing(0.05)
        assert await charlie.link.receive_nothing(0.05)


async def test_a_token_of_one_account_gets_that_one_alone(live, people, alpha, beta):
    token = await token_of(people, "root", account=people.beta)
    async with Socket(live, token) as socket:
        live.publish(tenant_id=alpha)
        live.publish("rtpmanager.down", tenant_id=None)
        wanted = live.publish(tenant_id=beta)
        assert (await socket.event())["event_id"] == wanted


async def test_a_platform_admin_and_the_ui_role_get_everything(live, people, settings, alpha):
    ui = Socket(live, settings.INTERNAL_API_TOKEN, scheme="Internal")
    async with Socket(live, await token_of(people, "root")) as root, ui:
        ids = [live.publish(tenant_id=alpha), live.publish("rtpmanager.down", tenant_id=None)]
        for socket in (root, ui):
            assert [(await socket.event())["event_id"] for _ in ids] == ids


@pytest.mark.parametrize("name", ["alice", "root"])
async def test_the_account_of_another_is_refused_like_one_that_does_not_exist(live, people, beta, name):
    token = await token_of(people, name)
    of_others = [beta, people.beta.domain] if name == "alice" else []
    for account in [*of_others, "nowhere", str(uuid.uuid4())]:
        async with Socket(live, token, f"account={account}") as socket:
            reason = "account: There is no such account, or not for you."
            assert await socket.farewell() == (reason, BAD_WISH)


async def test_one_of_several_accounts_is_chosen_by_its_domain(live, people, alpha, beta):
    async with Socket(live, await token_of(people, "root"), f"account={people.beta.domain}") as socket:
        live.publish(tenant_id=alpha)
        wanted = live.publish(tenant_id=beta)
        assert (await socket.event())["event_id"] == wanted


async def test_filter_and_resumption_stand_in_the_address(live, people, alpha):
    ids = [live.publish(kind, tenant_id=alpha) for kind in ("call.received", "call.ringing", "call.ended")]
    query = f"types=call.ended&last_event_id={ids[0]}"
    async with Socket(live, await token_of(people, "vera"), query) as socket:
        assert (await socket.event())["event_id"] == ids[2]


async def test_the_last_event_may_stand_in_a_header_too(live, people, alpha):
    ids = [live.publish(tenant_id=alpha) for _ in range(3)]
    async with Socket(live, await token_of(people, "vera"), last_id=ids[1]) as socket:
        assert (await socket.event())["event_id"] == ids[2]


@pytest.mark.parametrize("token", ["", "sbt_" + "0" * 46])
async def test_without_a_token_that_counts_nobody_gets_in(live, people, token):
    async with Socket(live, token) as socket:
        assert (await socket.farewell())[1] == UNAUTHENTICATED
    assert live.mirror._subscriptions == {}


async def test_a_scope_that_does_not_see_live_state_is_refused(live, people):
    async with Socket(live, await token_of(people, "alice", Scope.CDRS)) as socket:
        assert (await socket.farewell())[1] == FORBIDDEN


async def test_a_wish_that_makes_no_sense_is_refused_in_words(live, people):
    async with Socket(live, await token_of(people, "alice"), "types=call.flown") as socket:
        reason, code = await socket.farewell()
        assert (reason, code) == ("types: No event is called call.flown.", BAD_WISH)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("type=call.*", "type: Unknown parameter; is types meant?"),
        ("types=", "types: Must not be empty; leave it out to ask for nothing."),
    ],
)
async def test_a_misspelt_filter_does_not_match_everything(live, people, query, reason):
    async with Socket(live, await token_of(people, "alice"), query) as socket:
        assert await socket.farewell() == (reason, BAD_WISH)


async def test_a_reader_that_was_away_for_too_long_is_told_so(live, people, alpha):
    async with Socket(live, await token_of(people, "alice"), "last_event_id=long-gone") as socket:
        assert (await socket.event())["event_type"] == "stream.gap"
        wanted = live.publish(tenant_id=alpha)
        assert (await socket.event())["event_id"] == wanted


async def test_a_slow_reader_is_told_why_it_is_dropped(live, people, alpha):
    live.runtime.max_queued = 1
    async with Socket(live, await token_of(people, "alice")) as socket:
        for _ in range(3):
            live.publish(tenant_id=alpha)
        reason, code = await socket.farewell()
    assert (reason, code) == ("too slow: more than 1 events were waiting", DROPPED)


async def test_one_stream_too_many_is_told_so(live, people):
    live.runtime.max_streams = 1
    token = await token_of(people, "alice")
    async with Socket(live, token), Socket(live, token) as second:
        assert (await second.farewell())[1] == BUSY


async def test_a_revoked_token_ends_its_stream(live, people, alpha, monkeypatch):
    monkeypatch.setattr("signaling.api.streams.RECHECK_S", 0.0)
    row, token = await sync_to_async(people.token_row)("alice")
    async with Socket(live, token) as socket:
        live.publish(tenant_id=alpha)
        await socket.event()
        await sync_to_async(tokens.revoke)(await ApiToken.objects.aget(pk=row.pk))
        tokens.forget()
        live.publish(tenant_id=alpha)
        reason, code = await socket.farewell()
        assert (reason, code) == ("This token was revoked.", DROPPED)


async def test_a_reader_that_leaves_is_forgotten(live, people):
    async with Socket(live, await token_of(people, "alice")):
        assert len(live.runtime.streams) == 1
    assert (live.runtime.streams, live.mirror._subscriptions) == (set(), {})


async def test_what_a_reader_sends_is_not_read(live, people, alpha):
    async with Socket(live, await token_of(people, "alice")) as socket:
        await socket.link.send_to(text_data="anything")
        await socket.link.send_to(bytes_data=b"\x00")
        wanted = live.publish(tenant_id=alpha)
        assert (await socket.event())["event_id"] == wanted
