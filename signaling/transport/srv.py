# SPDX-License-Identifier: Apache-2.0
"""The pure half of RFC 3263: which transport and port a URI asks for, and the order of SRV records (RFC 2782).

Invariant: no queries and no randomness of its own; the caller injects both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from signaling.sip.uri import SipUri

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "ws": 80, "tls": 5061, "wss": 443}
SERVICES = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
NAPTR_TRANSPORTS = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}


class Target(NamedTuple):
    """Where a request may be sent: transport in lower case, numeric address without brackets, port."""

    transport: str
    ip: str
    port: int
    host: str = ""
    """With TLS, whom the certificate must name: the host of the URI, whatever SRV made of it (RFC 5922 section 4)."""


class SrvRecord(NamedTuple):
    """One SRV record."""

    priority: int
    weight: int
    port: int
    host: str


class Question(NamedTuple):
    """What has to be looked up for a URI (RFC 3263 section 4)."""

    host: str
    """Name or numeric address, without brackets and without a trailing dot."""
    transport: str | None
    """The transport that the URI fixes, None when DNS may choose."""
    port: int | None
    """The port that the URI fixes, None when DNS may choose."""
    secure: bool
    """Whether only TLS will do (sips)."""


def question_for(uri: SipUri) -> Question:
    """Return what to look up for a sip or sips URI; maddr wins over the host (RFC 3263 section 4)."""
    host = (uri.param("maddr") or uri.host).strip("[]").rstrip(".").lower()
    secure = uri.scheme == "sips"
    transport = uri.transport
    if (transport is None and secure) or (transport == "tcp" and secure):
        transport = "tls"
    return Question(host, transport, uri.port, secure)


def order_srv(records: Iterable[SrvRecord], random: Callable[[], float]) -> list[SrvRecord]:
    """Return records by priority, and within one priority drawn by weight (RFC 2782).

    Args:
        records: the answer; a single record with the host "." (no service) gives an empty list.
        random: returns a number from 0 up to 1.
    """
    ordered: list[SrvRecord] = []
    left = sorted((record for record in records if record.host not in (".", "")), key=_weightless_first)
    while left:
        priority = left[0].priority
        group = [record for record in left if record.priority == priority]
        left = left[len(group) :]
        while group:
            ordered.append(group.pop(_draw(group, random)))
    return ordered


def _weightless_first(record: SrvRecord) -> tuple[int, int]:
    return record.priority, record.weight


def _draw(group: list[SrvRecord], random: Callable[[], float]) -> int:
    mark = random() * sum(record.weight for record in group)
    passed = 0
    for index, record in enumerate(group):
        passed += record.weight
        if passed >= mark:
            return index
    return len(group) - 1
