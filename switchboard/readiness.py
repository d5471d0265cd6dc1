# SPDX-License-Identifier: Apache-2.0
"""Asks the roles on this machine whether they serve, in the way that their users do."""

from __future__ import annotations

import ipaddress
import os
import socket

from django.conf import settings

TIMEOUT_S = 1.0


def reachable(address: str) -> str:
    """Return where a listener that is bound to ``address`` is reached from this machine."""
    bound = ipaddress.ip_address(address)
    if not bound.is_unspecified:
        return address
    return "127.0.0.1" if bound.version == 4 else "::1"


def not_ready() -> list[str]:
    """Return the names of the roles that do not answer yet."""
    checks = {"rtpmanager": _rtpmanager, "signaling": _signaling, "live API": _live_api, "ui": _ui}
    return [name for name, check in checks.items() if not check()]


def _rtpmanager() -> bool:
    return _connects(reachable(settings.GRPC_BIND), settings.GRPC_PORT)


def _live_api() -> bool:
    return not settings.API_ENABLED or _connects(reachable(settings.API_BIND), settings.API_PORT)


def _ui() -> bool:
    return _connects(reachable(settings.UI_BIND), settings.UI_PORT)


def _signaling() -> bool:
    return sip_answers(reachable(settings.SIP_BIND), settings.SIP_PORT)


def _connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), TIMEOUT_S).close()
    except OSError:
        return False
    return True


def sip_answers(host: str, port: int, protocol: str = "udp", timeout_s: float = TIMEOUT_S) -> bool:
    """Whether an OPTIONS request over ``udp`` or ``tcp`` is answered in ``timeout_s`` (RFC 3261 section 11)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(family, kind) as client:
        client.settimeout(timeout_s)
        try:
            client.connect((host, port))
            client.sendall(_options(protocol, port, *client.getsockname()[:2]))
            return client.recv(65535).startswith(b"SIP/2.0 ")
        except OSError:
            return False


def _options(protocol: str, port: int, local_host: str, local_port: int) -> bytes:
    shown = f"[{local_host}]" if ":" in local_host else local_host
    token = os.urandom(8).hex()
    request = (
        f"OPTIONS sip:{shown}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/{protocol.upper()} {shown}:{local_port};branch=z9hG4bK{token};rport\r\n"
        f"From: <sip:ready@{shown}>;tag={token}\r\nTo: <sip:{shown}:{port}>\r\n"
        f"Call-ID: {token}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
    return request.encode()
