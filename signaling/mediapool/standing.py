# SPDX-License-Identifier: Apache-2.0
"""Whether one RTP manager may be given new sessions: its health, counted, and what an operator wants of it.

Pure: no clock, no stream. Invariant: a node whose stream is broken is never up.
"""

from __future__ import annotations

from enum import StrEnum

DOWN_AFTER = 3
"""Failed probes in a row that make a node count as down: one lost probe is no reason to leave a node."""
UP_AFTER = 2
"""Successes in a row that bring it back: a node that answers once and dies again is not worth a call."""


class DrainState(StrEnum):
    """What an operator wants of a node."""

    ACTIVE = "active"
    DRAINING = "draining"
    """It takes no new session; those that it has are moved away."""
    DISABLED = "disabled"
    """It has no session any more and may be stopped."""


class Standing:
    """What is known of a node.

    Attributes:
        is_up: whether the probes say that it works.
        drain_state: whether it is to take new sessions.
        is_suspect: whether it left a request unanswered and has not been heard of since.
    """

    __slots__ = ("_failures", "_successes", "drain_state", "is_suspect", "is_up")

    def __init__(self) -> None:
        self.is_up = False
        self.drain_state = DrainState.ACTIVE
        self.is_suspect = False
        self._failures = 0
        self._successes = 0

    @property
    def takes_sessions(self) -> bool:
        """Whether new calls may go to the node."""
        return self.is_up and self.drain_state is DrainState.ACTIVE

    def connected(self) -> None:
        """Note that the node's greeting came: a first success."""
        self._failures = 0
        self._successes = 0
        self.is_suspect = False
        self.probed(True)

    def broken(self) -> None:
        """Note that the stream broke: no probe needs to tell that the node is down."""
        self.is_up = False
        self._successes = 0

    def probed(self, answered: bool) -> None:
        """Count one probe."""
        if answered:
            self._failures = 0
            self._successes += 1
            self.is_up = self.is_up or self._successes >= UP_AFTER
            return
        self._successes = 0
        self._failures += 1
        if self._failures >= DOWN_AFTER:
            self.is_up = False

    def refused(self) -> None:
        """Note that the node itself says that it takes no sessions."""
        self.is_up = False
        self._successes = 0
