# SPDX-License-Identifier: Apache-2.0
"""Reads ended records out of a journal directory in batches, and remembers on disk how far delivery came.

Knows no sink. Invariant: the position on disk never runs ahead of `commit`, and only segments older than the position
are removed, oldest first; the newest segment stays, because the journal recovers from it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from cdrs.record import CallRecord, RecordError
from cdrs.segments import ENDED, list_segments, read_lines

logger = logging.getLogger(__name__)

_MAX_BATCH_BYTES: Final = 8 * 1024 * 1024


class Position(NamedTuple):
    """A place in the journal: a segment's file name and a byte offset in it."""

    segment: str
    offset: int


class Damage(NamedTuple):
    """A line that holds no readable record."""

    raw: bytes
    reason: str
    was_ended: bool = False


@dataclass(slots=True)
class Batch:
    """What was read in one go: records and damaged lines, and the positions before and after."""

    start: Position
    end: Position
    records: list[CallRecord] = field(default_factory=list)
    damaged: list[Damage] = field(default_factory=list)
    is_full: bool = False
    """True when a limit ended the reading, so that there may be more."""

    @property
    def ended_lines(self) -> int:
        """Lines that told of an ended call, readable or not."""
        return len(self.records) + sum(damage.was_ended for damage in self.damaged)

    @property
    def is_progress(self) -> bool:
        """True when anything was read, be it only lines that need no delivery."""
        return self.end != self.start


class JournalReader:
    """The reading end of a journal directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._cursor = directory / "cursor.json"
        self._position = self._load()
        self._counted_to = self._position
        self._ahead = 0

    def read(self, limit: int) -> Batch:
        """Return what follows the committed position, at most ``limit`` records or some megabytes.

        Raises:
            OSError: a segment cannot be read.
        """
        batch = Batch(self._position, self._position)
        size = 0
        for path, offset in self._segments_from(self._position):
            batch.end = Position(path.name, offset)
            for line in read_lines(path, offset, only_ended=True):
                batch.end = Position(path.name, line.end)
                if line.kind is None:
                    batch.damaged.append(Damage(line.body, f"damaged line in {path.name}"))
                elif line.kind == ENDED:
                    self._add(batch, line.body)
                else:
                    continue
                size += len(line.body)
                if len(batch.records) + len(batch.damaged) >= limit or size >= _MAX_BATCH_BYTES:
                    batch.is_full = True
                    return batch
        return batch

    def commit(self, batch: Batch) -> None:
        """Make the batch's end the position from which reading goes on, also after a restart; remove what is done.

        A cursor that cannot be written is only logged: the records would be delivered once more after a restart.
        """
        self._position = batch.end
        if self._counted_to <= self._position:
            self._counted_to, self._ahead = self._position, 0
        else:
            self._ahead = max(self._ahead - batch.ended_lines, 0)
        try:
            self._save()
            for path in list_segments(self._directory)[:-1]:
                if path.name >= self._position.segment:
                    break
                path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("CDR journal: cursor or old segments in %s: %s", self._directory, error)

    def count_ahead(self) -> int:
        """Return how many ended records follow the committed position; reads only what it has not counted yet."""
        try:
            for path, offset in self._segments_from(self._counted_to):
                self._counted_to = Position(path.name, offset)
                for line in read_lines(path, offset, only_ended=True):
                    self._ahead += line.kind == ENDED
                    self._counted_to = Position(path.name, line.end)
        except OSError as error:
            logger.warning("CDR journal: backlog not counted: %s", error)
        return self._ahead

    def _segments_from(self, position: Position) -> list[tuple[Path, int]]:
        """Return each segment from ``position`` on with the offset to begin at.

        The list is made before the files are read: a segment with a successor in it is complete, so its end is its
        end. A position in a segment that is gone (removed by hand) means all that is there.
        """
        segments = list_segments(self._directory)
        names = [path.name for path in segments]
        first = names.index(position.segment) if position.segment in names else 0
        return [(path, position.offset if path.name == position.segment else 0) for path in segments[first:]]

    def _add(self, batch: Batch, body: bytes) -> None:
        try:
            batch.records.append(CallRecord.from_json(body))
        except RecordError as error:
            batch.damaged.append(Damage(body, str(error), was_ended=True))

    def _load(self) -> Position:
        try:
            content = json.loads(self._cursor.read_text(encoding="ascii"))
            return Position(str(content["segment"]), max(int(content["offset"]), 0))
        except FileNotFoundError:
            return Position("", 0)
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("CDR journal: %s is not readable, delivering all again: %s", self._cursor, error)
            return Position("", 0)

    def _save(self) -> None:
        # Not synced: a power loss that brings back an older cursor costs a second delivery, never a record.
        draft = self._cursor.with_suffix(".draft")
        draft.write_text(json.dumps(self._position._asdict()), encoding="ascii")
        draft.replace(self._cursor)
