# SPDX-License-Identifier: Apache-2.0
"""SIP over TCP: the listener, all connections, and the limits on them (RFC 3261 section 18, RFC 5626 keep-alive).

Connections are opened when something is sent to an address that none leads to, and accepted ones are used for
requests too. Invariants: accepted connections never exceed the two limits; when the table is full, the oldest
connection without a message makes room, of a stranger first, then the one idle for longest that no binding holds, so
strangers cannot keep phones out; few of those without a message are kept at all.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from typing import ClassVar

from signaling.sip.flow import Flow
from signaling.transport.addresses import source_group
from signaling.transport.config import TransportConfig
from signaling.transport.connection import SipConnection
from signaling.transport.errors import ListenError
from signaling.transport.memory import give_memory_back
from signaling.transport.outbox import Outbox, Peer, peer_of

logger = logging.getLogger(__name__)

BACKLOG = 1024
LONGEST_SWEEP_S = 1.0
UNPROVEN_SHARE = 5
UNPROVEN_AT_LEAST = 100
"""One in so many of all connections may be waiting for its first message, or a hundred."""
UNWANTED_S = 0.25
"""How long nothing is read from a connection after a message that the guard did not let pass."""
TRIM_AFTER = 500
"""Connections that are gone before the memory they leave is worth a millisecond of giving it back."""

Address = tuple[str, int]


class TcpTransport:
    """The TCP listener and its connections on the running loop.

    Args:
        config: addresses and limits.
        on_message: called with each whole message and its flow.
        on_connection_lost: called once with the flow of each connection that ended.
        on_send_failed: called from the loop, never from within `send`, with the flow that could not be sent to.
        refuses: tells of an address that it gets no connection.
        trusts: tells of an address that somebody there has authenticated: strangers make room first.
        numbers: of connections; those of all transports of a node differ.
    """

    kind: ClassVar[str] = "tcp"
    """The transport of its flows."""
    findable: ClassVar[bool] = True
    """Whether an accepted connection takes what is for the address that it came from."""

    def __init__(
        self,
        config: TransportConfig,
        on_message: Callable[[bytes, Flow], None],
        on_connection_lost: Callable[[Flow], None],
        on_send_failed: Callable[[Flow], None],
        refuses: Callable[[str], bool],
        trusts: Callable[[str], bool],
        numbers: Iterator[int],
    ) -> None:
        self._config = config
        self._refuses = refuses
        self._trusts = trusts
        self._on_message = on_message
        self._on_connection_lost = on_connection_lost
        self._on_send_failed = on_send_failed
        self._loop = asyncio.get_running_loop()
        self._servers: list[asyncio.Server] = []
        self._connections: dict[int, SipConnection] = {}
        # Accepted connections that may be closed to make room, the first to go first.
        self._unproven: dict[int, SipConnection] = {}
        self._proven: dict[int, SipConnection] = {}
        self._by_peer: dict[Peer, SipConnection] = {}
        self._per_source: dict[str, int] = {}
        self._outbox = Outbox(config, self._new_connection, on_send_failed)
        self._numbers = numbers
        self._accepted = 0
        self._untrimmed = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self.local: Address = (config.bind, 0)
        self.refused = 0
        """Connections refused or evicted because a limit was reached."""

    async def open(self, port: int) -> None:
        """Listen on `port`; raise ListenError when that cannot be."""
        for bind in self._config.binds:
            try:
                sock = _listening_socket(bind, port, self.kind)
            except ListenError:
                self._stop_listening()
                raise
            server = await self._loop.create_server(
                lambda: self._new_connection(opened=False), sock=sock, backlog=BACKLOG
            )
            self._servers.append(server)
            port = sock.getsockname()[1]
        self.local = (self._config.bind, port)
        self._sweep()

    async def close(self) -> None:
        """Stop listening and close every connection after what was written has left."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._stop_listening()
        await self._outbox.close()
        for connection in list(self._connections.values()):
            connection.close()
        await asyncio.sleep(0)
        for connection in list(self._connections.values()):
            connection.abort("stopping")

    def _stop_listening(self) -> None:
        for server in self._servers:
            server.close()
        self._servers.clear()

    def __len__(self) -> int:
        return len(self._connections)

    def send(self, data: bytes, flow: Flow) -> None:
        """Send over the connection of `flow`, or over one to `flow.remote` that is opened when there is none."""
        if flow.connection:
            connection = self._connections.get(flow.connection)
        else:
            peer = peer_of(flow)
            connection = self._by_peer.get(peer)
            if connection is None or connection.closed or peer in self._outbox:
                self._outbox.send(data, flow)
                return
        if connection is None or not connection.write(data):
            self._loop.call_soon(self._on_send_failed, flow)

    def make_wait(self, flow: Flow) -> None:
        """Read nothing for a moment from the connection of `flow`: what is dropped costs nothing unread."""
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.wait(UNWANTED_S)

    def hold(self, flow: Flow, until: float) -> None:
        """Keep the connection of `flow` open until loop time `until`, however idle: a binding depends on it."""
        connection = self._connections.get(flow.connection)
        if connection is not None:
            connection.held_until = max(connection.held_until, until)
            self._unproven.pop(connection.number, None)
            self._proven.pop(connection.number, None)

    def close_from(self, matches: Callable[[str], object]) -> int:
        """Close the connections of every address that matches, at once; return how many."""
        found = [each for each in self._connections.values() if matches(each.flow.remote[0])]
        for connection in found:
            connection.abort("banned")
        return len(found)

    def _new_connection(self, *, opened: bool, host: str = "") -> SipConnection:
        return SipConnection(self, self._config, next(self._numbers), opened=opened, host=host)

    def connection_opened(self, connection: SipConnection) -> bool:
        """Take a connection into the table; False when a limit refuses it."""
        if self._refuses(connection.flow.remote[0]):
            return False
        if not connection.opened and not self._admit(connection):
            self.refused += 1
            return False
        self._connections[connection.number] = connection
        if connection.opened or self.findable:
            self._by_peer[peer_of(connection.flow)] = connection
        return True

    def _admit(self, connection: SipConnection) -> bool:
        source = source_group(connection.flow.remote[0])
        held = self._per_source.get(source, 0)
        if held >= self._config.tcp_max_per_source:
            return False
        most = self._config.tcp_max_connections
        if len(self._unproven) >= max(UNPROVEN_AT_LEAST, most // UNPROVEN_SHARE):
            self._evict()
        if self._accepted >= most and not self._evict():
            return False
        self._per_source[source] = held + 1
        self._accepted += 1
        connection.counted = True
        self._unproven[connection.number] = connection
        return True

    def _evict(self) -> bool:
        """Close the accepted connection that is missed least; False when bindings hold them all."""
        victim = self._least_missed()
        if victim is None:
            return False
        self.refused += 1
        self._forget(victim)
        victim.abort("made room for another")
        return True

    def _least_missed(self) -> SipConnection | None:
        for connection in self._unproven.values():
            if not self._trusts(connection.flow.remote[0]):
                return connection
        return next(iter((self._unproven or self._proven).values()), None)

    def message_received(self, connection: SipConnection, data: bytes) -> None:
        """Pass a whole message on."""
        number = connection.number
        if self._unproven.pop(number, None) is not None or self._proven.pop(number, None) is not None:
            self._proven[number] = connection
        self._on_message(data, connection.flow)

    def connection_closed(self, connection: SipConnection) -> None:
        """Forget a connection that ended and tell the owner of its flow."""
        self._forget(connection)
        if connection.opened or connection.counted:
            self._on_connection_lost(connection.flow)

    def _forget(self, connection: SipConnection) -> None:
        if self._connections.pop(connection.number, None) is None:
            return
        self._unproven.pop(connection.number, None)
        self._proven.pop(connection.number, None)
        if self._by_peer.get(peer_of(connection.flow)) is connection:
            del self._by_peer[peer_of(connection.flow)]
        if not connection.counted:
            return
        self._accepted -= 1
        self._untrimmed += 1
        source = source_group(connection.flow.remote[0])
        left = self._per_source[source] - 1
        if left:
            self._per_source[source] = left
        else:
            del self._per_source[source]

    def _first_s(self, connection: SipConnection) -> float:
        """Return how long a connection may be without its first whole message."""
        return self._config.tcp_first_message_s

    def _sweep(self) -> None:
        config, now = self._config, self._loop.time()
        for connection in list(self._connections.values()):
            if now < connection.held_until:
                continue
            idle_s = now - connection.last_active
            if not connection.proven and now - connection.since >= self._first_s(connection):
                connection.abort("no message in time")
            elif idle_s >= config.tcp_idle_s:
                connection.abort("idle")
            elif connection.counted and connection.proven:
                self._proven.setdefault(connection.number, connection)
        if self._untrimmed >= TRIM_AFTER and self._accepted < self._untrimmed:
            self._untrimmed = 0
            give_memory_back()
        pause_s = min(LONGEST_SWEEP_S, config.tcp_first_message_s / 4, config.tcp_idle_s / 4)
        self._sweeper = self._loop.call_later(pause_s, self._sweep)


def _listening_socket(bind: str, port: int, kind: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ListenError(bind, port, kind, error) from error
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((bind, port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(bind, port, kind, error) from error
    return sock
