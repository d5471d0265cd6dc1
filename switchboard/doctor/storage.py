# SPDX-License-Identifier: Apache-2.0
"""Checks of what is kept on disk: the secret key, the CDR journal, the room that is left."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from switchboard.doctor.findings import Finding, failure, fine, warning
from switchboard.published_secrets import published

SLOW_SYNC_S = 0.05
LOW_BYTES = 1 << 30
FULL_BYTES = 100 << 20
RECORDED_BYTES_PER_HOUR = 3600 * 8000 * 2 * 2
"""Two channels of 16 bits at 8 kHz."""


def secret_key(settings: Any) -> Iterator[Finding]:
    """Secrets are secret."""
    known = published(settings.ENV.secrets)
    if known:
        yield warning(
            "secret key", f"{', '.join(known)}: a secret from the documentation", "set a secret of your own"
        )
    if settings.ENV.secrets.get("SECRET_KEY"):
        if not known:
            yield fine("secret key", "SECRET_KEY is set")
        return
    path = settings.VAR_DIR / "secret-key"
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield failure("secret key", f"{path} has mode {mode:o}: others can read it", f"chmod 600 {path}")
    else:
        yield fine("secret key", f"{path} has mode {mode:o}")


def journal(settings: Any) -> Iterator[Finding]:
    """Call records reach the disk, and in a time that a BYE can wait."""
    directory = settings.VAR_DIR / "journal"
    try:
        took_s = _sync_time_s(directory)
    except OSError as error:
        yield failure(
            "journal",
            f"{directory} cannot be written: {error.strerror or error}",
            "make it writable for this user, or set VAR_DIR",
        )
        return
    if took_s > SLOW_SYNC_S:
        yield warning(
            "journal",
            f"{directory} is writable; a disk sync takes {took_s * 1000:.0f} ms, and each BYE waits for one",
            "put VAR_DIR on a faster disk, not on a network file system",
        )
    else:
        yield fine("journal", f"{directory} is writable; a disk sync takes {took_s * 1000:.1f} ms")


def free_disk(settings: Any) -> Iterator[Finding]:
    """There is room for records and uploads."""
    free = shutil.disk_usage(_existing(settings.VAR_DIR)).free
    shown = f"{free / (1 << 30):.1f} GiB free in {settings.VAR_DIR}"
    if free < FULL_BYTES:
        yield failure("free disk", shown, "make room: records could not be kept")
    elif free < LOW_BYTES:
        yield warning("free disk", shown, "make room soon, or move VAR_DIR")
    else:
        yield fine("free disk", shown)


def recordings(settings: Any) -> Iterator[Finding]:
    """RTP managers may write recordings where the ui role looks for them, and there is room for some."""
    directory = settings.RECORDINGS_PATH
    try:
        _sync_time_s(directory)
    except OSError as error:
        yield warning(
            "recordings",
            f"{directory} cannot be written: {error.strerror or error}; no RTP manager of this host can record",
            "make it writable for this user, or correct RECORDINGS_PATH",
        )
        return
    free = shutil.disk_usage(_existing(directory)).free
    hours = free // RECORDED_BYTES_PER_HOUR
    shown = f"{directory} is writable, with room for {hours:,} hours ({free / (1 << 30):.1f} GiB)"
    if free < FULL_BYTES:
        yield failure("recordings", shown, "make room: recordings end when the disk is full")
    elif free < LOW_BYTES:
        yield warning("recordings", shown, "make room soon, or lower RECORDING_RETENTION_DAYS")
    else:
        yield fine("recordings", shown)


def _sync_time_s(directory: Path) -> float:
    """Write and sync a file that has no name afterwards; return how long that took."""
    where = _existing(directory)
    with tempfile.TemporaryFile(dir=where) as draft:
        draft.write(b"doctor\n")
        draft.flush()
        began = time.perf_counter()
        os.fdatasync(draft.fileno())
        return time.perf_counter() - began


def _existing(path: Path) -> Path:
    """Return the path, or the nearest directory above it that is there: it will be made in that one."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
