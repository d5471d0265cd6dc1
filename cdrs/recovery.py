# SPDX-License-Identifier: Apache-2.0
"""Finds the calls that a crash cut off, and words their records.

Reads the newest segment only, which by the journal's invariant names every open call. Writes nothing.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from cdrs.record import CallRecord, EndReason, HangupBy, RecordError
from cdrs.segments import ALIVE, ANSWERED, ENDED, SEGMENT, STARTED, list_segments, read_lines

logger = logging.getLogger(__name__)


def find_cut_off(directory: Path) -> list[CallRecord]:
    """Return a finished record for each call that started and never ended, oldest first.

    Such a call is ANSWERED when it was, else FAILED; it ends with cause ``error`` by ``system`` at the last sign of
    life that the journal holds, and its metadata say ``cut_off``.

    Raises:
        OSError: the newest segment cannot be read.
    """
    segments = list_segments(directory)
    if not segments:
        return []
    calls, last_sign = _scan(segments[-1])
    for record in calls.values():
        end = max(last_sign, record.invite_time, record.ring_time or 0.0, record.answer_time or 0.0)
        record.finish(end, EndReason.ERROR, HangupBy.SYSTEM)
        record.metadata = {**record.metadata, "cut_off": True}
    return sorted(calls.values(), key=lambda record: record.invite_time)


def _scan(segment: Path) -> tuple[dict[str, CallRecord], float]:
    """Return the calls that are open at the segment's end, and the time of the last thing it tells."""
    calls: dict[str, CallRecord] = {}
    last_sign = 0.0
    for line in read_lines(segment):
        try:
            if line.kind in (STARTED, ANSWERED, ENDED):
                record = CallRecord.from_json(line.body)
                last_sign = max(last_sign, record.end_time or record.answer_time or record.invite_time)
                if line.kind == ENDED:
                    calls.pop(record.id, None)
                else:
                    calls[record.id] = record
            elif line.kind in (ALIVE, SEGMENT):
                last_sign = max(last_sign, float(json.loads(line.body)["time"]))
        except (RecordError, ValueError, KeyError, TypeError) as error:
            logger.warning("journal %s: unreadable line before byte %d: %s", segment.name, line.end, error)
    return calls, last_sign
