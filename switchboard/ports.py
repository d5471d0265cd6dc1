# SPDX-License-Identifier: Apache-2.0
"""Who listens where: finds out before the start whether a port is free, and names the process that has it."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WantedPort:
    """A port that a process is about to bind."""

    address: str
    port: int
    protocol: str
    """``udp`` or ``tcp``."""
    variable: str
    """The setting that changes it."""


def problem_with(wanted: WantedPort) -> str | None:
    """Return one line on why ``wanted`` cannot be bound and what to do, or None when it is free."""
    family = socket.AF_INET6 if ipaddress.ip_address(wanted.address).version == 6 else socket.AF_INET
    kind = socket.SOCK_DGRAM if wanted.protocol == "udp" else socket.SOCK_STREAM
    flag = "--" + wanted.variable.lower().replace("_", "-")
    with socket.socket(family, kind) as probe:
        if wanted.protocol == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((wanted.address, wanted.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return f"port {wanted.port}/{wanted.protocol} cannot be bound on {wanted.address}: {error.strerror}"
            owner = owner_of(wanted.port, wanted.protocol)
            by = f" by {owner}" if owner else ""
            return (
                f"port {wanted.port}/{wanted.protocol} is taken{by}: stop that process, or choose another port "
                f"with {flag} NUMBER (or {wanted.variable}=NUMBER)"
            )
    return None


def owner_of(port: int, protocol: str, proc: Path = Path("/proc")) -> str:
    """Return ``name (pid N)`` of the process that has a port, or "" when that cannot be seen."""
    inodes = {
        fields[9]
        for table in (proc / "net" / protocol, proc / "net" / f"{protocol}6")
        if table.exists()
        for fields in (line.split() for line in table.read_text().splitlines()[1:])
        if int(fields[1].rpartition(":")[2], 16) == port
    }
    links = {f"socket:[{inode}]" for inode in inodes}
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            if any(str(link.readlink()) in links for link in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
        except OSError:
            continue  # ended meanwhile, or another user's
    return ""
