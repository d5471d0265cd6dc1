# SPDX-License-Identifier: Apache-2.0
"""Finds the calls that a crash left open, and words the records of those that do not go on.

Reads the newest segment only, which by the journal's invariant names every open call. Writes nothing.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from cdrs.record import CallRecord, EndReason, HangupBy, RecordError
from cdrs.segments import ALIVE, ANSWERED, ENDED, SEGMENT, STARTED, STATE, list_segments, read_lines

logger = logging.getLogger(__name__)

CUT_OFF = "cut_off"
"""Says so in the metadata of a record."""


@dataclass(slots=True)
class OpenCall:
    """A call that started and never ended."""

    record: CallRecord
    state: str = ""
    """What was noted last of how to go on with it; empty: nothing."""
    last_sign: float = 0.0
    """Time of the last sign of life that the journal holds, in seconds since the epoch."""

    @property
    def ended_at(self) -> float:
        """The last time at which it is known to have been there."""
        record = self.record
        return max(self.last_sign, record.invite_time, record.ring_time or 0.0, record.answer_time or 0.0)


def find_open(directory: Path) -> list[OpenCall]:
    """Return each call that started and never ended, oldest first.

    Raises:
        OSError: the newest segment cannot be read.
    """
    segments = list_segments(directory)
    if not segments:
        return []
    calls, last_sign = _scan(segments[-1])
    for call in calls.values():
        call.last_sign = last_sign
    return sorted(calls.values(), key=lambda call: call.record.invite_time)


def find_cut_off(directory: Path) -> list[CallRecord]:
    """Return a finished record (see `cut_off`) for each call that started and never ended, oldest first.

    Raises:
        OSError: the newest segment cannot be read.
    """
    return [cut_off(call) for call in find_open(directory)]


def cut_off(call: OpenCall) -> CallRecord:
    """Finish the record of a call that a crash ended, and return it.

    Such a call is ANSWERED when it was, else FAILED; it ends with cause ``error`` by ``system`` at the last sign of
    life that the journal holds, and its metadata say ``cut_off``.
    """
    record = call.record
    record.finish(call.ended_at, EndReason.ERROR, HangupBy.SYSTEM)
    record.metadata = {**record.metadata, CUT_OFF: True}
    return record


def _scan(segment: Path) -> tuple[dict[str, OpenCall], float]:
    """Return the calls that are open at the segment's end, and the time of the last thing it tells."""
    calls: dict[str, OpenCall] = {}
    last_sign = 0.0
    for line in read_lines(segment):
        try:
            if line.kind in (STARTED, ANSWERED, ENDED):
                record = CallRecord.from_json(line.body)
                last_sign = max(last_sign, record.end_time or record.answer_time or record.invite_time)
                known = calls.pop(record.id, None)
                if line.kind != ENDED:
                    calls[record.id] = OpenCall(record, "" if known is None else known.state)
            elif line.kind == STATE:
                record_id, _, state = line.body.decode("ascii").partition(" ")
                if record_id in calls:
                    calls[record_id].state = state
            elif line.kind in (ALIVE, SEGMENT):
                last_sign = max(last_sign, float(json.loads(line.body)["time"]))
        except (RecordError, ValueError, KeyError, TypeError) as error:
            logger.warning("journal %s: unreadable line before byte %d: %s", segment.name, line.end, error)
    return calls, last_sign
