# SPDX-License-Identifier: Apache-2.0
"""Remembers the outcome of mutating requests, so that a retry is answered and not executed again.

Only successes are kept: a refusal changed nothing, so executing the request again is harmless. Bounded in time and
number; the oldest go first. It must not know what the outcomes are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from media.control.errors import Reason, invalid

MAX_REQUEST_ID_CHARACTERS = 64


_Entry = tuple[float, str, str, object]
"""When it expires, the kind of request, its session and the outcome."""


class ReplayCache:
    """Outcomes by request id.

    Args:
        keep_s: how long one is kept.
        capacity: how many are kept at most.
        clock: monotonic seconds.
    """

    def __init__(self, *, keep_s: float, capacity: int, clock: Callable[[], float]) -> None:
        self._keep_s = keep_s
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, request_id: str, kind: str, session_id: str) -> object | None:
        """Return the outcome of the request, if it was executed lately.

        Raises:
            MediaError: INVALID_ARGUMENT: the id belongs to another request, or is too long.
        """
        if len(request_id) > MAX_REQUEST_ID_CHARACTERS:
            raise invalid(Reason.BAD_REQUEST, "request_id is too long")
        entry = self._entries.get(request_id)
        if entry is None or entry[0] <= self._clock():
            return None
        if entry[1:3] != (kind, session_id):
            raise invalid(Reason.BAD_REQUEST, "request_id belongs to another request")
        return entry[3]

    def keep(self, request_id: str, kind: str, session_id: str, outcome: object) -> None:
        """Remember the outcome of a request that was executed."""
        now = self._clock()
        entries = self._entries
        entries[request_id] = (now + self._keep_s, kind, session_id, outcome)
        while len(entries) > self._capacity or next(iter(entries.values()))[0] <= now:
            entries.popitem(last=False)
