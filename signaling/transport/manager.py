# SPDX-License-Identifier: Apache-2.0
"""All SIP transports of a node behind one object: start, send, resolve, advertise, stop.

Knows sockets, not SIP; the node joins it to the protocol core. Invariant: callbacks run on the loop and never from
within `send`, so that the core may send from inside its own turn.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from itertools import count

from signaling.sip.flow import Flow
from signaling.sip.uri import SipUri
from signaling.transport.addresses import check_target, is_loopback, nobody, primary_address
from signaling.transport.certificate import Identity
from signaling.transport.certificate_watch import CertificateWatch
from signaling.transport.config import TransportConfig
from signaling.transport.errors import ListenError
from signaling.transport.resolver import Resolver
from signaling.transport.srv import Target
from signaling.transport.tcp import TcpTransport
from signaling.transport.tls import TlsTransport
from signaling.transport.udp import UdpTransport
from switchboard.descriptors import make_room

logger = logging.getLogger(__name__)

EPHEMERAL_ATTEMPTS = 20
"""With port 0, how often a UDP port whose TCP twin is taken is given back for another."""

PRIMARY_ADDRESS_S = 30.0
"""How long the primary interface's address is kept: it changes when a laptop changes networks."""


def _ignore(flow: Flow) -> None:
    """Take no notice: the default of the two failure callbacks."""


def _ignore_message(data: bytes, flow: Flow) -> None:
    """Take no notice: the default of `on_message`."""


