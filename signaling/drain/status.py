# SPDX-License-Identifier: Apache-2.0
"""What can be said of the drain of one RTP manager. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from signaling.mediapool import DrainState


class DrainMode(StrEnum):
    """What becomes of a call that could not be moved."""

    GRACEFUL = "graceful"
    """It stays until it ends by itself."""
    AGGRESSIVE = "aggressive"
    """It is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStatus:
    """One look at a drain; all counts are of media sessions, of which a call between two phones has two."""

    node_id: str
    state: DrainState
    mode: DrainMode | None = None
    """None: the node was never drained."""
    total_sessions: int = 0
    """Those that it had at the beginning, and those that its calls opened since."""
    waiting_playback: int = 0
    """Of calls that wait for the end of a prompt."""
    migrated_count: int = 0
    failed_count: int = 0
    """Of calls whose parties did not follow."""
    ended_count: int = 0
    """Of calls that ended by themselves."""
    remaining_sessions: int = 0
    """Those that the node still has, failed ones included."""
    errors: tuple[str, ...] = ()
    started_at: float | None = None
    """Seconds since the epoch."""
    elapsed_seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it; the time stays a number."""
        return {
            "node_id": self.node_id,
            "state": str(self.state),
            "mode": None if self.mode is None else str(self.mode),
            "total_sessions": self.total_sessions,
            "waiting_playback": self.waiting_playback,
            "migrated_count": self.migrated_count,
            "failed_count": self.failed_count,
            "ended_count": self.ended_count,
            "remaining_sessions": self.remaining_sessions,
            "errors": list(self.errors),
            "started_at": self.started_at,
            "elapsed_seconds": self.elapsed_seconds,
        }
