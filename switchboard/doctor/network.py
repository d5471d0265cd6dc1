# SPDX-License-Identifier: Apache-2.0
"""Checks of ports and addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from media.control.addresses import is_own_address, primary_address
from switchboard.doctor.findings import Finding, failure, fine, warning
from switchboard.ports import WantedPort, problem_with
from switchboard.readiness import reachable, sip_answers

EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
PORTS_PER_SESSION = 2
SESSIONS_PER_CALL = 2
CONNECT_TIMEOUT_S = 1.0
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
EMPTY_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"
"""A frame of HTTP/2; its fourth octet says that these are settings (RFC 9113 section 6.5)."""


def ports(settings: Any) -> Iterator[Finding]:
    """Each listener has a port of its own that is free, or that its role already serves."""
    listeners = _listeners(settings)
    yield from _shared(listeners)
    for name, wanted in listeners:
        problem = problem_with(wanted)
        where = f"{wanted.address}:{wanted.port}/{wanted.protocol}"
        if problem is None:
            yield fine("ports", f"{name}: {where} is free")
        elif _serves(name, wanted, settings):
            yield fine("ports", f"{name}: {where} is served")
        else:
            cause, _, remedy = problem.partition(": ")
            yield failure(
                "ports",
                f"{name}: {cause}",
                remedy or f"choose another address or port with {wanted.variable}",
            )


def advertised(settings: Any) -> Iterator[Finding]:
    """Phones can be told an address that they reach."""
    name = "advertised address"
    if settings.ADVERTISE:
        own = is_own_address(settings.ADVERTISE)
        why = "an address of this host" if own else "not of this host, so a NAT must forward to it"
        yield fine(name, f"{settings.ADVERTISE}: ADVERTISE says so; it is {why}")
        return
    bound = ipaddress.ip_address(settings.SIP_BIND)
    if not bound.is_unspecified:
        yield fine(name, f"{bound}: BIND names it, and ADVERTISE is unset")
        return
    primary = primary_address(socket.AF_INET)
    if bound.version == 6 and ipaddress.ip_address(primary).is_loopback:
        primary = primary_address(socket.AF_INET6)
    if ipaddress.ip_address(primary).is_loopback:
        yield warning(
            name,
            f"{primary}: this host has no route to anywhere else",
            "connect the network, or set ADVERTISE to the address that phones reach",
        )
        return
    yield fine(
        name,
        f"{primary}: the primary interface's, because ADVERTISE is unset; the loopback for peers on this host",
    )


def rtp_range(settings: Any) -> Iterator[Finding]:
    """The range holds calls, and nobody else takes ports of it."""
    first, last = settings.RTP_PORT_MIN, settings.RTP_PORT_MAX
    sessions = (last + 1 - (first + first % 2)) // PORTS_PER_SESSION
    calls = sessions // SESSIONS_PER_CALL
    shown = f"{first}-{last}: {sessions} sessions, {calls} calls at once"
    inside = [
        wanted.variable
        for _, wanted in _listeners(settings)
        if wanted.protocol == "udp" and first <= wanted.port <= last
    ]
    if inside or not calls:
        what = f"{', '.join(inside)} lies in it" if inside else "no call fits"
        yield failure("RTP range", f"{shown}; {what}", "move RTP_PORT_MIN and RTP_PORT_MAX")
        return
    taken = _ephemeral()
    if taken is not None and first <= taken[1] and taken[0] <= last:
        yield warning(
            "RTP range",
            f"{shown}; the system gives ports {taken[0]}-{taken[1]} to any program",
            "choose a range outside, or reserve it with sysctl net.ipv4.ip_local_reserved_ports",
        )
        return
    yield fine("RTP range", shown)


def _listeners(settings: Any) -> list[tuple[str, WantedPort]]:
    listeners = [
        ("SIP", WantedPort(settings.SIP_BIND, settings.SIP_PORT, "udp", "PORT")),
        ("SIP", WantedPort(settings.SIP_BIND, settings.SIP_PORT, "tcp", "PORT")),
        ("gRPC", WantedPort(settings.GRPC_BIND, settings.GRPC_PORT, "tcp", "GRPC_PORT")),
        ("ui", WantedPort(settings.UI_BIND, settings.UI_PORT, "tcp", "UI_PORT")),
    ]
    if settings.SIP_TLS_CERT:
        listeners.append(
            ("SIP over TLS", WantedPort(settings.SIP_BIND, settings.SIP_TLS_PORT, "tcp", "SIP_TLS_PORT"))
        )
    if settings.API_ENABLED:
        listeners.append(("REST", WantedPort(settings.API_BIND, settings.API_PORT, "tcp", "API_PORT")))
    return listeners


def _shared(listeners: list[tuple[str, WantedPort]]) -> Iterator[Finding]:
    wanted_by: dict[tuple[int, str], list[str]] = {}
    for _, wanted in listeners:
        wanted_by.setdefault((wanted.port, wanted.protocol), []).append(wanted.variable)
    for (port, protocol), variables in wanted_by.items():
        if len(variables) > 1:
            yield failure(
                "ports",
                f"{' and '.join(variables)} are the same: {port}/{protocol}",
                "give each a port of its own",
            )


def _serves(name: str, wanted: WantedPort, settings: Any) -> bool:
    """Whether what has the port behaves as the role does that should have it."""
    host = reachable(wanted.address)
    if name == "SIP":
        return sip_answers(host, wanted.port, wanted.protocol)
    if name == "SIP over TLS":
        return _connects(host, wanted.port)
    if name == "gRPC":
        return _connects(host, wanted.port) if settings.GRPC_TLS_CERT else _speaks_http2(host, wanted.port)
    return _answers_health(host, wanted.port, "/api/v1/health" if name == "REST" else "/health")


def _speaks_http2(host: str, port: int) -> bool:
    """Whether a server answers the preface of HTTP/2 with its settings (RFC 9113 section 3.4), as gRPC does."""
    try:
        with socket.create_connection((host, port), CONNECT_TIMEOUT_S) as client:
            client.sendall(HTTP2_PREFACE + EMPTY_SETTINGS)
            head = client.recv(len(EMPTY_SETTINGS), socket.MSG_WAITALL)
    except OSError:
        return False
    return head[3:4] == EMPTY_SETTINGS[3:4]


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), CONNECT_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def _answers_health(host: str, port: int, path: str) -> bool:
    shown = f"[{host}]" if ":" in host else host
    try:
        with socket.create_connection((host, port), CONNECT_TIMEOUT_S) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: {shown}\r\nConnection: close\r\n\r\n".encode())
            return client.recv(64).startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
    except OSError:
        return False


def _ephemeral() -> tuple[int, int] | None:
    try:
        first, last = map(int, EPHEMERAL.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    return first, last
