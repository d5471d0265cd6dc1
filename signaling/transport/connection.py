# SPDX-License-Identifier: Apache-2.0
"""One TCP connection: bytes in, whole messages out, and the bound on what its peer leaves unread.

Knows framing and nothing else of SIP; `tcp` owns all connections and their limits, `tls` those that are encrypted. Invariant: after `closed` is
set no message is delivered and nothing is written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from typing import TYPE_CHECKING, ClassVar, Protocol, cast

from signaling.sip.errors import LocalProtocolError, ParseError, RemoteProtocolError
from signaling.sip.flow import Flow
from signaling.sip.stream import KEEP_ALIVE, PONG, StreamFramer

if TYPE_CHECKING:
    from signaling.transport.config import TransportConfig

logger = logging.getLogger(__name__)

# A dead peer is noticed after about two minutes, also on a connection that a binding holds open.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))


class ConnectionOwner(Protocol):
    """What a connection tells its owner."""

    def connection_opened(self, connection: SipConnection) -> bool:
        """Called once; False refuses the connection, which is then closed."""

    def message_received(self, connection: SipConnection, data: bytes) -> None:
        """Called with each whole message."""

    def connection_closed(self, connection: SipConnection) -> None:
        """Called once, also when the connection was refused."""


class SipConnection(asyncio.Protocol):
    """One accepted or opened connection. Ten thousand of them may say nothing, so that each is kept small."""

    __slots__ = (
        "_config",
        "_framer",
        "_loop",
        "_owner",
        "_transport",
        "closed",
        "counted",
        "flow",
        "held_until",
        "last_active",
        "number",
        "opened",
        "proven",
        "since",
    )

    kind: ClassVar[str] = "tcp"
    """The transport of its flow."""

    def __init__(
        self, owner: ConnectionOwner, config: TransportConfig, number: int, *, opened: bool, host: str = ""
    ) -> None:
        self._owner = owner
        self._config = config
        self._framer: StreamFramer | None = None
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.number = number
        """Its number in `Flow.connection`; never used again."""
        self.opened = opened
        """Whether this end opened it."""
        self.flow = Flow(self.kind, ("", 0), ("", 0), number, host)
        """The path of its messages; complete once connected."""
        self.since = self.last_active = self._loop.time()
        """Loop time of its start, and of the last whole message or keep-alive."""
        self.proven = opened
        """Whether a whole message came over it (or this end opened it)."""
        self.counted = False
        """Whether it was accepted and counts against the limits."""
        self.held_until = 0.0
        """Loop time until which idleness is no reason to close it."""
        self.closed = False
        """Whether it is closed or being closed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A stream protocol gets a stream transport; uvloop's does not derive from asyncio's class.
        transport = cast("asyncio.Transport", transport)
        self._transport = transport
        remote, local = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if not remote or not local:
            self.abort("the peer went away at once")
            return
        self.flow = self.flow._replace(remote=tuple(remote[:2]), local=tuple(local[:2]))
        transport.set_write_buffer_limits(high=self._config.tcp_write_buffer_bytes)
        self._set_keepalive(transport)
        if not self._owner.connection_opened(self):
            self.abort("limit reached")

    async def ready(self) -> None:
        """Return when messages can be written; raise OSError when that will never be."""

    def data_received(self, data: bytes) -> None:
        if not self.closed:
            self._take(data)

    def _take(self, data: bytes) -> None:
        """Take bytes of the stream of messages."""
        framer = self._framer
        if framer is None:
            framer = self._framer = StreamFramer(self._config.limits)
        try:
            messages = framer.feed(data)
        except ParseError as error:
            self._refuse(error)
            return
        pinged = False
        for message in messages:
            if self.closed:
                return
            self.last_active = self._loop.time()
            if message == KEEP_ALIVE:
                pinged = True
            else:
                self.proven = True
                self._owner.message_received(self, message)
        if pinged:
            # One answer to all that came at once: sixteen thousand fit into one read, and who waits needs one.
            self.write(PONG)
        if framer.error is not None:
            self._refuse(framer.error)

    def wait(self, seconds: float) -> None:
        """Read nothing for so long; the peer's window fills, and it waits."""
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()
            self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()

    def write(self, data: bytes) -> bool:
        """Send bytes; False when the connection is closed or closes because its peer does not read."""
        return not self.closed and self._put_on_wire(data)

    def _put_on_wire(self, data: bytes) -> bool:
        if self._transport is None:
            return False
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._config.tcp_write_buffer_bytes:
            self.abort("the peer does not read")
            return False
        return True

    def _refuse(self, error: ParseError) -> None:
        """Answer a message whose end cannot be known, if it is one that can be answered, and close."""
        logger.debug("%s framing of %s is lost: %s", self.kind, self.flow.remote, error.reason)
        if error.request is not None:
            with contextlib.suppress(RemoteProtocolError, LocalProtocolError):
                response = error.request.response(error.status_hint, to_tag=secrets.token_hex(8))
                self.write(response.to_bytes())
        self.close()

    def abort(self, reason: str) -> None:
        """Close at once; what was not yet written is lost."""
        if not self.closed:
            self.closed = True
            logger.debug(
                "%s connection %d with %s closed: %s", self.kind, self.number, self.flow.remote, reason
            )
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close after what was written has left."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._transport = None
        self._owner.connection_closed(self)

    def eof_received(self) -> bool:
        return False

    @staticmethod
    def _set_keepalive(transport: asyncio.Transport) -> None:
        sock = transport.get_extra_info("socket")
        if sock is None:
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
