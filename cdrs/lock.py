# SPDX-License-Identifier: Apache-2.0
"""A lock on a directory that one process at a time may use.

Invariant: the kernel drops the lock with the process, however it ends, so nothing has to be cleaned up by hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class DirectoryInUse(RuntimeError):
    """Another process holds the lock; the message names the file, the process and what to do."""


class FileLock:
    """An exclusive flock on ``path``, which is created when missing and holds the owner's process id."""

    def __init__(self, path: Path, purpose: str) -> None:
        self._path = path
        self._purpose = purpose
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock, making the directory when it is missing.

        Raises:
            DirectoryInUse: another process (or another object of this one) holds it.
            OSError: the file cannot be made.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise DirectoryInUse(
                f"{self._path.parent} is in use by process {owner} ({self._purpose}); "
                "give each signaling node a VAR_DIR of its own"
            ) from error
        self._fd = fd
        # The number is for the message of the next one only; a full disk must not keep a node from starting.
        with contextlib.suppress(OSError):
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
