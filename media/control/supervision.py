# SPDX-License-Identifier: Apache-2.0
"""Silence: which of it is reported, and which ends a session that nobody cares for any more.

The engine says when a session has been without RTP for the inactivity time; silence on hold is normal, and a phone
that suppresses silence while its user only listens still sends reports (RTCP, RFC 3550 6). A killed signalling process
must not leak ports, a living one keeps what it holds or still rings. It must not know gRPC.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from media.control.session import MediaSession

REPORT_WAIT_S = 10.0
"""Longest wait for the next report of a party that sends them: two intervals of RFC 3550 6.2."""

Received = tuple[int, int]
"""How many packets of RTP and of RTCP came."""


class _Silence:
    __slots__ = ("received", "reported_at", "session", "since")

    def __init__(self, session: MediaSession, since: float, received: Received, reported_at: float) -> None:
        self.session = session
        self.since = since
        self.received = received
        self.reported_at = reported_at


class Sweep(NamedTuple):
    """What is due: sessions whose silence goes on, with its length, and sessions to end."""

    silent: list[tuple[MediaSession, float]]
    expired: list[str]


class Supervisor:
    """Watches the sessions that the engine called silent.

    Args:
        inactivity_s: the engine's inactivity time.
        orphan_factor: how many of them end a session.
        held_orphan_factor: the same on hold.
        received: reads the engine's counters.
        is_present: tells whether a Control client is connected.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        inactivity_s: float,
        orphan_factor: float,
        held_orphan_factor: float,
        received: Callable[[str], Received],
        is_present: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._inactivity_s = inactivity_s
        self._orphan_s = inactivity_s * orphan_factor
        self._held_orphan_s = inactivity_s * held_orphan_factor
        self._received = received
        self._report_wait_s = min(REPORT_WAIT_S, inactivity_s / 3)
        self._is_present = is_present
        self._clock = clock
        self._silent: dict[str, _Silence] = {}

    @property
    def sweep_s(self) -> float:
        """How often `sweep` should be called."""
        return min(max(self._inactivity_s / 4, 0.05), 5.0)

    def note_silence(self, session: MediaSession) -> bool:
        """Take the engine's word that the session is silent; tell whether that is worth reporting now.

        That of a party that has sent reports is not before the next of them is overdue.
        """
        now = self._clock()
        received = self._received(session.session_id)
        silence = _Silence(session, now - self._inactivity_s, received, now)
        self._silent[session.session_id] = silence
        if received[1] > 0:
            silence.reported_at += self._report_wait_s - self._inactivity_s
            return False
        return _is_worth_reporting(session)

    def forget(self, session_id: str) -> None:
        """Start anew: the session has a new remote, or is gone."""
        self._silent.pop(session_id, None)

    def sweep(self) -> Sweep:
        """Return what is due now.

        Silence that lasts is reported again and again, once in an inactivity time: a report may have come while it
        did not matter, before the call was answered for instance.
        """
        now = self._clock()
        due = Sweep([], [])
        for session_id, silence in list(self._silent.items()):
            received = self._received(session_id)
            if received[0] != silence.received[0]:
                del self._silent[session_id]
            elif received != silence.received:
                silence.received = received
                silence.since = silence.reported_at = now
            elif now - silence.since >= self._patience_s(silence.session):
                due.expired.append(session_id)
            elif now - silence.reported_at >= self._inactivity_s:
                silence.reported_at = now
                if _is_worth_reporting(silence.session):
                    due.silent.append((silence.session, now - silence.since))
        return due

    def _patience_s(self, session: MediaSession) -> float:
        if not _is_worth_reporting(session) and self._is_present(session.owner):
            return float("inf")
        return self._held_orphan_s if session.on_hold else self._orphan_s


def _is_worth_reporting(session: MediaSession) -> bool:
    return session.is_answered and not session.on_hold
