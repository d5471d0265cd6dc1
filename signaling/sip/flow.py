# SPDX-License-Identifier: Apache-2.0
"""The path that a message came by or leaves by.

A value only: it knows no socket. Two equal flows are the same path, so a flow may be a dictionary key.
"""

from __future__ import annotations

from typing import NamedTuple

UNRELIABLE_TRANSPORTS = frozenset({"udp"})


class Flow(NamedTuple):
    """One path between a local and a remote address (RFC 5626 section 3)."""

    transport: str
    """"udp", "tcp", "tls", "ws" or "wss", in lower case."""
    remote: tuple[str, int]
    """Address and port of the peer, the address without brackets."""
    local: tuple[str, int]
    """Address and port of this end, the address without brackets."""
    connection: int = 0
    """Number of the connection; 0 for datagrams and for "open one to `remote` when needed"."""
    host: str = ""
    """Whom the peer's certificate must name when a TLS connection is opened; empty: the address of `remote`."""

    @property
    def reliable(self) -> bool:
        """Whether the transport itself retransmits, which switches off timers A, E and G (RFC 3261 17)."""
        return self.transport not in UNRELIABLE_TRANSPORTS
