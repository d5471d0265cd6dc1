# SPDX-License-Identifier: Apache-2.0
"""Tells other nodes in Redis which phones are registered here, and finds those that are registered there.

Each node keeps its own bindings (`signaling.location`) and owns them: what is in Redis is a copy, written behind.
Runs on the event loop. Invariants: no registration waits for Redis, and a call at most `LOOKUP_S`; when Redis comes
back, empty or not, or was emptied, this node's bindings are written anew; a node that stopped telling that it lives counts
as gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import structlog

from signaling.location import Binding, BindingEvent, Location
from signaling.redis_link import Command, RedisLink
from signaling.shared import scripts
from signaling.shared.entries import Elsewhere, from_reply, notice_of, to_text
from signaling.sip import SipUri
from signaling.transport.addresses import parse_ip

log = structlog.get_logger("switchboard.shared")

LOOKUP_S = 0.1
"""Longest time that a call waits for Redis to say whether the callee has phones at other nodes."""
BEAT_S = 1.0
"""How often a node tells that it lives, and looks for what others tell it."""
ALIVE_S = 5
"""A node that has not told so for this long is gone."""
RENEW_S = 600.0
"""How often all bindings are written again: a Redis whose memory is full drops keys that nobody asked for lately."""
PORTION = 200
MOST_QUEUED = 1_000
"""Writing all bindings anew waits while more commands than this are queued."""
LOST_PAUSE_S = 60.0
"""All is written anew no sooner than that after the last time that keys were lost: a Redis whose memory is full loses some
all the time."""
MAX_PHONES = 10
MAX_NOTICES = 200
_GONE = (BindingEvent.UNREGISTERED, BindingEvent.EXPIRED)


class DistantPhone(NamedTuple):
    """A phone that is reached through another node."""

    contact: SipUri
    node_ip: str
    node_port: int
    source_ip: str
    """Where the phone itself is."""


class SharedLocation:
    """The location service of all nodes, seen from one.

    Args:
        link: Redis.
        location: this node's bindings.
        node_id: name of this node, unlike all others.
        address: returns where other nodes reach this one's SIP, as host and port.
        now: monotonic seconds.
        wall: seconds since the epoch.
    """

    def __init__(
        self,
        link: RedisLink,
        location: Location,
        *,
        node_id: str,
        address: Callable[[], tuple[str, int]],
        now: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._location = location
        self._node_id = node_id
        self._address = address
        self._now = now
        self._wall = wall
        self._tasks: list[asyncio.Task[None]] = []
        self._all = asyncio.Event()
        self._told = (float("-inf"), 0)
        """When Redis last confirmed that this node lives, and how often it had been away by then."""
        self._has_lost = False
        self._lost_until = float("-inf")

    def start(self) -> None:
        """Begin to tell others; the bindings that were restored are written as soon as Redis is there."""
        self._location.on_change.append(self._changed)
        self._link.on_connect.append(self._all.set)
        if self._link.connected:
            self._all.set()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._beat()), loop.create_task(self._write_anew())]

    async def stop(self) -> None:
        """Tell others that this node is gone; its bindings stay for its next start."""
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._tasks:
            self._tasks = []
            self._location.on_change.remove(self._changed)
            self._link.write(("DEL", f"node:{self._node_id}"))

    async def elsewhere(self, user_id: str, aor: str) -> list[DistantPhone]:
        """Return the phones of a user that are registered at other nodes, the preferred first.

        Nothing when Redis does not answer in time.
        """
        begun = self._now()
        replies = await self._link.read(("HGETALL", f"reg:{aor}"), timeout_s=LOOKUP_S)
        if not replies or not replies[0]:
            return []
        found = from_reply(replies[0], user_id=user_id, wall=self._wall(), not_node=self._node_id)
        if not found:
            return []
        nodes = sorted({phone.node for phone in found})
        left_s = max(0.0, LOOKUP_S - (self._now() - begun))
        alive = await self._link.read(("MGET", *(f"node:{node}" for node in nodes)), timeout_s=left_s)
        if not alive:
            return []
        addresses = dict(zip(nodes, map(_address_of, alive[0]), strict=True))
        return _reachable(found, addresses)[:MAX_PHONES]

    async def sources(self, user_id: str, aor: str) -> set[str]:
        """Return the addresses that phones of a user registered from at other nodes, also at those that are gone."""
        replies = await self._link.read(("HGETALL", f"reg:{aor}"), timeout_s=LOOKUP_S)
        found = from_reply((replies or [None])[0], user_id=user_id, wall=self._wall(), not_node=self._node_id)
        return {phone.source_ip for phone in found}

    def withdraw(self, aor: str, contacts: Iterable[str] | None, call_id: str, cseq: int) -> None:
        """Unregister contacts of an AOR, None for all, at whichever node they are registered."""
        texts = () if contacts is None else tuple(contacts)
        if contacts is None or texts:
            at = repr(self._wall())
            head: Command = ("EVAL", scripts.WITHDRAW, 1, f"reg:{aor}", aor, self._node_id, call_id, cseq, at)
            self._link.write((*head, *texts))

    # --- Inside -------------------------------------------------------------------------------------------------

    def _changed(self, event: BindingEvent, binding: Binding) -> None:
        if event in _GONE:
            key = f"reg:{binding.aor}"
            self._link.write(("EVAL", scripts.DROP, 1, key, binding.contact_text, self._node_id))
        else:
            self._put(binding)

    def _put(self, binding: Binding) -> None:
        left_s = int(binding.expires_at - self._wall()) + 1
        if left_s > 0:
            text = to_text(binding, self._node_id)
            contact, aor = binding.contact_text, binding.aor
            self._link.write(("EVAL", scripts.PUT, 1, f"reg:{aor}", aor, contact, text, left_s))

    async def _write_anew(self) -> None:
        while True:
            await self._all.wait()
            self._all.clear()
            self._link.write(self._sign())
            written = 0
            for user_id in self._location.user_ids():
                for binding in self._location.bindings(user_id, self._now()):
                    self._put(binding)
                    written += 1
                if written % PORTION == PORTION - 1:
                    await asyncio.sleep(0)
                while self._link.connected and self._link.queued > MOST_QUEUED:  # noqa: ASYNC110 - it has no event
                    await asyncio.sleep(0.01)

    def _sign(self) -> Command:
        """Return what tells that this node lives, and answers what was told of it before."""
        host, port = self._address()
        return ("SET", f"node:{self._node_id}", f"{host} {port}", "EX", ALIVE_S, "GET")

    async def _beat(self) -> None:
        inbox: Command = ("LPOP", f"inbox:{self._node_id}", MAX_NOTICES)
        renew_at = self._now() + RENEW_S
        while True:
            if self._link.connected:
                # Read, so that it waits for nothing that is written, and is known to be done.
                before = await self._link.read(self._sign(), timeout_s=BEAT_S)
                if before is not None:
                    self._has_lost |= before[0] is None and self._told_lately()
                    self._told = (self._now(), self._link.outages)
                # Apart: a Redis whose memory is full refuses the one and not the other.
                notices = await self._link.read(inbox, timeout_s=BEAT_S)
                for text in (notices or [None])[0] or ():
                    self._take_notice(text)
                if self._has_lost and self._now() >= self._lost_until:
                    self._has_lost, self._lost_until = False, self._now() + LOST_PAUSE_S
                    self._link.lost_keys()
                elif self._now() >= renew_at:
                    self._all.set()
                    renew_at = self._now() + RENEW_S
            await asyncio.sleep(BEAT_S)

    def _told_lately(self) -> bool:
        told_at, outages = self._told
        return self._now() - told_at < ALIVE_S / 2 and outages == self._link.outages

    def _take_notice(self, text: bytes) -> None:
        notice = notice_of(text)
        if notice is None:
            return
        for binding in self._location.bindings(notice.aor, self._now()):
            if notice.concerns(binding):
                log.info("binding.taken_over", aor=binding.aor, contact=binding.contact_text)
                self._location.remove(binding)


def _reachable(found: list[Elsewhere], addresses: dict[str, tuple[str, int] | None]) -> list[DistantPhone]:
    phones = []
    for phone in found:
        address = addresses.get(phone.node)
        if address is not None:
            phones.append(DistantPhone(phone.contact, *address, phone.source_ip))
    return phones


def _address_of(text: bytes | None) -> tuple[str, int] | None:
    """Return the address that a node tells; None for one that is gone or tells nonsense."""
    host, _, port = (text or b"").decode("ascii", "replace").partition(" ")
    if parse_ip(host) is None or not port.isdigit() or not 0 < int(port) < 65536:
        return None
    return host, int(port)
