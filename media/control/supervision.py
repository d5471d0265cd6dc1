# SPDX-License-Identifier: Apache-2.0
"""Silence: which of it is reported, and which ends a session that nobody cares for any more.

The engine says when a session has been silent for the inactivity time; silence on hold is normal. A killed
signalling process must not leak ports, a living one keeps what it holds or still rings. It must not know gRPC.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from media.control.session import MediaSession


class _Silence(NamedTuple):
    session: MediaSession
    since: float
    packets: int


class Supervisor:
    """Watches the sessions that the engine called silent.

    Args:
        inactivity_s: the engine's inactivity time.
        orphan_factor: how many of them end a session.
        held_orphan_factor: the same on hold.
        packets_received: reads the engine's counter.
        is_present: tells whether a Control client is connected.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        inactivity_s: float,
        orphan_factor: float,
        held_orphan_factor: float,
        packets_received: Callable[[str], int],
        is_present: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._inactivity_s = inactivity_s
        self._orphan_s = inactivity_s * orphan_factor
        self._held_orphan_s = inactivity_s * held_orphan_factor
        self._packets_received = packets_received
        self._is_present = is_present
        self._clock = clock
        self._silent: dict[str, _Silence] = {}

    @property
    def sweep_s(self) -> float:
        """How often `expired` should be asked."""
        return min(max(self._inactivity_s / 4, 0.05), 5.0)

    def note_silence(self, session: MediaSession) -> bool:
        """Take the engine's word that the session is silent; tell whether that is worth reporting."""
        since = self._clock() - self._inactivity_s
        packets = self._packets_received(session.session_id)
        self._silent[session.session_id] = _Silence(session, since, packets)
        return session.is_answered and not session.on_hold

    def forget(self, session_id: str) -> None:
        """Start anew: the session has a new remote, or is gone."""
        self._silent.pop(session_id, None)

    def expired(self) -> list[str]:
        """Return the sessions to end now."""
        now = self._clock()
        ended = []
        for session_id, silence in list(self._silent.items()):
            if self._packets_received(session_id) != silence.packets:
                del self._silent[session_id]
            elif now - silence.since >= self._patience_s(silence.session):
                ended.append(session_id)
        return ended

    def _patience_s(self, session: MediaSession) -> float:
        silence_is_normal = session.on_hold or not session.is_answered
        if silence_is_normal and self._is_present(session.owner):
            return float("inf")
        return self._held_orphan_s if session.on_hold else self._orphan_s
