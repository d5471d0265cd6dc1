# SPDX-License-Identifier: Apache-2.0
"""The only place that opens SIP sockets: UDP, TCP, TLS and name resolution (RFC 3261 section 18, RFC 3263)."""

from signaling.transport.config import TransportConfig
from signaling.transport.errors import (
    CertificateError,
    ListenError,
    ResolveError,
    TargetRefused,
    TransportError,
)
from signaling.transport.manager import TransportManager
from signaling.transport.srv import Target

__all__ = [
    "CertificateError",
    "ListenError",
    "ResolveError",
    "Target",
    "TargetRefused",
    "TransportConfig",
    "TransportError",
    "TransportManager",
]
