# SPDX-License-Identifier: Apache-2.0
"""What a node does beside its calls once a second, and when a phone or the configuration changes.

It decides nothing about calls. Invariant: nothing in it takes longer than a call would notice; what may does so only
while there is no call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Sized

from signaling.announce import RtpManagerAnnouncer
from signaling.configuration import ACCOUNTS, USERS
from signaling.directory import Directory
from signaling.garbage import QuietCollector
from signaling.location import Binding, BindingEvent, Location
from signaling.mediapool import MediaPool
from signaling.transport import TransportManager
from switchboard.events import EventBus

EVERY_S = 1.0
"""How often expired bindings are cleared away; none is used after its time in any case."""


class Housekeeping:
    """The chores of one node.

    Args:
        loop: whose clock it is.
        location: where phones are.
        directory: whose phones they are.
        transport: whose connections they hold.
        pool: the RTP managers.
        bus: is told of RTP managers that come and go.
        calls: the calls of the node.
        chores: what others want done once a second; each gets the time of the loop.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        location: Location,
        directory: Directory,
        transport: TransportManager,
        pool: MediaPool,
        bus: EventBus,
        calls: Sized,
        chores: Sequence[Callable[[float], object]] = (),
    ) -> None:
        self._loop = loop
        self._location = location
        self._directory = directory
        self._transport = transport
        self._pool = pool
        self._rtp_managers = RtpManagerAnnouncer(bus)
        self._garbage = QuietCollector(calls)
        self._chores = chores
        self._next: asyncio.TimerHandle | None = None
        location.on_change.append(self._binding_changed)
        directory.on_change.append(self._configuration_changed)

    def start(self) -> None:
        """Begin."""
        self._round()

    def stop(self) -> None:
        """Leave it."""
        if self._next is not None:
            self._next.cancel()

    def _round(self) -> None:
        now = self._loop.time()
        self._location.expire(now)
        for chore in self._chores:
            chore(now)
        self._rtp_managers.look(self._pool.nodes)
        self._garbage.look(now)
        self._next = self._loop.call_later(EVERY_S, self._round)

    def _binding_changed(self, event: BindingEvent, binding: Binding) -> None:
        """Keep the connection open that a phone registered over."""
        if event in (BindingEvent.REGISTERED, BindingEvent.REFRESHED):
            self._transport.hold(binding.flow, binding.deadline)

    def _configuration_changed(self, topics: frozenset[str]) -> None:
        """Forget the phones of users that were deleted or disabled, or whose account was."""
        if topics & {ACCOUNTS, USERS}:
            self._location.keep_users(self._may_be_registered)

    def _may_be_registered(self, user_id: str) -> bool:
        user = self._directory.user_by_id(user_id)
        account = None if user is None else self._directory.account(user.account_id)
        return user is not None and user.enabled and account is not None and account.enabled
