# SPDX-License-Identifier: Apache-2.0
"""How far an export is, for the page that started it; kept in Django's cache, because any process may be asked.

Invariant: only the person who started an export is told of it.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from django.core.cache import cache

KEPT_S: Final = 3600
SAVE_EVERY_S: Final = 0.5
_TOKEN: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True, kw_only=True)
class Progress:
    """How far one export is."""

    token: str
    user_id: int
    rows: int = 0
    bytes_sent: int = 0
    started: float = 0.0
    """Seconds since the epoch."""
    updated: float = 0.0
    state: str = "running"
    """``running``, ``done`` or ``failed``."""

    @classmethod
    def of(cls, token: str, user_id: int) -> Self | None:
        """Return the export with a token, None when there is none or it is somebody else's."""
        kept = cache.get(_key(token)) if is_token(token) else None
        return cls(**kept) if kept and kept["user_id"] == user_id else None

    def begin(self) -> None:
        """Note that the first piece is on its way."""
        self.started = self.updated = time.time()
        self._save()

    def add(self, rows: int, size: int) -> None:
        """Count a piece."""
        self.rows += rows
        self.bytes_sent += size
        if time.time() - self.updated >= SAVE_EVERY_S:
            self.updated = time.time()
            self._save()

    def end(self, *, complete: bool) -> None:
        """Note that the file is complete, or that it broke off."""
        self.updated = time.time()
        self.state = "done" if complete else "failed"
        self._save()

    @property
    def seconds(self) -> float:
        """How long it took so far."""
        return max(self.updated - self.started, 0.001)

    @property
    def rows_per_second(self) -> int:
        """Rows a second since the start."""
        return round(self.rows / self.seconds)

    def _save(self) -> None:
        values: dict[str, Any] = asdict(self)
        cache.set(_key(self.token), values, KEPT_S)


def new_token() -> str:
    """Return a name for an export that nobody can guess."""
    return secrets.token_hex(16)


def is_token(text: str) -> bool:
    """Return whether `new_token` may have made it."""
    return _TOKEN.fullmatch(text) is not None


def _key(token: str) -> str:
    return f"cdr-export:{token}"
