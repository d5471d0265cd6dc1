# SPDX-License-Identifier: Apache-2.0
"""What the record of a call says of its recordings, on its way from the call to the database.

A part is one file: ``id``, ``file`` below RECORDINGS_PATH, ``node`` (RTP manager), ``began``; once it has ended also
``state``, ``ms``, ``bytes`` and ``detail``, as far as they are known. Pure. Invariant: a part that has no state was
interrupted, if its call is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

PARTS: Final = "recordings"
"""Where the parts are in the metadata of a record."""
MAX_PARTS: Final = 20
"""Of one call."""


class PartState(StrEnum):
    """What became of a part."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


def parts_of(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the parts in the metadata of a record; what is none is left out."""
    parts = metadata.get(PARTS)
    if not isinstance(parts, list):
        return []
    return [
        part
        for part in parts[:MAX_PARTS]
        if isinstance(part, dict) and {"id", "file", "began"} <= part.keys()
    ]
