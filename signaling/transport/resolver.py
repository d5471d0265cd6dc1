# SPDX-License-Identifier: Apache-2.0
"""Names to targets by RFC 3263: NAPTR, SRV and address records, asked all at once.

Asynchronous throughout: dnspython's resolver, and the system's own (hosts file, mDNS) in a thread for names that
DNS does not know. Invariants: an answer or a ResolveError within twice `dns_timeout_s`; a bounded cache; one
lookup at a time per question and at most MAX_LOOKUPS in all.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.resolver

from signaling.sip.uri import SipUri
from signaling.transport.addresses import parse_ip
from signaling.transport.config import TransportConfig
from signaling.transport.errors import ResolveError
from signaling.transport.srv import (
    DEFAULT_PORTS,
    NAPTR_TRANSPORTS,
    SERVICES,
    Question,
    SrvRecord,
    Target,
    order_srv,
    question_for,
)

logger = logging.getLogger(__name__)

SUPPORTED = ("udp", "tcp")
"""Transports that DNS may choose, in the order of preference when it does not say; TLS is for who asks for it."""

MAX_LOOKUPS = 64
MAX_TARGETS = 16
"""Most addresses of one answer that are tried."""

SHORTEST_TTL_S, LONGEST_TTL_S, NEGATIVE_TTL_S = 5.0, 300.0, 10.0


class _Found(NamedTuple):
    """The records of one query; `failed` when the servers gave no answer at all."""

    records: tuple[object, ...] = ()
    ttl_s: float = NEGATIVE_TTL_S
    failed: bool = False


class _Cached(NamedTuple):
    expires_at: float
    targets: tuple[Target, ...]


class _Family(NamedTuple):
    kind: str
    family: socket.AddressFamily


A, AAAA = _Family("A", socket.AF_INET), _Family("AAAA", socket.AF_INET6)


class Resolver:
    """Resolves SIP URIs to targets.

    Args:
        config: timeouts and cache size.
        dns_resolver: a dnspython resolver; None reads the system's configuration.
        clock: monotonic seconds.
        draw: returns a number from 0 up to 1, for SRV weights.
    """

    def __init__(
        self,
        config: TransportConfig,
        *,
        dns_resolver: dns.asyncresolver.Resolver | None = None,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._timeout_s = config.dns_timeout_s
        self._cache_entries = config.dns_cache_entries
        self._families = [AAAA if ":" in bind else A for bind in reversed(config.binds)]
        self._opened = SUPPORTED if config.tls is None else (*SUPPORTED, "tls")
        """Transports that can be opened."""
        self._dns = dns_resolver or _system_resolver()
        self._clock = clock
        self._draw = draw
        self._cache: dict[Question, _Cached] = {}
        self._lookups: dict[Question, asyncio.Task[tuple[Target, ...]]] = {}

    async def resolve(self, uri: SipUri) -> list[Target]:
        """Return the targets of a sip or sips URI, the best first; never empty.

        Raises:
            ResolveError: no address, a transport that cannot be opened, or too many lookups at once.
        """
        if uri.scheme not in ("sip", "sips"):
            raise ResolveError(str(uri), "not a SIP URI", temporary=False)
        question = question_for(uri)
        if question.transport is not None and question.transport not in self._opened:
            raise ResolveError(
                question.host, f"transport {question.transport} is not supported", temporary=False
            )
        if parse_ip(question.host) is not None or question.host == "localhost":
            return self._numeric(question)
        targets = self._from_cache(question)
        if targets is None:
            targets = await asyncio.shield(self._lookup(question))
        if not targets:
            raise ResolveError(question.host, "no address", temporary=False)
        return list(targets)

    def _numeric(self, question: Question) -> list[Target]:
        transport = question.transport or "udp"
        host = question.host
        if host == "localhost":
            host = "127.0.0.1" if A in self._families else "::1"
        ip, port = str(parse_ip(host)), question.port or DEFAULT_PORTS[transport]
        return [Target(transport, ip, port, question.host if transport == "tls" else "")]

    def _from_cache(self, question: Question) -> tuple[Target, ...] | None:
        cached = self._cache.get(question)
        if cached is None or cached.expires_at <= self._clock():
            return None
        return cached.targets

    def _lookup(self, question: Question) -> asyncio.Task[tuple[Target, ...]]:
        task = self._lookups.get(question)
        if task is None:
            if len(self._lookups) >= MAX_LOOKUPS:
                raise ResolveError(question.host, "too many lookups at once", temporary=True)
            task = asyncio.get_running_loop().create_task(self._ask(question))
            task.add_done_callback(lambda done: self._lookup_done(question, done))
            self._lookups[question] = task
        return task

    def _lookup_done(self, question: Question, task: asyncio.Task[tuple[Target, ...]]) -> None:
        self._lookups.pop(question, None)
        if not task.cancelled():
            task.exception()

    async def _ask(self, question: Question) -> tuple[Target, ...]:
        services, addresses = await asyncio.gather(
            self._services(question), self._addresses(question.host, question.port, question.transport)
        )
        targets, ttl_s, failed = services if services[0] else addresses
        if question.transport == "tls":
            targets = tuple(target._replace(host=question.host) for target in targets)
        if not targets and failed:
            raise ResolveError(question.host, "the name servers do not answer", temporary=True)
        self._remember(question, targets[:MAX_TARGETS], ttl_s)
        return targets[:MAX_TARGETS]

    async def _services(self, question: Question) -> tuple[tuple[Target, ...], float, bool]:
        """Return the targets that NAPTR and SRV records name; none when the URI fixes a port."""
        if question.port is not None:
            return (), NEGATIVE_TTL_S, False
        names = await self._service_names(question)
        answers = await asyncio.gather(*(self._query(name, "SRV") for _, name in names))
        targets: list[Target] = []
        ttls: list[float] = []
        for (transport, _), found in zip(names, answers, strict=True):
            records = [SrvRecord(r.priority, r.weight, r.port, _text(r.target)) for r in found.records]  # type: ignore[attr-defined]
            ordered = order_srv(records, self._draw)[:MAX_TARGETS]
            resolved = await asyncio.gather(
                *(self._addresses(record.host, record.port, transport) for record in ordered)
            )
            for addresses, ttl_s, _ in resolved:
                targets += addresses
                ttls.append(min(ttl_s, found.ttl_s))
        return tuple(targets), min(ttls, default=NEGATIVE_TTL_S), any(found.failed for found in answers)

    async def _service_names(self, question: Question) -> list[tuple[str, str]]:
        """Return (transport, SRV name) pairs to ask for, the preferred first (RFC 3263 section 4.1)."""
        if question.transport is not None:
            return [(question.transport, f"{SERVICES[question.transport]}.{question.host}")]
        found = await self._query(question.host, "NAPTR")
        usable = sorted(
            (r.order, r.preference, NAPTR_TRANSPORTS[_service(r)], _text(r.replacement))  # type: ignore[attr-defined]
            for r in found.records
            if NAPTR_TRANSPORTS.get(_service(r)) in SUPPORTED and r.flags.lower() == b"s"  # type: ignore[attr-defined]
        )
        if usable:
            return [(transport, name) for _, _, transport, name in usable[:MAX_TARGETS]]
        return [(transport, f"{SERVICES[transport]}.{question.host}") for transport in SUPPORTED]

    async def _addresses(
        self, host: str, port: int | None, transport: str | None
    ) -> tuple[tuple[Target, ...], float, bool]:
        """Return the targets of the address records of `host`, from DNS or else from the system."""
        transport = transport or "udp"
        port = port or DEFAULT_PORTS[transport]
        answers = await asyncio.gather(*(self._query(host, family.kind) for family in self._families))
        ips: Iterable[str] = [r.address for found in answers for r in found.records]  # type: ignore[attr-defined]
        if not ips:
            ips = await self._system_addresses(host)
        ttl_s = min((found.ttl_s for found in answers if found.records), default=answers[0].ttl_s)
        return tuple(Target(transport, ip, port) for ip in ips), ttl_s, any(found.failed for found in answers)

    async def _query(self, name: str, kind: str) -> _Found:
        try:
            answer = await self._dns.resolve(name, kind, lifetime=self._timeout_s, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return _Found()
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            logger.debug("DNS query %s %s failed: %s", name, kind, error)
            return _Found(failed=True)
        ttl_s = min(max(float(answer.ttl), SHORTEST_TTL_S), LONGEST_TTL_S)
        return _Found(tuple(answer), ttl_s)

    async def _system_addresses(self, host: str) -> list[str]:
        family = self._families[0].family if len(self._families) == 1 else socket.AF_UNSPEC
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await asyncio.get_running_loop().getaddrinfo(
                    host, None, family=family, type=socket.SOCK_DGRAM
                )
        except (OSError, TimeoutError, UnicodeError):
            return []
        return [str(entry[4][0]) for entry in found]

    def _remember(self, question: Question, targets: tuple[Target, ...], ttl_s: float) -> None:
        self._cache.pop(question, None)
        while len(self._cache) >= self._cache_entries:
            del self._cache[next(iter(self._cache))]
        self._cache[question] = _Cached(self._clock() + ttl_s, targets)


def _system_resolver() -> dns.asyncresolver.Resolver:
    try:
        return dns.asyncresolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return dns.asyncresolver.Resolver(configure=False)


def _text(name: object) -> str:
    return str(name).rstrip(".").lower() or "."


def _service(record: object) -> str:
    return str(record.service, "ascii", "replace").upper()  # type: ignore[attr-defined]
