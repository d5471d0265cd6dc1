# SPDX-License-Identifier: Apache-2.0
"""The mirror without a socket."""

import asyncio

import pytest

from signaling.live.mirror import GAP, FeedMismatch, Mirror
from signaling.live.subscription import Dropped, Subscription
from signaling.live.tables import REGISTRATIONS, RTPMANAGERS, VERSION, Kind
from signaling.live.tests.worlds import registration
from switchboard.events.catalogue import values_of
from switchboard.events.tests.samples import sample


def filled(mirror: Mirror, *numbers: int, boot: str = "boot-1") -> Mirror:
    mirror.apply((Kind.HELLO, VERSION, {"boot_id": boot}))
    mirror.apply((Kind.STATUS, {}))
    mirror.apply((Kind.ROWS, "registrations", [registration(number) for number in numbers]))
    mirror.apply((Kind.READY,))
    return mirror


def publish(mirror: Mirror, event_type: str = "call.received", **fields: object) -> str:
    event = sample(event_type, **fields)
    mirror.apply((Kind.EVENT, event_type, list(values_of(event))))
    return event.event_id


def everything(event: dict) -> bool:
    return True


def test_half_a_picture_is_not_shown():
    mirror = filled(Mirror(), 1, 2)
    mirror.lost()
    assert not mirror.connected
    mirror.apply((Kind.HELLO, VERSION, {"boot_id": "boot-2"}))
    mirror.apply((Kind.STATUS, {}))
    mirror.apply((Kind.ROWS, "registrations", [registration(3)]))
    assert not mirror.connected
    assert len(mirror.rows(REGISTRATIONS)) == 2
    mirror.apply((Kind.READY,))
    assert mirror.connected
    assert [row["user_id"] for row in mirror.rows(REGISTRATIONS)] == ["user-3"]


def test_another_version_is_refused():
    with pytest.raises(FeedMismatch):
        Mirror().apply((Kind.HELLO, VERSION + 1, {}))


def test_a_process_that_shows_no_sign_of_life_counts_as_away():
    clock = iter([0.0, 1.0, 6.0, 6.0]).__next__
    mirror = filled(Mirror(clock=clock), 1)
    assert mirror.connected
    assert not mirror.connected


def test_rows_are_shown_to_their_tenants():
    mirror = filled(Mirror(), 1)
    mirror.apply((Kind.ROWS, "registrations", [registration(2, tenant="other")]))
    key = registration(2)[0]
    assert len(mirror.rows(REGISTRATIONS, None)) == 2
    assert [row["tenant_id"] for row in mirror.rows(REGISTRATIONS, frozenset({"other"}))] == ["other"]
    assert mirror.rows(REGISTRATIONS, frozenset()) == []
    assert mirror.row(REGISTRATIONS, key, frozenset({"account"})) is None
    assert mirror.row(REGISTRATIONS, key, frozenset({"other"})) is not None


def test_tables_without_tenants_are_for_the_views_to_guard():
    mirror = filled(Mirror())
    mirror.apply((Kind.ROWS, "rtpmanagers", [("h:9090", "rtp-1", True, "active", 0, 100)]))
    assert mirror.rows(RTPMANAGERS, frozenset())[0]["node_id"] == "rtp-1"


def test_events_after_the_last_one_are_found_again():
    mirror = filled(Mirror(max_events=3))
    ids = [publish(mirror) for _ in range(5)]
    assert [event["event_id"] for event in mirror.events_after(ids[2])] == ids[3:]
    assert mirror.events_after(ids[4]) == []
    assert mirror.events_after(ids[1]) is None
    assert mirror.events_after("never") is None
    assert len(mirror._number_of) == 3


async def test_a_reader_that_comes_back_gets_what_it_missed_then_what_is_new():
    mirror = filled(Mirror())
    ids = [publish(mirror) for _ in range(3)]
    subscription = mirror.subscribe(everything, ids[0])
    ids.append(publish(mirror))
    got = [(await subscription.next(1.0))["event_id"] for _ in range(3)]
    assert got == ids[1:]
    assert await subscription.next(0.0) is None


async def test_a_reader_that_was_away_for_too_long_is_told_so():
    mirror = filled(Mirror(max_events=1))
    old = publish(mirror)
    publish(mirror)
    subscription = mirror.subscribe(everything, old)
    assert (await subscription.next(1.0))["event_type"] == GAP


async def test_readers_are_told_when_the_signaling_process_was_restarted():
    mirror = filled(Mirror())
    subscription = mirror.subscribe(everything)
    filled(mirror, boot="boot-2")
    told = await subscription.next(1.0)
    assert told["event_type"] == GAP
    assert "anew" in told["reason"]


async def test_a_filter_decides_what_is_queued():
    mirror = filled(Mirror())
    subscription = mirror.subscribe(lambda event: event["tenant_id"] == "mine")
    publish(mirror, tenant_id="other")
    mine = publish(mirror, tenant_id="mine")
    assert (await subscription.next(1.0))["event_id"] == mine


async def test_a_slow_reader_is_dropped_with_a_reason():
    mirror = filled(Mirror())
    subscription = mirror.subscribe(everything, max_queued=2)
    for _ in range(3):
        publish(mirror)
    with pytest.raises(Dropped, match="too slow: more than 2"):
        await subscription.next(1.0)


async def test_what_others_do_does_not_make_a_reader_slow():
    mirror = filled(Mirror())
    subscription = mirror.subscribe(lambda event: event["tenant_id"] == "mine", max_queued=2)
    for _ in range(5):
        publish(mirror, tenant_id="other")
    assert await subscription.next(0.0) is None


async def test_a_waiting_reader_is_woken():
    subscription = Subscription(everything)
    task = asyncio.create_task(subscription.next(5.0))
    await asyncio.sleep(0)
    subscription.offer({"event_type": "call.received"})
    assert await task == {"event_type": "call.received"}
    task = asyncio.create_task(subscription.next(5.0))
    await asyncio.sleep(0)
    subscription.end("shutting down")
    with pytest.raises(Dropped, match="shutting down"):
        await task


def test_a_row_keeps_the_moment_from_which_seconds_are_counted():
    (row,) = filled(Mirror(), 1).rows(REGISTRATIONS)
    assert (row.moment, row["expires_at"]) == (1_700_000_000.0, "2023-11-14T22:13:20.000000Z")
