# SPDX-License-Identifier: Apache-2.0
"""Somebody's wish that a call leaves its RTP manager, and what became of it.

The call says when it can (a prompt is played to its end first), the one who asked says when it may (few at a time),
the call carries it out. Invariant: a request is finished once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from signaling.mediapool import MediaNode


class MoveOutcome(StrEnum):
    """What became of a request."""

    MOVED = "moved"
    REFUSED = "refused"
    """A party refused; the call is where it was."""
    NOT_NOW = "not_now"
    """No other RTP manager could take it, or it is not settled yet; ask again later."""
    ENDED = "ended"
    """The call ended first."""


class MoveRequest:
    """One request to one call.

    Args:
        node: the RTP manager to leave.
        reason: a word for the record of the call.
        on_change: called when the request becomes ready, and when it is finished.

    Attributes:
        is_ready: the call can move now.
        is_granted: it may; set by the one who asked, who then posts `MoveGranted` to the call.
        is_withdrawn: it need not any more.
        outcome: None until the request is finished.
        detail: a sentence about the outcome.
        sessions: how many media sessions the outcome is about.
    """

    __slots__ = (
        "_on_change",
        "detail",
        "is_granted",
        "is_ready",
        "is_withdrawn",
        "node",
        "outcome",
        "reason",
        "sessions",
    )

    def __init__(self, node: MediaNode, reason: str, on_change: Callable[[MoveRequest], None]) -> None:
        self.node = node
        self.reason = reason
        self.is_ready = False
        self.is_granted = False
        self.is_withdrawn = False
        self.outcome: MoveOutcome | None = None
        self.detail = ""
        self.sessions = 0
        self._on_change = on_change

    def ready(self) -> None:
        """Note that the call can move."""
        if not self.is_ready:
            self.is_ready = True
            self._on_change(self)

    def finish(self, outcome: MoveOutcome, *, sessions: int = 0, detail: str = "") -> None:
        """Note what became of it; a second time changes nothing."""
        if self.outcome is None:
            self.outcome = outcome
            self.sessions = sessions
            self.detail = detail
            self._on_change(self)
