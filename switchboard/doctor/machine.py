# SPDX-License-Identifier: Apache-2.0
"""Checks of the machine itself: its clock and the media engine."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from switchboard.doctor.findings import Finding, failure, fine, warning

TIME_ERROR = 5
"""What adjtimex(2) returns while the clock is not synchronised."""
TIMEX_BYTES = 512
"""Room for ``struct timex``; all zeros, it asks and changes nothing."""


def clock(settings: Any) -> Iterator[Finding]:
    """The clock is about right: records, nonces and tokens depend on it."""
    now = time.time()
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if now < Path(__file__).stat().st_mtime - 86400:
        yield failure(
            "clock", f"{shown} is before this program was installed", "set the clock; install chrony"
        )
    elif _is_synchronised() is False:
        yield warning(
            "clock",
            f"{shown}; the kernel says that nothing keeps it right",
            "install chrony or systemd-timesyncd (in a container: on the host)",
        )
    else:
        yield fine("clock", shown)


def engine(settings: Any) -> Iterator[Finding]:
    """The media engine can be loaded and is no debug build."""
    try:
        import switchboard_engine
    except ImportError as error:
        yield failure("engine", str(error), "build it with: make engine")
        return
    info = switchboard_engine.build_info()
    shown = f"switchboard_engine {info['version']} ({info['profile']}, {info['target']})"
    if info["profile"] != "release":
        yield warning("engine", f"{shown}: slow", "build it with: make engine")
    else:
        yield fine("engine", shown)


def _is_synchronised() -> bool | None:
    """Return what the kernel says, None when it says nothing."""
    try:
        answer = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer != TIME_ERROR
