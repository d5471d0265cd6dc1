# SPDX-License-Identifier: Apache-2.0
"""The event stream without a web server: who gets what, when, and for how long."""

from __future__ import annotations

import asyncio
import json

import pytest
from django.db import DatabaseError

from accounts.choices import Permission, Role
from accounts.tenancy import Access
from accounts.tokens import TokenRefused
from signaling.api import sse
from signaling.api.streams import BadWish, EventStream, TooManyStreams, Wish, read_wish
from signaling.live.commands import CommandRefused
from signaling.live.mirror import GAP
from signaling.live.subscription import Dropped
from signaling.live.tables import WAKE
from signaling.live.tests.worlds import until
from signaling.live.watch import Watch
from switchboard.events import CATALOGUE

# Rights are asked for where the database may be asked; these tests answer without it.
pytestmark = pytest.mark.django_db
ALPHA = Access(roles={"alpha": Role.VIEWER})
BETA = Access(roles={"beta": Role.VIEWER})
ROOT = Access(platform=True, roles={})
BLIND = Access(roles={"alpha": Role.ADMIN}, allowed=frozenset({Permission.VIEW_CDRS}))


class Reader:
    """A stream whose rights and clock the test moves."""

    def __init__(self, live, access=ALPHA, **wish):
        self.live, self.access, self.now, self.asked = live, access, 0.0, 0
        stream = EventStream(live.runtime, Wish(**wish), self.ask, clock=lambda: self.now)
        self.events = stream.events()

    def ask(self):
        self.asked += 1
        if isinstance(self.access, Exception):
            raise self.access
        return self.access

    async def begin(self):
        """Be subscribed before the test lets anything happen."""
        self.task = asyncio.ensure_future(anext(self.events))
        await until(lambda: self.live.mirror._subscriptions)
        return self

    async def next_id(self):
        task, self.task = getattr(self, "task", None), None
        event = await (task if task is not None else anext(self.events))
        return event["event_id"]


@pytest.mark.parametrize(
    ("access", "seen"),
    [(ALPHA, ["alpha"]), (BETA, ["beta"]), (ROOT, ["alpha", "beta", None])],
)
async def test_everybody_gets_the_events_of_their_accounts(live, access, seen):
    reader = await Reader(live, access).begin()
    ids = {tenant: live.publish(tenant_id=tenant) for tenant in ("alpha", "beta", None)}
    assert [await reader.next_id() for _ in seen] == [ids[tenant] for tenant in seen]


@pytest.mark.parametrize("event_type", CATALOGUE)
async def test_no_kind_of_event_reaches_another_account(live, event_type):
    reader = await Reader(live).begin()
    for tenant in ("beta", None):
        live.publish(event_type, tenant_id=tenant)
    own = live.publish(event_type, tenant_id="alpha")
    assert await reader.next_id() == own


async def test_a_reader_wakes_a_mirror_that_sleeps(live):
    live.runtime.watch = Watch(live.mirror, live.link.call)
    live.mirror.sleep()
    reader = await Reader(live).begin()
    assert [name for name, _ in live.link.given] == [WAKE]
    assert not live.mirror.asleep
    own = live.publish(tenant_id="alpha")
    assert await reader.next_id() == own


async def test_without_the_sip_process_there_is_a_stream_that_begins_when_it_is_back(live):
    live.runtime.watch = Watch(live.mirror, live.link.call)
    live.mirror.sleep()
    live.link.refusals[WAKE] = CommandRefused(503, "The signaling process is not connected.")
    reader = await Reader(live).begin()
    own = live.publish(tenant_id="alpha")
    assert await reader.next_id() == own


async def test_events_come_in_order(live):
    reader = await Reader(live).begin()
    ids = [live.publish(kind, tenant_id="alpha") for kind in ("call.received", "call.dialing", "call.ended")]
    assert [await reader.next_id() for _ in ids] == ids


async def test_who_loses_a_right_gets_nothing_more_of_it(live):
    both = Access(roles={"alpha": Role.VIEWER, "beta": Role.VIEWER})
    reader = await Reader(live, both).begin()
    first = live.publish(tenant_id="beta")
    assert await reader.next_id() == first
    live.publish(tenant_id="beta")
    live.publish(tenant_id="beta")
    last = live.publish(tenant_id="alpha")
    reader.access, reader.now = ALPHA, 1.5
    assert await reader.next_id() == last


async def test_rights_are_asked_for_again_once_a_second_and_not_for_each_event(live):
    reader = await Reader(live).begin()
    for _ in range(50):
        live.publish(tenant_id="alpha")
    for _ in range(50):
        await reader.next_id()
    assert reader.asked == 1
    reader.now = 1.5
    live.publish(tenant_id="alpha")
    await reader.next_id()
    assert reader.asked == 2


@pytest.mark.parametrize(
    ("access", "reason"),
    [
        (TokenRefused("This token was revoked."), "revoked"),
        (BLIND, "may not see"),
        (Access(roles={}), "may not see"),
    ],
)
async def test_who_may_see_nothing_any_more_is_told_and_let_go(live, access, reason):
    reader = await Reader(live).begin()
    live.publish(tenant_id="alpha")
    reader.access, reader.now = access, 1.5
    with pytest.raises(Dropped, match=reason):
        await reader.next_id()
    assert (live.runtime.streams, live.mirror._subscriptions) == (set(), {})


