# SPDX-License-Identifier: Apache-2.0
"""Processes that end when the one that started them does, however that came about."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
"""prctl(2): which signal a process gets when its parent dies."""


def die_with(parent: int) -> Callable[[], None] | None:
    """Return what a child does before it becomes its program, so that it is asked to stop when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