class TransportManager:
    """UDP and TCP on one port, TLS on another, of one address family or of both, and the resolver.

    The callbacks are attributes and may be set until `start`.

    Args:
        config: addresses and limits.
        on_message: called with each datagram or whole stream message and its flow.
        on_connection_lost: called once with the flow of each connection that ended.
        on_send_failed: called with the flow as given to `send`, when that send failed.
        refuses: tells of an address that nothing is read from it; asked before anything else is done.
        trusts: tells of an address that somebody there has authenticated; asked of those that connect.
        resolver: resolves names; None makes one that reads the system's configuration.

    Raises:
        CertificateError: TLS is configured with files that cannot be used.
    """

    def __init__(
        self,
        config: TransportConfig,
        *,
        on_message: Callable[[bytes, Flow], None] = _ignore_message,
        on_connection_lost: Callable[[Flow], None] = _ignore,
        on_send_failed: Callable[[Flow], None] = _ignore,
        refuses: Callable[[str], bool] = nobody,
        trusts: Callable[[str], bool] = nobody,
        resolver: Resolver | None = None,
    ) -> None:
        self._config = config
        self.on_message = on_message
        self.on_connection_lost = on_connection_lost
        self.on_send_failed = on_send_failed
        self.refuses = refuses
        self.trusts = trusts
        self._resolver = resolver or Resolver(config)
        self.certificate = None if config.tls is None else CertificateWatch(config.tls, self._take_identity)
        """The certificate of TLS; None: it is not served."""
        self._udp: UdpTransport | None = None
        self._udp_v4: UdpTransport | None = None
        """Beside `_udp` when that serves IPv6 and both families are served."""
        self._tls: TlsTransport | None = None
        self._streams: dict[str, TcpTransport] = {}
        """TCP and TLS by the name of the transport."""
        self._primary: dict[bool, str] = {}
        """By whether it is that of IPv6."""
        self._primary_until = 0.0

    async def start(self) -> None:
        """Open all listeners; raise ListenError, which names port and protocol, with none left open."""
        wanted = self._config.tcp_max_connections
        encrypted = 0 if self.certificate is None else self._config.tls_max_connections
        room = make_room(wanted + encrypted)
        if room < wanted + encrypted:
            share = room / (wanted + encrypted)
            self._config = dataclasses.replace(
                self._config,
                tcp_max_connections=max(1, int(wanted * share)),
                tls_max_connections=max(1, int(encrypted * share)),
            )
        for attempt in range(EPHEMERAL_ATTEMPTS):
            try:
                await self._open()
            except ListenError as error:
                if self._config.port or not error.taken or attempt == EPHEMERAL_ATTEMPTS - 1:
                    raise
            else:
                break
        host, port = self.local
        also = "" if self._tls is None else f", TLS on port {self._tls.local[1]}"
        logger.info("SIP listens on %s:%d, UDP and TCP%s", f"[{host}]" if ":" in host else host, port, also)

    async def _open(self) -> None:
        port = self._config.port
        opened: list[UdpTransport] = []
        callbacks = (
            self.on_message,
            self.on_connection_lost,
            self.on_send_failed,
            self.refuses,
            self.trusts,
        )
        numbers = count(1)
        tcp, tls = TcpTransport(self._config, *callbacks, numbers), None
        if self.certificate is not None:
            config = dataclasses.replace(self._config, tcp_max_connections=self._config.tls_max_connections)
            tls = TlsTransport(config, *callbacks, numbers, self.certificate.identity)
        try:
            if tls is not None:
                await tls.open(self._config.tls_port)
            for bind in self._config.binds:
                udp = UdpTransport(
                    self._config, (bind, port), self.on_message, self.on_send_failed, self.refuses
                )
                udp.open()
                opened.append(udp)
                port = udp.local[1]
            await tcp.open(port)
        except BaseException:
            for udp in opened:
                udp.close()
            if tls is not None:
                await tls.close()
            raise
        self._udp, self._tls = opened[0], tls
        self._streams = {stream.kind: stream for stream in (tcp, tls) if stream is not None}
        self._udp_v4 = opened[1] if len(opened) > 1 else None

    async def stop(self) -> None:
        """Close everything; safe to call twice."""
        for stream in self._streams.values():
            await stream.close()
        for udp in (self._udp, self._udp_v4):
            if udp is not None:
                udp.close()

    @property
    def local(self) -> tuple[str, int]:
        """Bound address and port; the address may be a wildcard."""
        return self._udp.local if self._udp is not None else (self._config.bind, self._config.port)

    @property
    def tls_port(self) -> int:
        """Bound port of TLS; 0 when it is not served."""
        return 0 if self._tls is None else self._tls.local[1]

    @property
    def connections(self) -> int:
        """TCP connections now, those with TLS included."""
        return sum(len(stream) for stream in self._streams.values())

    @property
    def connections_by_transport(self) -> dict[str, int]:
        """Connections now, by transport."""
        return {kind: len(stream) for kind, stream in self._streams.items()}

    @property
    def handshakes(self) -> dict[str, int]:
        """TLS handshakes of those that connected here, and of those that this end opened, by outcome; empty without."""
        return {} if self._tls is None else self._tls.handshakes

    def send(self, data: bytes, flow: Flow) -> None:
        """Send bytes along `flow`; failures come back through `on_send_failed`."""
        if flow.transport == "udp" and self._udp is not None:
            v4 = self._udp_v4
            (self._udp if v4 is None or ":" in flow.remote[0] else v4).send(data, flow)
        elif (stream := self._streams.get(flow.transport)) is not None:
            stream.send(data, flow)
        else:
            asyncio.get_running_loop().call_soon(self.on_send_failed, flow)

    def hold(self, flow: Flow, until: float) -> None:
        """Keep the connection of `flow` open until loop time `until`: a binding depends on it."""
        if flow.connection and (stream := self._streams.get(flow.transport)) is not None:
            stream.hold(flow, until)

    def make_wait(self, flow: Flow) -> None:
        """Read nothing for a moment from a connection whose messages are not wanted; no effect on datagrams."""
        if flow.connection and (stream := self._streams.get(flow.transport)) is not None:
            stream.make_wait(flow)

    def close_from(self, matches: Callable[[str], object]) -> int:
        """Close the connections of every address that matches, at once; return how many."""
        return sum(stream.close_from(matches) for stream in self._streams.values())

    def flow_to(self, target: Target) -> Flow:
        """Return the flow that leads to a resolved target."""
        v4 = self._udp_v4
        local = self.local if v4 is None or ":" in target.ip else v4.local
        return Flow(target.transport, (target.ip, target.port), local, 0, target.host)

    async def resolve(self, uri: SipUri) -> list[Target]:
        """Return the targets of a URI, the best first; raise ResolveError when there is none (RFC 3263)."""
        return await self._resolver.resolve(uri)

    def check_target(self, target: Target, *, peer_ip: str) -> None:
        """Raise TargetRefused when `peer_ip` may not make this server send to `target`."""
        host, port = self.local
        listening = (host, self.tls_port if target.transport == "tls" else port)
        check_target(target.ip, target.port, peer_ip=peer_ip, listening=listening)

    def advertised(self, remote_ip: str, transport: str) -> tuple[str, int]:
        """Return (host, port) for Via and Contact towards `remote_ip`; IPv6 without brackets."""
        host, port = self.local
        if transport == "tls":
            port = self.tls_port
        advertise, ipv6 = self._config.advertise, ":" in remote_ip
        if advertise and (self._udp_v4 is None or (":" in advertise) is ipv6):
            return advertise, port
        if is_loopback(remote_ip):
            return ("::1" if ipv6 else "127.0.0.1"), port
        if host not in ("0.0.0.0", "::"):  # noqa: S104
            return host, port
        if self._udp_v4 is None:
            ipv6 = ":" in host
        now = asyncio.get_running_loop().time()
        if now >= self._primary_until:
            self._primary.clear()
            self._primary_until = now + PRIMARY_ADDRESS_S
        primary = self._primary.get(ipv6)
        if primary is None:
            primary = self._primary[ipv6] = primary_address(ipv6=ipv6)
        return primary, port

    def _take_identity(self, identity: Identity) -> None:
        """Show a new certificate to those who connect from now on; who is connected stays."""
        if self._tls is not None:
            self._tls.identity = identity
