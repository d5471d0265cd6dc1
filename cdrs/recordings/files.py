# SPDX-License-Identifier: Apache-2.0
"""The files of recordings below RECORDINGS_PATH, as this host sees them.

RTP managers write them, maybe elsewhere: a file that is not here is no error but a fact to tell. Invariant: nothing
outside that directory is read or removed, whatever a row says.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings

from cdrs.models import Recording

PIECE_BYTES: Final = 64 * 1024
HEADER_BYTES: Final = 44
"""Before the samples."""
BYTES_PER_MS: Final = 32
"""8 kHz, two channels, 16 bits."""
_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,64}/){0,4}[A-Za-z0-9_-]{1,64}\.wav", re.ASCII)


def is_file_name(name: object) -> bool:
    """Tell whether a name is one that recordings have; it leads nowhere else."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def root() -> Path:
    """Return the directory of recordings."""
    return Path(settings.RECORDINGS_PATH)


def read(recording: Recording, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of a recording's file from `start` up to, not including, `end`.

    Raises:
        OSError: the file is not on this host any more.
    """
    with (root() / recording.file).open("rb") as file:
        file.seek(start)
        while start < end and (piece := file.read(min(PIECE_BYTES, end - start))):
            start += len(piece)
            yield piece


def size_of(recording: Recording) -> int | None:
    """Return the size of a recording's file in bytes; None when it is not on this host."""
    if not is_file_name(recording.file):
        return None
    try:
        return (root() / recording.file).stat().st_size
    except OSError:
        return None


def duration_ms(recording: Recording, size: int | None) -> int | None:
    """Return how long a recording is in milliseconds, from its file when the row does not know; None: unknown."""
    if recording.duration_ms is not None:
        return recording.duration_ms
    return None if size is None else max(size - HEADER_BYTES, 0) // BYTES_PER_MS


def remove(name: str) -> bool:
    """Remove a file, and its directories when they are empty; tell whether it was here.

    Raises:
        OSError: it is here and cannot be removed.
    """
    if not is_file_name(name):
        return False
    path = root() / name
    try:
        path.unlink()
    except (FileNotFoundError, NotADirectoryError):
        return False
    for parent in path.relative_to(root()).parents[:-1]:
        with contextlib.suppress(OSError):
            (root() / parent).rmdir()
    return True


def all_names() -> Iterator[tuple[str, float]]:
    """Yield the name of each file of a recording on this host, and when it was last written (seconds since 1970)."""
    top = root()
    for path in top.glob("**/*.wav"):
        with contextlib.suppress(OSError):
            name = path.relative_to(top).as_posix()
            if is_file_name(name):
                yield name, path.stat().st_mtime