async def test_a_database_that_is_away_ends_no_stream(live):
    reader = await Reader(live).begin()
    reader.access, reader.now = DatabaseError("away"), 1.5
    wanted = live.publish(tenant_id="alpha")
    live.publish(tenant_id="beta")
    assert await reader.next_id() == wanted


@pytest.mark.parametrize(
    ("patterns", "seen"),
    [
        (("call.*",), ["call.received", "call.ended"]),
        (("call.ended", "registration.*"), ["registration.registered", "call.ended"]),
        (("*.registered",), ["registration.registered"]),
        ((), ["call.received", "registration.registered", "call.ended"]),
    ],
)
async def test_types_are_chosen_by_pattern(live, patterns, seen):
    reader = await Reader(live, patterns=patterns).begin()
    kinds = ("call.received", "registration.registered", "call.ended")
    ids = {kind: live.publish(kind, tenant_id="alpha") for kind in kinds}
    assert [await reader.next_id() for _ in seen] == [ids[kind] for kind in seen]


async def test_an_account_is_chosen_among_ones_own(live):
    reader = await Reader(live, ROOT, accounts=frozenset({"beta"})).begin()
    live.publish(tenant_id="alpha")
    wanted = live.publish(tenant_id="beta")
    assert await reader.next_id() == wanted


async def test_a_reader_that_comes_back_gets_what_it_missed_of_its_own(live):
    ids = [live.publish(tenant_id=tenant) for tenant in ("alpha", "beta", "alpha", "alpha")]
    reader = Reader(live, last_id=ids[0])
    assert [await reader.next_id() for _ in range(2)] == ids[2:]


async def test_a_reader_that_was_away_for_too_long_is_told_so(live):
    live.publish(tenant_id="alpha")
    event = await anext(Reader(live, last_id="018bcfe5-0000-7000-8000-000000000000").events)
    assert event["event_type"] == GAP


async def test_a_slow_reader_is_dropped_with_a_reason(live):
    live.runtime.max_queued = 3
    reader = await Reader(live).begin()
    await_first = live.publish(tenant_id="alpha")
    assert await reader.next_id() == await_first
    for _ in range(4):
        live.publish(tenant_id="alpha")
    with pytest.raises(Dropped, match="too slow"):
        await reader.next_id()


async def test_there_are_only_so_many_streams(live):
    live.runtime.max_streams = 1
    first = await Reader(live).begin()
    with pytest.raises(TooManyStreams):
        await Reader(live).next_id()
    first.task.cancel()
    await asyncio.gather(first.task, return_exceptions=True)
    assert live.runtime.streams == set()


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"types": "call.flown"}, "types"),
        ({"types": "[a-z]*"}, "types"),
        ({"types": ",".join(["call.*"] * 51)}, "types"),
        ({"last_event_id": "x" * 65}, "last_event_id"),
        ({"type": "call.*"}, "type"),
        ({"account": ""}, "account"),
    ],
)
def test_a_wish_that_makes_no_sense_is_pointed_at(parameters, parameter):
    with pytest.raises(BadWish) as caught:
        read_wish(parameters, "", lambda account: None)
    assert caught.value.parameter == parameter


def test_the_header_of_a_reconnecting_reader_wins_over_its_address():
    wish = read_wish(
        {"types": "call.*, session.started", "last_event_id": "old"}, "new", lambda account: None
    )
    assert wish == Wish(patterns=("call.*", "session.started"), last_id="new")


def test_no_account_is_no_wish_and_an_unknown_one_is_refused():
    assert read_wish({}, "", lambda account: None).accounts is None
    assert read_wish({"account": "x"}, "", lambda account: "a").accounts == frozenset("a")
    with pytest.raises(BadWish, match="no such account, or not for you"):
        read_wish({"account": "x"}, "", lambda account: None)


async def test_server_sent_events_are_what_the_standard_says(live):
    live.runtime.max_queued = 1
    stream = EventStream(live.runtime, Wish(), lambda: ALPHA)
    parts = sse.lines(stream)
    assert await anext(parts) == b"retry: 1000\n\n"
    waiting = asyncio.ensure_future(anext(parts))
    await until(lambda: live.mirror._subscriptions)
    event_id = live.publish(tenant_id="alpha")
    head, kind, data, *rest = (await waiting).decode().split("\n")
    assert (head, kind, rest) == (f"id: {event_id}", "event: call.received", ["", ""])
    assert json.loads(data.removeprefix("data: "))["event_id"] == event_id
    for _ in range(2):
        live.publish(tenant_id="alpha")
    last = (await anext(parts)).decode()
    assert last.startswith("event: stream.dropped\ndata: ")
    assert "too slow" in last
    assert [part async for part in parts] == []


async def test_a_quiet_stream_says_that_it_is_still_there(live, monkeypatch):
    monkeypatch.setattr("signaling.api.streams.KEEP_ALIVE_S", 0.01)
    parts = sse.lines(EventStream(live.runtime, Wish(), lambda: ALPHA))
    await anext(parts)
    assert await anext(parts) == b": still here\n\n"
    await parts.aclose()
