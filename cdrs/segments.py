# SPDX-License-Identifier: Apache-2.0
"""The files of the CDR journal: their names, their lines, and how to read them after anything that may have happened.

A directory holds segments, ``000000000007-1f2e3d4c.cdr``: a number that rises and a random part that makes a cursor
on a segment unmistakable. A line is ``crc32 kind json``; the CRC-32 (8 hex digits) covers ``kind json``, and JSON
holds no raw line feed, so a reader finds the next line after any damage.

Knows neither threads nor the meaning of the JSON. Invariant: each segment starts with a ``segment`` line and the last
known state of every call that was open when it was begun, and appears under its name only when that head is on disk;
so the newest segment alone tells which calls are open, and older ones may go once their ``ended`` lines are delivered.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

SEGMENT: Final = "segment"
STARTED: Final = "started"
ANSWERED: Final = "answered"
STATE: Final = "state"
ENDED: Final = "ended"
ALIVE: Final = "alive"

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""Longest line written or believed. A SIP message has at most 1 MiB, which JSON escapes can make longer."""

_NAME: Final = re.compile(r"^(\d{12})-[0-9a-f]{8}\.cdr$")
_CHUNK_BYTES: Final = 256 * 1024
_BESIDE_ENDED: Final = {kind[:5].encode(): kind for kind in (SEGMENT, STARTED, ANSWERED, STATE, ALIVE)}


class Line(NamedTuple):
    """One line of a segment. ``kind`` is None for a damaged line, whose ``body`` is then the raw bytes."""

    kind: str | None
    body: bytes
    end: int
    """Offset in the file just after the line."""


class CorruptLine(ValueError):
    """A line whose CRC, or whose form, is wrong."""


def encode_line(kind: str, body: str) -> bytes:
    """Return the line, line feed included, for a kind and its JSON (ASCII, without line feeds)."""
    content = f"{kind} {body}".encode("ascii")
    return b"%08x %b\n" % (zlib.crc32(content), content)


def decode_line(raw: bytes) -> tuple[str, bytes]:
    """Return kind and JSON of a line without its line feed.

    Raises:
        CorruptLine: the CRC does not match or the form is wrong.
    """
    content = raw[9:]
    try:
        expected = int(raw[:8], 16)
    except ValueError as error:
        raise CorruptLine("no checksum") from error
    if raw[8:9] != b" " or zlib.crc32(content) != expected:
        raise CorruptLine("checksum mismatch")
    kind, _, body = content.partition(b" ")
    return kind.decode("ascii"), body


def list_segments(directory: Path) -> list[Path]:
    """Return the directory's segments, oldest first; none when the directory does not exist."""
    try:
        names = [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        return []
    return [directory / name for name in sorted(names) if _NAME.match(name)]


def next_segment_path(directory: Path, random_bytes: bytes) -> Path:
    """Return the path of a segment that sorts after all present ones. ``random_bytes``: at least 4."""
    present = list_segments(directory)
    number = int(present[-1].name[:12]) + 1 if present else 1
    return directory / f"{number:012d}-{random_bytes[:4].hex()}.cdr"


def read_lines(path: Path, offset: int = 0, *, only_ended: bool = False) -> Iterator[Line]:
    """Yield the complete lines from ``offset`` on, damaged ones with kind None.

    With ``only_ended`` lines of other kinds come unchecked and with an empty body, which makes delivery cheaper.

    What follows the last line feed is not yielded: the line is still being written, or was torn by a crash. Memory is
    bounded by MAX_LINE_BYTES: a longer run without a line feed is yielded in pieces, as damage.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        file.seek(offset)
        rest = b""
        while chunk := file.read(_CHUNK_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            for raw in whole:
                offset += len(raw) + 1
                other = _BESIDE_ENDED.get(raw[9:14]) if only_ended else None
                yield Line(other, b"", offset) if other else _line(raw, offset)
            if len(rest) > MAX_LINE_BYTES:
                offset += len(rest)
                yield Line(None, rest, offset)
                rest = b""


def _line(raw: bytes, end: int) -> Line:
    try:
        kind, body = decode_line(raw)
    except CorruptLine:
        return Line(None, raw, end)
    return Line(kind, body, end)


@dataclass(slots=True)
class Segment:
    """A segment that is open for appending. Each call does its I/O at once and raises OSError when that fails.

    After an error the tail of the file is unknown: close the segment and begin another one.
    """

    path: Path
    fd: int
    size: int
    head_size: int = 0

    @classmethod
    def create(cls, path: Path, head: bytes) -> Segment:
        """Make a segment that appears under ``path`` only when ``head`` is on disk; leave nothing behind on failure."""
        draft = path.with_suffix(".tmp")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            write_all(fd, head)
            os.fsync(fd)
            draft.rename(path)
        except OSError:
            os.close(fd)
            draft.unlink(missing_ok=True)
            raise
        segment = cls(path, fd, len(head), len(head))
        try:
            sync_directory(path.parent)
        except OSError:
            segment.close()
            raise
        return segment

    def append(self, data: bytes) -> None:
        """Write ``data``; it survives the process from now on, and a power loss after `sync`."""
        write_all(self.fd, data)
        self.size += len(data)

    def sync(self) -> None:
        """Wait until everything that was appended is on disk."""
        os.fdatasync(self.fd)

    def close(self) -> None:
        """Close the file; errors are of no use any more, because what matters was synced before."""
        try:
            os.close(self.fd)
        except OSError:
            self.fd = -1


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``, also when the system takes it in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_directory(directory: Path) -> None:
    """Wait until the names in ``directory`` are on disk."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
