# SPDX-License-Identifier: Apache-2.0
"""What this machine knows of its own addresses, and which addresses nothing may be sent to.

Uses the kernel's routing table through unconnected datagram sockets; sends no packet and resolves no name.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

from signaling.transport.errors import TargetRefused

LOWEST_TARGET_PORT = 1024
"""Below it are system services; a SIP peer there is far more often an attack than a phone."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
_BROADCAST = ipaddress.ip_address("255.255.255.255")


@lru_cache(maxsize=1024)
def parse_ip(host: str) -> IpAddress | None:
    """Return the address that `host` writes, brackets and IPv4-mapped form removed; None for a name."""
    if not host or not (host[-1].isdigit() or ":" in host):
        return None
    try:
        address = ipaddress.ip_address(host[1:-1] if host[0] == "[" else host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=1024)
def is_loopback(ip: str) -> bool:
    """Whether `ip` is a loopback address."""
    address = parse_ip(ip)
    return address is not None and address.is_loopback


def is_link_local(ip: str) -> bool:
    """Whether `ip` is an address that is meant on one link alone."""
    address = parse_ip(ip)
    return address is not None and address.is_link_local


def route_source(ip: str) -> str | None:
    """Return the address that packets to `ip` leave from, None when there is no route."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((ip, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None


def primary_address(*, ipv6: bool = False) -> str:
    """Return the address of the interface that the default route uses; loopback when there is none."""
    if ipv6:
        return route_source("2001:db8::1") or "::1"
    return route_source("192.0.2.1") or "127.0.0.1"


def is_own(ip: str) -> bool:
    """Whether `ip` is one of this machine's addresses: packets to it leave from itself."""
    return is_loopback(ip) or route_source(ip) == ip


def nobody(ip: str) -> bool:
    """Choose no address: the default of who is refused, and of who is trusted."""
    return False


def source_group(ip: str) -> str:
    """Return the key that limits per source count by: the address, or the /64 of an IPv6 address."""
    if ":" not in ip:
        return ip
    address = parse_ip(ip)
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Address((int(address) >> 64) << 64))
    return ip if address is None else str(address)


def check_target(ip: str, port: int, *, peer_ip: str, listening: tuple[str, int] | None = None) -> None:
    """Refuse an address that a peer must not make this server send to.

    Args:
        ip: the numeric target.
        port: its port.
        peer_ip: who asked for it. A peer on this machine may name this machine's addresses, loopback included;
            nobody else may. Nor may anybody name a link-local address but who asks from one (RFC 3927 2.7).
        listening: the server's own (bind address, port), refused to everybody: a request sent there loops.

    Raises:
        TargetRefused: unspecified, multicast, broadcast, link-local, own or malformed address, or a port
            under 1024.
    """
    address = parse_ip(ip)
    if address is None:
        raise TargetRefused(ip, port, "not an address")
    if not LOWEST_TARGET_PORT <= port <= 65535:
        raise TargetRefused(ip, port, "port under 1024")
    if address.is_unspecified or (address.version == 4 and address in _THIS_NETWORK):
        raise TargetRefused(ip, port, "unspecified address")
    if address.is_multicast or address == _BROADCAST:
        raise TargetRefused(ip, port, "multicast or broadcast")
    if address.is_link_local and not is_link_local(peer_ip):
        raise TargetRefused(ip, port, "link-local address")
    own = is_own(str(address))
    if own and not is_own(peer_ip):
        raise TargetRefused(ip, port, "own address")
    if own and listening is not None and port == listening[1]:
        bound = parse_ip(listening[0])
        if bound is None or bound.is_unspecified or bound == address:
            raise TargetRefused(ip, port, "this server itself")
