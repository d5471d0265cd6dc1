# SPDX-License-Identifier: Apache-2.0
"""Recordings for tests: rows with files."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from django.conf import settings

from cdrs.models import CDR, Recording


def sound(milliseconds: int = 100) -> bytes:
    """Return a WAV file as RTP managers write it: 8 kHz, two channels, 16 bits."""
    data = b"\1\0\2\0" * (8 * milliseconds)
    form = struct.pack("<HHIIHH", 1, 2, 8000, 32000, 4, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(data))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + (b"data" + struct.pack("<I", len(data)) + data)
    )


def make_recording(call: CDR, *, content: bytes | None = None, **columns: Any) -> Recording:
    """Return the recording of a call, stored, with its file; ``content=b""``: without one."""
    content = sound() if content is None else content
    given = {
        "cdr": call,
        "account_id": call.account_id,
        "caller_number": call.caller_number,
        "callee_number": call.callee_number,
        "began_at": call.invite_time,
        "duration_ms": 100,
        "size_bytes": len(content),
        "state": "complete",
        "rtp_manager": "rtp-1",
        **columns,
    }
    recording = Recording(**given)
    recording.file = columns.get("file") or f"{call.account_id}/2030-01-01/{recording.pk}.wav"
    recording.save()
    if content:
        path = path_of(recording)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return recording


def path_of(recording: Recording) -> Path:
    """Return where the file of a recording is."""
    return Path(settings.RECORDINGS_PATH) / recording.file
