# SPDX-License-Identifier: Apache-2.0
"""Everything that one signaling node shares with others, put together: bindings, the way to phones, limits.

Knows its parts and decides nothing. Invariant: a node serves its own phones and calls whether or not any of it works.
"""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Iterable

from signaling.calls.ports import Destination
from signaling.directory import AccountInfo, UserInfo
from signaling.legs.outbound import PhoneAddress
from signaling.location import Location
from signaling.redis_link import RedisLink
from signaling.registrar import aor_of
from signaling.shared.config import SharingConfig
from signaling.shared.limits import SharedLimits
from signaling.shared.location import SharedLocation
from signaling.shared.relay import Relay
from signaling.shared.routes import RouteTexts
from signaling.sip import Flow
from signaling.sip.parser import ParseLimits
from signaling.sip.routing import bracketed
from signaling.transport import TransportManager

MOST_LOOKING = 100
"""Users whose homes are looked for at once."""
SOMEWHERE = "192.0.2.1"
"""An address on another machine (RFC 5737): what this node is called towards it is what other nodes call it."""


class NodeSharing:
    """What one node shares.

    Args:
        config: where Redis and this node are.
        location: this node's bindings.
        transport: this node's sockets.
        now: monotonic seconds.
        limits: what is parsed of messages for phones.
    """

    def __init__(
        self,
        config: SharingConfig,
        location: Location,
        transport: TransportManager,
        *,
        now: Callable[[], float],
        limits: ParseLimits,
    ) -> None:
        self.link = RedisLink(config.redis)
        self._config = config
        self._transport = transport
        self._routes = RouteTexts(config.secret, boot_id=uuid.uuid4().hex[:8])
        self.on_node: Callable[[str], None] | None = None
        """Called with the address of another node whenever phones are called through it."""
        self._looking: dict[str, asyncio.Task[None]] = {}
        self.limits = SharedLimits(self.link, now=now)
        self.relay = Relay(location, transport, self._routes, now=now, limits=limits)
        self._location = SharedLocation(
            self.link, location, node_id=config.node_id, address=self._address, now=now
        )

    async def start(self) -> None:
        """Connect to Redis, if it is there, and begin to share; the bindings of this node are restored by now."""
        await self.link.start()
        self._location.start()
        self.limits.start()

    async def leave(self) -> None:
        """Tell others that this node takes no more calls for its phones; what else is shared goes on."""
        await self._location.stop()

    async def stop(self) -> None:
        """Write what waits and disconnect."""
        for task in list(self._looking.values()):
            task.cancel()
        await self.limits.stop()
        await self.link.stop()

    def withdraw(self, aor: str, contacts: Iterable[str] | None, call_id: str, cseq: int) -> None:
        """Unregister contacts of an AOR, None for all, at whichever node they are registered."""
        self._location.withdraw(aor, contacts, call_id, cseq)

    def look_for_home(self, ip: str, user: UserInfo, account: AccountInfo, found: Callable[[], None]) -> None:
        """Call ``found`` if a phone of a user is registered from ``ip`` at another node: it has moved here."""
        if user.id not in self._looking and len(self._looking) < MOST_LOOKING:
            self._looking[user.id] = asyncio.get_running_loop().create_task(
                self._look_for_home(ip, user, account, found)
            )

    async def _look_for_home(
        self, ip: str, user: UserInfo, account: AccountInfo, found: Callable[[], None]
    ) -> None:
        try:
            if ip in await self._location.sources(user.id, aor_of(user, account)):
                found()
        finally:
            self._looking.pop(user.id, None)

    async def phones(self, user: UserInfo, account: AccountInfo) -> list[Destination]:
        """Return the phones of a user that are registered at other nodes."""
        found = await self._location.elsewhere(user.id, aor_of(user, account))
        if self.on_node is not None:
            for phone in found:
                self.on_node(phone.node_ip)
        return [
            Destination(
                address=PhoneAddress(
                    phone.contact,
                    Flow("udp", (phone.node_ip, phone.node_port), self._transport.local, 0),
                    functools.partial(self._route, user.id, phone.node_ip, phone.node_port),
                ),
                remote_ip=phone.source_ip,
                user=user,
            )
            for phone in found
        ]

    # --- Inside -------------------------------------------------------------------------------------------------

    def _route(self, user_id: str, ip: str, port: int, call_id: str) -> str:
        return f"<sip:{self._routes.to_binding(user_id, call_id)}@{bracketed(ip)}:{port};lr>"

    def _address(self) -> tuple[str, int]:
        return self._config.address or self._transport.advertised(SOMEWHERE, "udp")
