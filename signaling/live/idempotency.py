# SPDX-License-Identifier: Apache-2.0
"""Requests that must not be done twice: the first answer is kept under the key that the client chose.

Pure. Invariant: bounded in number; when it is full the oldest answer goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

KEPT_S = 24 * 3600.0
MAX_KEPT = 10_000


class KeyReused(Exception):
    """The key was used for another request."""


class IdempotencyCache:
    """Answers by key.

    Args:
        kept_s: how long an answer is kept.
        max_kept: how many are kept.
    """

    def __init__(self, kept_s: float = KEPT_S, max_kept: int = MAX_KEPT) -> None:
        self._kept_s = kept_s
        self._max_kept = max_kept
        self._answers: OrderedDict[str, tuple[float, Any, dict[str, Any]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, key: str, request: Any, now: float) -> dict[str, Any] | None:
        """Return the answer to a request that was done before under this key, None when it was not.

        Raises:
            KeyReused: another request was done under it.
        """
        self._expire(now)
        found = self._answers.get(key)
        if found is None:
            return None
        if found[1] != request:
            raise KeyReused
        return found[2]

    def keep(self, key: str, request: Any, answer: dict[str, Any], now: float) -> None:
        """Keep the answer to a request."""
        self._answers[key] = (now + self._kept_s, request, answer)
        if len(self._answers) > self._max_kept:
            self._answers.popitem(last=False)

    def _expire(self, now: float) -> None:
        while self._answers:
            key, (until, _, _) = next(iter(self._answers.items()))
            if until > now:
                return
            del self._answers[key]
