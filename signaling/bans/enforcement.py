# SPDX-License-Identifier: Apache-2.0
"""What becomes of what a source has here when it is banned: its connections, phones and calls.

Nothing from it is read any more, its BYE included, so its calls would go on for ever: they are ended, and the other
party is told. Invariant: however many sources are banned at once, everything is looked through once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from cdrs.record import EndReason
from signaling.bans.ban import Ban
from signaling.bans.blocklist import BlockList
from signaling.calls.events import Terminate
from signaling.location import Location
from switchboard.events import EventBus, catalogue

GATHER_S = 0.05


class Connections(Protocol):
    """The transports of a node."""

    def close_from(self, matches: Callable[[str], object]) -> int:
        """Close the connections of every address that matches; return how many."""


class Legs(Protocol):
    """Who knows every leg."""

    legs: dict[Any, None]


class Enforcement:
    """Ends what banned sources have on this node.

    Args:
        blocklist: tells who is banned.
        transport: has the connections.
        location: has the phones.
        node: has the legs of the calls.
    """

    def __init__(self, blocklist: BlockList, transport: Connections, location: Location, node: Legs) -> None:
        self._blocklist = blocklist
        self._transport = transport
        self._location = location
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._scheduled = False

    def begun(self, ban: Ban) -> None:
        """Look at everything soon, for this ban and those that come with it."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_later(GATHER_S, self._enforce)

    def _enforce(self) -> None:
        self._scheduled = False
        covers = self._blocklist.covers
        self._end_calls()
        for binding in self._location.all(self._loop.time()):
            if covers(binding.source[0]) is not None:
                self._location.remove(binding)
        self._transport.close_from(covers)

    def _end_calls(self) -> None:
        ended: set[int] = set()
        for leg in list(self._node.legs):
            ban = self._blocklist.covers(leg.remote_ip)
            call = leg.call
            if ban is None or call is None or id(call) in ended:
                continue
            ended.add(id(call))
            call.record.metadata["ended_by"] = f"the ban of {ban.network}"
            answered = call.record.answer_time is not None
            call.post(Terminate(EndReason.NORMAL if answered else EndReason.REJECTED))


class BanAnnouncer:
    """Publishes when a ban begins and ends on this node.

    Args:
        bus: where to.
    """

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def begun(self, ban: Ban) -> None:
        """Publish that nothing is read from a source any more."""
        if self._bus.active:
            self._bus.publish(catalogue.BanBegun(**self._bus.stamp(), **_facts(ban)))

    def ended(self, ban: Ban, expired: bool) -> None:
        """Publish that a source is heard again."""
        if self._bus.active:
            self._bus.publish(catalogue.BanEnded(**self._bus.stamp(), **_facts(ban), expired=expired))


def _facts(ban: Ban) -> dict[str, Any]:
    return {
        "source": ban.network,
        "reason": ban.reason,
        "automatic": ban.automatic,
        "banned_by": ban.banned_by,
        "expires_at": ban.expires_at,
    }
