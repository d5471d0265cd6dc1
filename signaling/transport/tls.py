# SPDX-License-Identifier: Apache-2.0
"""SIP over TLS: the connections of `tcp` with a handshake in front of each (RFC 3261 section 26.2.1, RFC 5922).

A connection is counted and limited from its first byte on, not from the end of its handshake. Handshakes take turns:
of one source few are under way at once, and of all no more begin in a second than the loop can spare. Who opens a
connection checks the other's certificate against the name that it called; phones are asked for none, they have digest.
Invariant: what cannot begin its handshake in time is closed having cost nothing but its socket.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, Protocol

from signaling.sip.flow import Flow
from signaling.transport.addresses import source_group
from signaling.transport.certificate import Identity
from signaling.transport.config import TransportConfig
from signaling.transport.connection import ConnectionOwner, SipConnection
from signaling.transport.secrecy import TlsChannel
from signaling.transport.tcp import TcpTransport

if TYPE_CHECKING:
    import ssl

logger = logging.getLogger(__name__)

MAX_EARLY_BYTES = 20_000
"""More than any ClientHello; kept of each connection while its handshake waits."""
BURST_S = 0.5
"""Handshakes of so long may begin at once before the next ones wait."""
STRANGERS_SHARE = 0.5
"""How much of the turns to come strangers may take: who is known gets the others."""


class HandshakeOwner(ConnectionOwner, Protocol):
    """What a connection with TLS tells its owner beside."""

    def handshake_begins(self, connection: TlsConnection) -> float | None:
        """Return how many seconds the handshake must wait; None: there is no room for it."""

    def handshake_ended(self, connection: TlsConnection, problem: str) -> None:
        """Called once when the handshake is done, or has failed for a reason other than the end of the connection."""


class TlsConnection(SipConnection):
    """One accepted or opened connection that is encrypted."""

    __slots__ = ("_begun", "_channel", "_early", "_handshakes", "_ready", "half_open")

    kind: ClassVar[str] = "tls"

    def __init__(
        self,
        owner: HandshakeOwner,
        config: TransportConfig,
        number: int,
        context: ssl.SSLContext,
        *,
        opened: bool,
        host: str = "",
    ) -> None:
        super().__init__(owner, config, number, opened=opened, host=host)
        self._handshakes = owner
        self._channel: TlsChannel | ssl.SSLContext = context
        self._begun = opened
        self._early = b""
        """What came before the handshake had its turn."""
        self._ready: asyncio.Future[None] | None = self._loop.create_future() if opened else None
        self.half_open = False
        """Whether it counts among the handshakes of its source."""

    @property
    def is_up(self) -> bool:
        """Whether the handshake is done."""
        return isinstance(self._channel, TlsChannel) and self._channel.is_up

    async def ready(self) -> None:
        """Return when the peer has shown the right certificate; raise OSError when it does not."""
        if self._ready is not None:
            await self._ready

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.opened and not self.closed:
            self._open_channel(self.flow.host or self.flow.remote[0]).start()
            self._flush()

    def data_received(self, data: bytes) -> None:
        if self.closed:
            return
        if self._begun:
            self._decrypt(data)
            return
        waits = bool(self._early)
        self._early += data
        if len(self._early) > MAX_EARLY_BYTES:
            self.abort("no handshake begins like this")
        elif not waits:
            self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        delay_s = self._handshakes.handshake_begins(self)
        if delay_s is None:
            self.abort("too many handshakes")
        elif delay_s <= 0 or self._transport is None:
            self._begin()
        else:
            self._transport.pause_reading()
            self._loop.call_later(delay_s, self._take_turn)

    def _take_turn(self) -> None:
        if self._transport is not None and not self.closed:
            self._transport.resume_reading()
            self._begin()

    def _begin(self) -> None:
        self._begun = True
        self.since = self._loop.time()
        early, self._early = self._early, b""
        self._open_channel(None)
        self._decrypt(early)

    def _open_channel(self, server_name: str | None) -> TlsChannel:
        context = self._channel
        if isinstance(context, TlsChannel):
            return context
        self._channel = channel = TlsChannel(context, server_name)
        return channel

    def _decrypt(self, data: bytes) -> None:
        channel = self._channel
        if not isinstance(channel, TlsChannel):
            return
        was_up = channel.is_up
        plain = channel.receive(data)
        if not self._flush():
            return
        if channel.is_up and not was_up:
            self._handshakes.handshake_ended(self, "")
            self._tell_ready(None)
        if plain:
            self._take(plain)
        if channel.problem:
            self._fail(channel)
        elif channel.is_closed and not self.closed:
            self.close()

    def _fail(self, channel: TlsChannel) -> None:
        logger.debug("TLS with %s failed: %s", self.flow.remote, channel.problem)
        if not channel.is_up:
            self._handshakes.handshake_ended(self, channel.problem)
        self._tell_ready(ConnectionError(channel.problem))
        super().close()

    def _flush(self) -> bool:
        channel = self._channel
        data = channel.to_send() if isinstance(channel, TlsChannel) else b""
        return not data or self._put_on_wire(data)

    def write(self, data: bytes) -> bool:
        channel = self._channel
        if self.closed or not isinstance(channel, TlsChannel) or not channel.is_up:
            return False
        if not channel.encrypt(data):
            self._fail(channel)
            return False
        return self._flush()

    def close(self) -> None:
        if not self.closed and isinstance(self._channel, TlsChannel):
            self._channel.say_goodbye()
            self._flush()
        super().close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._tell_ready(ConnectionError("the peer closed the connection during the handshake"))

    def _tell_ready(self, error: OSError | None) -> None:
        if self._ready is None or self._ready.done():
            return
        if error is None:
            self._ready.set_result(None)
        else:
            self._ready.set_exception(error)
            # It was perhaps given up before: then nobody asks any more.
            self._ready.exception()


class TlsTransport(TcpTransport):
    """The TLS listener and its connections. As `TcpTransport`.

    Args:
        identity: the certificate; may be replaced, for connections to come.
    """

    kind: ClassVar[str] = "tls"
    # Whoever connects shows no certificate: a neighbour behind the same NAT may have the port that another had.
    findable: ClassVar[bool] = False

    def __init__(
        self,
        config: TransportConfig,
        on_message: Callable[[bytes, Flow], None],
        on_connection_lost: Callable[[Flow], None],
        on_send_failed: Callable[[Flow], None],
        refuses: Callable[[str], bool],
        trusts: Callable[[str], bool],
        numbers: Iterator[int],
        identity: Identity,
    ) -> None:
        super().__init__(config, on_message, on_connection_lost, on_send_failed, refuses, trusts, numbers)
        self.identity = identity
        self.handshakes = {"done": 0, "failed": 0, "refused": 0}
        """Handshakes by their outcome; refused: too many at once."""
        self._half_open: dict[str, int] = {}
        self._next_turn = 0.0

    def _new_connection(self, *, opened: bool, host: str = "") -> SipConnection:
        context = self.identity.client if opened else self.identity.server
        return TlsConnection(self, self._config, next(self._numbers), context, opened=opened, host=host)

    def connection_opened(self, connection: SipConnection) -> bool:
        """Take a connection into the table; False when a limit refuses it, that on handshakes included."""
        source = source_group(connection.flow.remote[0])
        under_way = self._half_open.get(source, 0)
        if not connection.opened and under_way >= self._config.tls_half_open_per_source:
            self.handshakes["refused"] += 1
            return False
        if not super().connection_opened(connection):
            return False
        if isinstance(connection, TlsConnection) and not connection.opened:
            connection.half_open = True
            self._half_open[source] = under_way + 1
        return True

    def handshake_begins(self, connection: TlsConnection) -> float | None:
        """Give a handshake its turn: none is begun sooner than the loop can spare, nor do strangers have them all."""
        now, each_s = self._loop.time(), 1.0 / self._config.tls_handshakes_per_s
        turn = max(self._next_turn, now - BURST_S)
        longest_s = self._config.tls_handshake_s
        if not self._trusts(connection.flow.remote[0]):
            longest_s *= STRANGERS_SHARE
        if turn - now > longest_s:
            self.handshakes["refused"] += 1
            return None
        self._next_turn = turn + each_s
        # Waiting is not the peer's fault.
        connection.since = max(now, turn)
        return turn - now

    def handshake_ended(self, connection: TlsConnection, problem: str) -> None:
        """Count a handshake that is over."""
        self.handshakes["failed" if problem else "done"] += 1
        self._leave_half_open(connection)

    def connection_closed(self, connection: SipConnection) -> None:
        """Forget a connection that ended and tell the owner of its flow."""
        if isinstance(connection, TlsConnection):
            self._leave_half_open(connection)
        super().connection_closed(connection)

    def _leave_half_open(self, connection: TlsConnection) -> None:
        if not connection.half_open:
            return
        connection.half_open = False
        source = source_group(connection.flow.remote[0])
        left = self._half_open[source] - 1
        if left:
            self._half_open[source] = left
        else:
            del self._half_open[source]

    def _first_s(self, connection: SipConnection) -> float:
        first_s = super()._first_s(connection)
        if isinstance(connection, TlsConnection) and not connection.is_up:
            return min(first_s, self._config.tls_handshake_s)
        return first_s
