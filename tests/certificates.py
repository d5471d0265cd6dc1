# SPDX-License-Identifier: Apache-2.0
"""A certificate of the loopback address for servers that tests run, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from media.control.tests.certificates import Authority


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files, PEM."""

    path: Path
    key: Path
    authority: Path
    """The certificate of who signed it."""


def certificate(directory: Path, name: str = "server") -> Certificate:
    """Make a certificate, signed by an authority of its own."""
    authority = Authority()
    made = Certificate(*(directory / f"{name}{suffix}" for suffix in (".crt", ".key", "-ca.crt")))
    for path, pem in zip((made.path, made.key), authority.issue(name), strict=True):
        path.write_bytes(pem)
    made.authority.write_bytes(authority.pem)
    return made
