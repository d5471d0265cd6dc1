# SPDX-License-Identifier: Apache-2.0
"""Addresses: which one this node writes into a description, and which of a remote's it refuses to send to.

A remote chooses where its audio goes, so a hostile one could point it at a service of ours or of somebody else.
A party that itself signals from this host may name this host (tests, a softphone on the server's own desktop); one that
itself signals from a link-local address may name one, for no router carries it further (RFC 3927 2.7).
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable
from functools import lru_cache

from media.control.errors import MediaError, Reason, invalid

LOWEST_PORT = 1024
INTERFACES_TTL_S = 10.0
"""How long what is known of this host's interfaces is believed: laptops change networks."""

THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")
"""RFC 1122 3.2.1.3: never a destination."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
UNSPECIFIED_BINDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, never bound


def is_own_address(address: str) -> bool:
    """Tell whether the address belongs to an interface of this host: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def primary_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """Return the source address of packets towards the Internet; the loopback address when there is no route."""
    target, loopback = ("192.0.2.1", "127.0.0.1") if family == socket.AF_INET else ("2001:db8::1", "::1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 9))
        except OSError:
            return loopback
        return str(probe.getsockname()[0])


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of a numeric address, of what an IPv4-mapped one stands for; IPv4 when there is none."""
    parsed = parse_ip(address)
    return socket.AF_INET6 if parsed is not None and parsed.version == 6 else socket.AF_INET


def families(bind_ip: str) -> tuple[socket.AddressFamily, ...]:
    """Return the families that RTP sockets speak that are bound to an address, the preferred first."""
    return (socket.AF_INET, socket.AF_INET6) if bind_ip == "::" else (family_of(bind_ip),)


class AddressBook:
    """The address decisions of one node.

    Args:
        bind_ip: what the RTP sockets are bound to.
        advertise: the address to write instead, for a node behind NAT; "" for none.
        is_own: tells whether an address is this host's.
        primary: finds the primary interface's address.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        bind_ip: str,
        advertise: str,
        is_own: Callable[[str], bool] = is_own_address,
        primary: Callable[[socket.AddressFamily], str] = primary_address,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._families = families(bind_ip)
        self._fixed = advertise or ("" if bind_ip in UNSPECIFIED_BINDS else bind_ip)
        self._find_primary = primary
        self._clock = clock
        self._primary: dict[socket.AddressFamily, str] = {}
        self._valid_until = float("-inf")
        self._is_own = lru_cache(maxsize=1024)(is_own)
        self._verdict = lru_cache(maxsize=4096)(self._judge)

    def local_for(self, signaling_ip: str) -> str:
        """Return the address to write towards a remote that signals from `signaling_ip`."""
        family = family_of(signaling_ip)
        if family not in self._families:
            family = self._families[0]
        if self._fixed and (len(self._families) == 1 or family_of(self._fixed) is family):
            return self._fixed
        if is_loopback(signaling_ip):
            return "127.0.0.1" if family == socket.AF_INET else "::1"
        self._refresh()
        primary = self._primary.get(family)
        if primary is None:
            primary = self._primary[family] = self._find_primary(family)
        return primary

    def check_remote(self, remote: tuple[str, int] | None, signaling_ip: str) -> None:
        """Refuse an address that audio or reports must not be sent to; None is fine.

        Raises:
            MediaError: INVALID_ARGUMENT, reason refused_address.
        """
        if remote is None:
            return
        self._refresh()
        address, port = remote
        objection = self._verdict(address, signaling_ip)
        if not objection and not LOWEST_PORT <= port <= 65535:
            objection = f"port {port} is below {LOWEST_PORT}"
        if objection:
            raise refused(f"{address}:{port}", objection)

    def _refresh(self) -> None:
        now = self._clock()
        if now >= self._valid_until:
            self._valid_until = now + INTERFACES_TTL_S
            self._primary.clear()
            self._is_own.cache_clear()
            self._verdict.cache_clear()

    def _judge(self, address: str, signaling_ip: str) -> str:
        """Return what speaks against the address; "" for nothing."""
        parsed = parse_ip(address)
        if parsed is None or parsed.version != (6 if ":" in address else 4):
            return "it is not a plain numeric address"
        if family_of(address) not in self._families:
            return f"this RTP manager has no IPv{parsed.version} media (RTP_BIND=:: serves both families)"
        if parsed.is_unspecified or parsed in THIS_NETWORK:
            return "it is unspecified"
        if parsed.is_multicast or (parsed.version == 4 and parsed.is_reserved):
            return "it is not the address of one host"
        if parsed.is_link_local:
            return "" if is_link_local(signaling_ip) else "it is a link-local address"
        if parsed.is_loopback:
            return "" if is_loopback(signaling_ip) else "it is a loopback address"
        if self._is_own(address) and not self._is_here(signaling_ip):
            return "it is an address of this host"
        return ""

    def _is_here(self, signaling_ip: str) -> bool:
        return is_loopback(signaling_ip) or (
            parse_ip(signaling_ip) is not None and self._is_own(signaling_ip)
        )


def refused(target: str, objection: str) -> MediaError:
    """Return the error for a remote address."""
    return invalid(Reason.REFUSED_ADDRESS, f"refused address {target[:80]}: {objection}")


@lru_cache(maxsize=4096)
def parse_ip(text: str) -> IpAddress | None:
    """Return the numeric address, an IPv4-mapped one as what it stands for; None when it is none."""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        return parsed.ipv4_mapped or (None if parsed.scope_id else parsed)
    return parsed


def is_link_local(address: str) -> bool:
    """Tell whether `address` is numeric and means somebody on this link alone (RFC 3927, RFC 4291 2.5.6)."""
    parsed = parse_ip(address)
    return parsed is not None and parsed.is_link_local


def is_loopback(address: str) -> bool:
    """Tell whether `address` is numeric and of the loopback network."""
    parsed = parse_ip(address)
    return parsed is not None and parsed.is_loopback
