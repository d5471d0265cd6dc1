# SPDX-License-Identifier: Apache-2.0
"""A network of its own for the processes of a test: they get the very ports that the manifests name.

The test's thread enters it, and what the thread starts is born in it. Only root may make one.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000


@contextmanager
def own_network(name: str) -> Iterator[None]:
    """Make a network with a loopback interface, be in it for the block, and remove it."""
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        with (
            Path("/proc/thread-self/ns/net").open("rb") as before,
            Path("/run/netns", name).open("rb") as own,
        ):
            _enter(own.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=10)


def _enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
