# SPDX-License-Identifier: Apache-2.0
"""SIP over UDP: one socket for all peers of an address family (RFC 3261 18.2.1, RFC 3581).

Knows no SIP beyond telling a keep-alive from a message. A reader of its own rather than a DatagramProtocol: it
costs the same CPU per datagram on uvloop (bench: within 3 %), reports send errors with their destination and
bounds how many datagrams are read before timers and streams get their turn.

ICMP errors are not asked for (IP_RECVERR), although they would end an INVITE to a dead port at once: a socket with an
error in its queue polls as POLLERR, upon which libuv stops to watch it for good, and the node would be deaf.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from signaling.sip.flow import Flow
from signaling.transport.addresses import nobody
from signaling.transport.config import TransportConfig
from signaling.transport.errors import ListenError

logger = logging.getLogger(__name__)

DATAGRAMS_PER_TURN = 64
"""Read at most this many before the loop goes on: about 5 ms of work."""

TURNS_PER_LOOK = 16
"""How often it is looked whether a socket that was not busy has become so."""

MAX_DATAGRAM = 65536

SHORTEST_MESSAGE = 16
"""Nothing shorter is SIP; keep-alives (CRLF, zero bytes) are, and are not answered: RFC 5626 uses STUN here."""


class UdpTransport:
    """One bound UDP socket on the running loop.

    Args:
        config: buffer size.
        address: what to bind; port 0 takes a free one.
        on_message: called with each datagram and its flow.
        on_send_failed: called from the loop, never from within `send`, when the kernel refuses a datagram.
        refuses: tells of an address that nothing is read from it; asked first, for each datagram.
    """

    def __init__(
        self,
        config: TransportConfig,
        address: tuple[str, int],
        on_message: Callable[[bytes, Flow], None],
        on_send_failed: Callable[[Flow], None],
        refuses: Callable[[str], bool] = nobody,
    ) -> None:
        self._config = config
        self._refuses = refuses
        self._on_message = on_message
        self._on_send_failed = on_send_failed
        self._socket: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self.local = address
        self._turn = 0
        self._is_busy = False
        """Whether there was more than one datagram when that was last looked at."""
        self.dropped_sends = 0
        """Datagrams that the kernel's full send buffer refused; SIP retransmits."""

    def open(self) -> None:
        """Bind and start to read; raise ListenError when that cannot be."""
        config, (bind, port) = self._config, self.local
        family = socket.AF_INET6 if ":" in bind else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            raise ListenError(bind, port, "udp", error) from error
        try:
            sock.setblocking(False)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, config.udp_receive_buffer_bytes)
            sock.bind((bind, port))
        except OSError as error:
            sock.close()
            raise ListenError(bind, port, "udp", error) from error
        self._socket = sock
        self.local = sock.getsockname()[:2]
        self._loop.add_reader(sock, self._read)

    def close(self) -> None:
        """Stop reading and close the socket."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one datagram to `flow.remote`. Never blocks and never raises."""
        if self._socket is None:
            self._loop.call_soon(self._on_send_failed, flow)
            return
        try:
            self._socket.sendto(data, flow.remote)
        except BlockingIOError:
            self.dropped_sends += 1
        except (OSError, OverflowError, ValueError) as error:
            logger.debug("UDP to %s failed: %s", flow.remote, error)
            self._loop.call_soon(self._on_send_failed, flow)

    def _read(self) -> None:
        # A second look at a socket that mostly holds one datagram costs as much as reading it. So it is taken while
        # there is more than one, and now and then to find that out; the loop comes back for the rest.
        self._turn = (self._turn + 1) % TURNS_PER_LOOK
        limit = DATAGRAMS_PER_TURN if self._is_busy or not self._turn else 1
        local = self.local
        on_message = self._on_message
        refuses = self._refuses
        count = 0
        while count < limit and self._socket is not None:
            try:
                data, source = self._socket.recvfrom(MAX_DATAGRAM)
            except BlockingIOError:
                break
            except OSError as error:
                logger.debug("UDP receive failed: %s", error)
                break
            count += 1
            if refuses(source[0]):
                continue
            if len(data) >= SHORTEST_MESSAGE:
                on_message(data, Flow("udp", source[:2], local, 0))
        if limit > 1:
            self._is_busy = count > 1
