# SPDX-License-Identifier: Apache-2.0
"""The certificate that SIP over TLS shows, from its files: checked as a client would, and read again when they change.

Blocking, for milliseconds. Invariant: what `load` returns can be served with now: its key fits, and its time has come
and has not passed.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from signaling.transport.errors import CertificateError

CERT, KEY, CA = "SIP_TLS_CERT", "SIP_TLS_KEY", "SIP_TLS_CA"
"""The settings that errors name."""

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for: the dates are compared here, with better words."""

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""TLS 1.2 with forward secrecy and authenticated encryption alone (RFC 9325 section 4.2); TLS 1.3 has nothing else."""

Stamp = tuple[tuple[int, int, int], ...]
"""What tells that files have changed: inode, size and time of the last change of each, rights included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the PEM files are."""

    certificate: Path
    """The node's own, with what leads to its authority after it."""
    key: Path
    authority: Path | None = None
    """Who signs the certificates of servers that calls are sent to; None: the authorities that the system trusts."""

    @classmethod
    def from_settings(cls, settings: Any) -> TlsFiles | None:
        """Return what the settings name; None: TLS is not served."""
        if settings.SIP_TLS_CERT is None or settings.SIP_TLS_KEY is None:
            return None
        return cls(certificate=settings.SIP_TLS_CERT, key=settings.SIP_TLS_KEY, authority=settings.SIP_TLS_CA)

    def stamp(self) -> Stamp | None:
        """Return what changes with the files; None while one is missing."""
        paths = (self.certificate, self.key, *([self.authority] if self.authority else []))
        try:
            found = [path.stat() for path in paths]
        except OSError:
            return None
        return tuple((each.st_ino, each.st_size, each.st_ctime_ns) for each in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A loaded certificate and what connections are made with."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    names: tuple[str, ...]
    """The names and addresses that it is for."""
    not_before: float
    """Seconds since the epoch, as `not_after`."""
    not_after: float

    def covers(self, host: str) -> bool:
        """Whether it is for a name or an address, without brackets; a wildcard stands for one label."""
        host = host.strip("[]").rstrip(".").lower()
        wanted = {host, "*." + host.partition(".")[2]}
        return any(name.lower() in wanted for name in self.names)


def load(files: TlsFiles, *, now: float | None = None) -> Identity:
    """Read the files.

    Args:
        files: which.
        now: seconds since the epoch; None: the clock's.

    Raises:
        CertificateError: one is missing, unreadable or no PEM file, the key is another certificate's, or the
            certificate is out of its time. It names the setting.
    """
    for name, path in ((CERT, files.certificate), (KEY, files.key), (CA, files.authority)):
        if path is not None:
            _readable(name, path)
    identity = read(files)
    now = time.time() if now is None else now
    if now >= identity.not_after:
        raise CertificateError(CERT, files.certificate, f"it expired on {_day(identity.not_after)}")
    if now < identity.not_before:
        raise CertificateError(CERT, files.certificate, f"it counts from {_day(identity.not_before)} on")
    return identity


def read(files: TlsFiles) -> Identity:
    """As `load`, whatever the time: what has expired can still be told about."""
    server = _context(ssl.PROTOCOL_TLS_SERVER, files)
    # A phone that comes back shows a ticket in place of the costly half of a handshake; one is enough for that.
    server.num_tickets = 1
    client = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    if files.authority is None:
        client.load_default_certs()
    else:
        _trust(client, files.authority)
    facts = _facts(server, files)
    return Identity(
        server=server,
        client=client,
        names=tuple(
            value for kind, value in facts.get("subjectAltName", ()) if kind in ("DNS", "IP Address")
        ),
        not_before=float(ssl.cert_time_to_seconds(facts["notBefore"])),
        not_after=float(ssl.cert_time_to_seconds(facts["notAfter"])),
    )


def _context(side: int, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    # A peer that asks for a new handshake again and again costs a signature each time (CVE-2011-1473).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except _Encrypted as error:
        raise CertificateError(KEY, files.key, "it is encrypted; give the key without a password") from error
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise CertificateError(KEY, files.key, f"it is not the key of {files.certificate}") from error
        raise _blame(files, error) from error
    return context


def _blame(files: TlsFiles, error: ssl.SSLError) -> CertificateError:
    """Return the error that names the file which is not what it should be."""
    if b"-----BEGIN CERTIFICATE-----" not in files.certificate.read_bytes():
        return CertificateError(CERT, files.certificate, "it holds no certificate in PEM")
    if b"PRIVATE KEY-----" not in files.key.read_bytes():
        return CertificateError(KEY, files.key, "it holds no private key in PEM")
    return CertificateError(CERT, files.certificate, f"OpenSSL cannot use it: {error.reason or error}")


def _trust(client: ssl.SSLContext, authority: Path) -> None:
    try:
        client.load_verify_locations(authority)
    except ssl.SSLError as error:
        raise CertificateError(CA, authority, "it holds no certificate in PEM") from error


class _Encrypted(Exception):
    """OpenSSL asked for a password."""


def _no_password() -> str:
    raise _Encrypted


def _readable(name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise CertificateError(name, path, error.strerror or str(error)) from error


def _facts(server: ssl.SSLContext, files: TlsFiles) -> dict[str, Any]:
    """Return what the certificate says, as `SSLSocket.getpeercert` does: a handshake in memory with one who trusts it.

    Nothing else of Python's tells it, and the library that does is ten megabytes more.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | NO_CHECK_TIME
    try:
        trusting.load_verify_locations(files.certificate)
        return _handshake(server, trusting)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or str(error)
        raise CertificateError(CERT, files.certificate, f"no client would take it: {why}") from error


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(to_server, to_client, server_side=True)
    here = client.wrap_bio(to_client, to_server)
    for _ in range(4):
        if _goes_on(here.do_handshake):
            break
        _goes_on(there.do_handshake)
    return dict(here.getpeercert() or {})


def _goes_on(handshake: Callable[[], None]) -> bool:
    """Take a step of a handshake; whether it is done."""
    try:
        handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
