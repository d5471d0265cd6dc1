# SPDX-License-Identifier: Apache-2.0
"""The numbers that the transports work with; built once from the settings, read by nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field

from signaling.sip.parser import ParseLimits
from signaling.transport.certificate import TlsFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportConfig:
    """Addresses and limits of the SIP sockets."""

    bind: str = "0.0.0.0"  # noqa: S104
    """Address that UDP and TCP bind; `::` serves IPv4 as well, by sockets of its own."""
    port: int = 5060
    """Port of both; 0 takes a free one (tests)."""
    advertise: str = ""
    """Address for Via and Contact; empty: loopback towards loopback, else the primary interface's."""
    limits: ParseLimits = field(default_factory=ParseLimits)
    """Bounds on one message; a stream that exceeds them is closed."""
    udp_receive_buffer_bytes: int = 4 << 20
    """Asked of the kernel, which may grant less (net.core.rmem_max): about two seconds of a 5,000/s burst."""
    tcp_idle_s: float = 300.0
    """A connection without a whole message for this long is closed, unless a binding holds it."""
    tcp_first_message_s: float = 10.0
    """A new connection must deliver its first whole message within this time."""
    tcp_max_connections: int = 10000
    """Most accepted connections at once, and most opened ones."""
    tcp_max_per_source: int = 1000
    """Most accepted connections at once from one address (from one /64 with IPv6)."""
    tcp_write_buffer_bytes: int = 256 * 1024
    """A peer that leaves more than this unread is closed."""
    tcp_connect_timeout_s: float = 5.0
    """Time to open a connection; well below timer B, so that the call can try the next target."""
    tls: TlsFiles | None = None
    """The certificate of SIP over TLS; None: it is not served."""
    tls_port: int = 5061
    """Port of TLS; 0 takes a free one (tests)."""
    tls_max_connections: int = 4000
    """As `tcp_max_connections`: each takes ten times as much memory. The other limits on TCP hold for TLS once more."""
    tls_handshake_s: float = 5.0
    """A handshake must be done within this time."""
    tls_handshakes_per_s: int = 200
    """Most handshakes begun in a second, each about a millisecond of the loop; the others wait their turn."""
    tls_half_open_per_source: int = 100
    """Most handshakes at once with one address (with one /64 with IPv6)."""
    dns_timeout_s: float = 3.0
    """Time for all DNS queries of one name together."""
    dns_cache_entries: int = 1024
    """Most names kept."""

    @property
    def binds(self) -> tuple[str, ...]:
        """The addresses to bind, each by a socket of its own: no IPv4 address is ever written as an IPv6 one."""
        return ("::", "0.0.0.0") if self.bind == "::" else (self.bind,)  # noqa: S104
