# SPDX-License-Identifier: Apache-2.0
"""Puts journal lines on disk, keeps what a broken disk refuses, and begins segments.

Synchronous and used by one thread; knows neither asyncio nor who waits. Invariant: after `commit` returned True every
``ended`` line handed over so far is on disk; after False each of them is on disk or held in memory, the newest
beyond ``max_held`` excepted, which are counted in ``lost``.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cdrs.segments import ALIVE, ENDED, SEGMENT, STATE, Segment, encode_line, next_segment_path

logger = logging.getLogger(__name__)

RETRY_S = 1.0
"""Pause between attempts while the disk refuses: each attempt writes everything that is held."""


class Entry(NamedTuple):
    """What the journal is told: the kind of line, the record's id and its JSON."""

    kind: str
    record_id: str
    body: str


class Committer:
    """The writing end of a journal directory."""

    def __init__(
        self,
        directory: Path,
        node_id: str,
        *,
        max_segment_bytes: int,
        max_held: int,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            directory: where the segments are; it exists.
            node_id: name of the signaling node, written into each segment's first line.
            max_segment_bytes: a segment of this size is followed by a new one, if it has doubled since it began.
            max_held: most ended records kept in memory while the disk refuses them.
            clock: seconds since the epoch.
            monotonic: seconds that only rise; paces the retries.
        """
        self._directory = directory
        self._node_id = node_id
        self._max_segment_bytes = max_segment_bytes
        self._max_held = max_held
        self._clock = clock
        self._monotonic = monotonic
        self._retry_at = 0.0
        self._segment: Segment | None = None
        self._open_calls: dict[str, bytes] = {}
        self._states: dict[str, bytes] = {}
        self._held: list[bytes] = []
        self.lost = 0
        self.problem: str | None = None

    @property
    def open_calls(self) -> int:
        """Calls that started and did not end."""
        return len(self._open_calls)

    @property
    def held(self) -> list[bytes]:
        """Ended lines that are not on disk."""
        return self._held

    def commit(self, entries: Iterable[Entry]) -> bool:
        """Write the entries, and sync when one of them ends a call. Also called with none, to retry."""
        lines, any_ended = [], False
        for entry in entries:
            line = encode_line(entry.kind, entry.body)
            lines.append(line)
            if entry.kind == ENDED:
                any_ended = True
                self._open_calls.pop(entry.record_id, None)
                self._states.pop(entry.record_id, None)
                self._hold(line)
            elif entry.kind == STATE:
                if entry.record_id in self._open_calls:
                    self._states[entry.record_id] = line
            else:
                self._open_calls[entry.record_id] = line
        return self._write(lines, sync=any_ended)

    def adopt(self, entries: Iterable[Entry]) -> None:
        """Take over calls that an earlier process left open; the next segment names them."""
        for entry in entries:
            lines = self._states if entry.kind == STATE else self._open_calls
            lines[entry.record_id] = encode_line(entry.kind, entry.body)

    def beat(self) -> bool:
        """Write a sign of life, so that a crash can be dated, and sync what is only written so far."""
        body = json.dumps({"time": self._clock()})
        return self._write([encode_line(ALIVE, body)], sync=True)

    def close(self) -> None:
        """Close the segment; held lines stay in ``held``."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _hold(self, line: bytes) -> None:
        if len(self._held) >= self._max_held:
            self.lost += 1
            return
        self._held.append(line)

    def _write(self, lines: list[bytes], *, sync: bool) -> bool:
        if self._segment is not None and not self._is_full(self._segment):
            try:
                self._segment.append(b"".join(lines))
                if sync:
                    self._segment.sync()
            except OSError as error:
                # The file's tail is unknown now, and pages of a failed fsync count as clean: write all anew elsewhere.
                logger.warning("journal %s abandoned: %s", self._segment.path.name, error)
                self.close()
            else:
                self._held.clear()
                return True
        return self._begin_segment()

    def _is_full(self, segment: Segment) -> bool:
        """Tell whether a new segment is due; one that merely has many open calls to name is not full by that."""
        return segment.size >= max(self._max_segment_bytes, 2 * segment.head_size)

    def _begin_segment(self) -> bool:
        """Begin a segment whose head repeats the open calls and all held lines, which so reach the disk."""
        if self.problem is not None and self._monotonic() < self._retry_at:
            return False
        path = next_segment_path(self._directory, os.urandom(4))
        head = json.dumps({"v": 1, "node": self._node_id, "time": self._clock()})
        try:
            segment = Segment.create(
                path, b"".join([encode_line(SEGMENT, head), *self._named(), *self._held])
            )
        except OSError as error:
            self._fail(error)
            return False
        self.close()
        self._segment = segment
        self._recover_from_problem()
        self._held.clear()
        return True

    def _named(self) -> Iterator[bytes]:
        """Return the lines of the open calls."""
        yield from self._open_calls.values()
        yield from self._states.values()

    def _fail(self, error: OSError) -> None:
        if self.problem is None:
            logger.error("CDR journal cannot be written, records are held in memory: %s", error)
        self._retry_at = self._monotonic() + RETRY_S
        self.problem = f"CDR journal {self._directory} cannot be written: {error.strerror or error}"

    def _recover_from_problem(self) -> None:
        if self.problem is not None:
            logger.warning("CDR journal can be written again; %d held records are on disk", len(self._held))
            self.problem = None
