# SPDX-License-Identifier: Apache-2.0
"""The bans of a node put together: what is made from what."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from signaling.bans.blocklist import BlockList
from signaling.bans.enforcement import BanAnnouncer, Enforcement
from signaling.bans.keeper import BanKeeper
from signaling.bans.table import BanRows
from signaling.bans.warden import Warden
from signaling.bans.watched_guard import WatchedGuard
from signaling.guard import MemoryGuard
from signaling.location import Location
from signaling.transport.addresses import is_loopback, is_own
from switchboard.events import EventBus

if TYPE_CHECKING:
    from signaling.config import SignalingConfig
    from signaling.node import SipNode


class Protection:
    """Who is banned on this node, and how that comes about.

    Args:
        config: the numbers.
        location: the phones.
        bus: gets the events.
    """

    def __init__(self, config: SignalingConfig, location: Location, bus: EventBus) -> None:
        self._location = location
        self.blocklist = BlockList(config.never_banned)
        self.warden = Warden(config.warden)
        self.keeper = BanKeeper(
            BanRows(), self.blocklist, self.warden, config.bans, wall=time.time, is_own=_is_this_machine
        )
        announcer = BanAnnouncer(bus)
        self.keeper.on_begun.append(announcer.begun)
        self.keeper.on_ended.append(announcer.ended)

    def watch(self, guard: MemoryGuard) -> WatchedGuard:
        """Return the guard for who checks credentials: the warden hears of what it is told."""
        return WatchedGuard(guard, self.warden)

    def enforce_on(self, node: SipNode) -> None:
        """End what a banned source has on a node."""
        enforcement = Enforcement(self.blocklist, node.transport, self._location, node)
        self.keeper.on_begun.append(enforcement.begun)


def _is_this_machine(ip: str) -> bool:
    """Whether an address is this machine's own in the network; of loopback the setting of what is never banned tells."""
    return not is_loopback(ip) and is_own(ip)
