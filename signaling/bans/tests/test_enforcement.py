# SPDX-License-Identifier: Apache-2.0
"""What a source has on a node when it is banned."""

import asyncio
from types import SimpleNamespace

import pytest

from cdrs.record import EndReason
from signaling.bans import enforcement as module
from signaling.bans.ban import Ban
from signaling.bans.blocklist import BlockList
from signaling.bans.enforcement import BanAnnouncer, Enforcement
from signaling.calls.events import Terminate
from switchboard.events import EventBus, to_json

BAN = Ban("203.0.113.0/24", "scans", False, "root", 1_790_000_000.0, None)
BAD, GOOD = "203.0.113.9", "198.51.100.9"


class Location:
    """Two phones."""

    def __init__(self):
        self.phones = [SimpleNamespace(source=(ip, 5060)) for ip in (BAD, GOOD)]

    def all(self, now):
        return list(self.phones)

    def remove(self, binding):
        self.phones.remove(binding)


class Transport:
    """Knows which connections were closed."""

    def __init__(self):
        self.closed = []

    def close_from(self, matches):
        self.closed += [ip for ip in (BAD, GOOD) if matches(ip)]
        return len(self.closed)


def call_between(*ips, answered=True):
    posted = []
    record = SimpleNamespace(metadata={}, answer_time=1.0 if answered else None)
    call = SimpleNamespace(record=record, post=posted.append, posted=posted)
    return call, [SimpleNamespace(remote_ip=ip, call=call) for ip in ips]


@pytest.fixture
async def place(monkeypatch):
    monkeypatch.setattr(module, "GATHER_S", 0.0)
    blocklist = BlockList()
    blocklist.add(BAN, 0.0, 1_790_000_000.0)
    found = SimpleNamespace(location=Location(), transport=Transport(), legs={})
    found.enforcement = Enforcement(blocklist, found.transport, found.location, found)
    return found


async def enforce(place):
    place.enforcement.begun(BAN)
    place.enforcement.begun(BAN)
    await asyncio.sleep(0.01)


async def test_phones_and_connections_of_the_source_go_and_others_stay(place):
    await enforce(place)
    assert [phone.source[0] for phone in place.location.phones] == [GOOD]
    assert place.transport.closed == [BAD]


@pytest.mark.parametrize(("answered", "reason"), [(True, EndReason.NORMAL), (False, EndReason.REJECTED)])
async def test_calls_of_the_source_are_ended_once_and_say_why(place, answered, reason):
    ended, legs = call_between(BAD, BAD, answered=answered)
    kept, more = call_between(GOOD, GOOD)
    place.legs = [*legs, *more, SimpleNamespace(remote_ip=BAD, call=None)]
    await enforce(place)
    assert ended.posted == [Terminate(reason)]
    assert ended.record.metadata == {"ended_by": "the ban of 203.0.113.0/24"}
    assert kept.posted == []


def test_begin_and_end_are_published():
    bus = EventBus("sip-1")
    published = []
    BanAnnouncer(bus).begun(BAN)
    bus.subscribe(lambda event: published.append(to_json(event)))
    BanAnnouncer(bus).begun(BAN)
    BanAnnouncer(bus).ended(BAN._replace(expires_at=1_790_000_600.0), True)
    assert [(event["event_type"], event["source"]) for event in published] == [
        ("ban.begun", "203.0.113.0/24"),
        ("ban.ended", "203.0.113.0/24"),
    ]
    assert published[0]["expires_at"] is None
    assert published[1]["expires_at"].startswith("2026-")
    assert published[0]["tenant_id"] is None
