# SPDX-License-Identifier: Apache-2.0
"""Reads ``host``, ``host:port`` and URLs as people write them into settings. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

DOMAIN = r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z"
"""A domain in lower case (RFC 1123 2.1), or an IPv4 address."""


def domain(text: str) -> str:
    """Return a domain in lower case.

    Raises:
        ValueError: it is none.
    """
    lower = text.lower()
    if not text.isascii() or re.match(DOMAIN, lower) is None:
        raise ValueError(text)
    return lower


def split_server(text: str) -> tuple[str, int | None]:
    """Return host and port of ``host`` or ``host:port``; IPv6 stays in brackets.

    Raises:
        ValueError: it is neither.
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.netloc != text or parts.username is not None:
        raise ValueError(text)
    return bracketed(parts.hostname), parts.port


def is_url(text: str, *schemes: str) -> bool:
    """Tell whether a text is a URL of one of the schemes that names a host, and a port that can be."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_host_port(text: str) -> bool:
    """Tell whether a text is ``host:port``."""
    try:
        return bool(split_server(text)[1])
    except ValueError:
        return False


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
