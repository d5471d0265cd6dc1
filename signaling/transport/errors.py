# SPDX-License-Identifier: Apache-2.0
"""The errors of the transports, as one tree.

TransportError
├── ListenError       a listener could not be opened; str() is the line to show the operator
├── CertificateError  the certificate of TLS cannot be used; str() names the setting
├── ResolveError      a host has no address that can be used; the caller answers 404 or 503
└── TargetRefused     an address that nothing may be sent to
"""

from __future__ import annotations

import errno
from pathlib import Path


class TransportError(Exception):
    """Base of every error of the transports; never raised itself."""


class ListenError(TransportError):
    """A SIP listener could not be opened. `taken` tells that another program holds the port."""

    def __init__(self, bind: str, port: int, protocol: str, cause: OSError) -> None:
        self.bind = bind
        self.port = port
        self.protocol = protocol
        self.taken = cause.errno == errno.EADDRINUSE
        super().__init__(self._line(cause))

    def _line(self, cause: OSError) -> str:
        where = f"SIP port {self.port}/{self.protocol} on {self.bind}"
        if self.taken:
            return f"{where} is taken by another program"
        if cause.errno == errno.EADDRNOTAVAIL:
            return f"{where}: this machine has no such address"
        if cause.errno in (errno.EACCES, errno.EPERM):
            return f"{where}: no permission (ports under 1024 need it)"
        return f"{where}: {cause.strerror or cause}"


class CertificateError(TransportError):
    """A file of SIP over TLS cannot be used. `variable` is the setting that names it."""

    def __init__(self, variable: str, path: Path, reason: str) -> None:
        super().__init__(f"{variable}: {path} cannot be used: {reason}")
        self.variable = variable
        self.path = path
        self.reason = reason


class ResolveError(TransportError):
    """No usable address for `host`. `temporary` tells that a later attempt may succeed."""

    def __init__(self, host: str, reason: str, *, temporary: bool) -> None:
        super().__init__(f"{host}: {reason}")
        self.host = host
        self.reason = reason
        self.temporary = temporary


class TargetRefused(TransportError):
    """Nothing may be sent to this address on behalf of that peer."""

    def __init__(self, ip: str, port: int, reason: str) -> None:
        super().__init__(f"{ip}:{port} is refused: {reason}")
        self.ip = ip
        self.port = port
        self.reason = reason
