# SPDX-License-Identifier: Apache-2.0
"""Reads ``host`` and ``host:port`` as people write them into settings. Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def split_server(text: str) -> tuple[str, int | None]:
    """Return host and port of ``host`` or ``host:port``; IPv6 stays in brackets.

    Raises:
        ValueError: it is neither.
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.netloc != text or parts.username is not None:
        raise ValueError(text)
    return bracketed(parts.hostname), parts.port


def bracketed(host: str) -> str:
    """Return a host as it stands in a URI: IPv6 in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def is_loopback(host: str) -> bool:
    """Tell whether only programs on this machine reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
