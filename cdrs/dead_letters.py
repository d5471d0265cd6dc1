# SPDX-License-Identifier: Apache-2.0
"""Keeps records that can never be delivered where a person finds them, in a file of bounded size.

Invariant: adding never raises; one bad record must not hold up the others.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

_SHOWN_BYTES = 300


class DeadLetters:
    """A file of JSON lines ``{"time", "reason", "line"}``; at ``max_bytes`` it becomes ``NAME.1`` and begins anew."""

    def __init__(
        self, path: Path, *, max_bytes: int = 16 * 1024 * 1024, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock

    def add(self, line: bytes, reason: str) -> None:
        """Keep ``line`` (what could not be delivered) with ``reason``, and log it."""
        text = line.decode("utf-8", "backslashreplace")
        logger.error("CDR refused (%s), kept in %s: %s", reason, self._path, text[:_SHOWN_BYTES])
        letter = json.dumps({"time": self._clock(), "reason": reason, "line": text})
        try:
            if self._path.exists() and self._path.stat().st_size >= self._max_bytes:
                self._path.replace(self._path.with_name(self._path.name + ".1"))
            with self._path.open("a", encoding="utf-8") as file:
                file.write(letter + "\n")
        except OSError as error:
            logger.error("CDR refused and not kept, %s cannot be written: %s", self._path, error)
