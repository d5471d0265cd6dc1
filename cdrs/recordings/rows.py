# SPDX-License-Identifier: Apache-2.0
"""Stores the recordings that a call's record tells of, in the transaction that stores the record.

Invariant: a recording is stored at most once, whatever is delivered twice; a part that cannot be stored takes neither
its call nor another part along.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from cdrs.choices import RecordingState
from cdrs.models import Recording
from cdrs.record import CallRecord
from cdrs.recorded import parts_of
from cdrs.recordings.files import is_file_name
from cdrs.rows import text

_MAX_BIGINT: Final = 2**63 - 1


def store(records: Iterable[CallRecord], *, using: str) -> None:
    """Store the recordings of calls; call it in the transaction that stores the calls."""
    rows = [row for record in records for row in _rows(record)]
    if rows:
        Recording.objects.using(using).bulk_create(rows, ignore_conflicts=True)


def _rows(record: CallRecord) -> Iterator[Recording]:
    for part in parts_of(record.metadata):
        try:
            yield _row(record, part)
        except (ValueError, TypeError, OverflowError, OSError):
            # Whatever a record holds in place of a part, it cannot be played.
            continue


def _row(record: CallRecord, part: dict[str, Any]) -> Recording:
    if not is_file_name(part["file"]):
        raise ValueError("no file of a recording")
    state = part.get("state", RecordingState.INTERRUPTED)
    return Recording(
        id=uuid.UUID(part["id"]),
        cdr_id=uuid.UUID(record.id),
        account_id=None if record.account_id is None else uuid.UUID(record.account_id),
        caller_number=text(record.caller_number, 128),
        callee_number=text(record.callee_number, 128),
        began_at=datetime.fromtimestamp(part["began"], UTC),
        duration_ms=_count(part.get("ms")),
        size_bytes=_count(part.get("bytes")),
        state=RecordingState(state),
        detail=text(str(part.get("detail", "")), 200),
        file=part["file"],
        rtp_manager=text(str(part.get("node", "")), 128),
    )


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _MAX_BIGINT else None
