# SPDX-License-Identifier: Apache-2.0
"""Memory that a flood has left: the C library keeps what was freed for the next time, which may never come."""

from __future__ import annotations

import ctypes


def give_memory_back() -> None:
    """Return freed memory to the system; takes a millisecond for ten megabytes. Without glibc it does nothing."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
