# SPDX-License-Identifier: Apache-2.0
"""What an RTP manager counts: ended sessions are added up, running ones are looked at when somebody asks.

Loss and jitter are those of ended sessions alone: while a session runs, a late packet makes its loss fall again, and
a counter must not. Invariant: no counter ever falls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from media.control.media_events import SessionCounters
from media.control.results import NodeHealth
from media.control.session import MediaSession
from switchboard.metrics.numbers import Histogram, Readings

_ADDED_UP = (
    "packets_received",
    "packets_sent",
    "bytes_received",
    "bytes_sent",
    "packets_dropped",
    "srtp_unauthenticated",
    "srtp_replayed",
)


class RtpMeter:
    """The figures of one RTP manager.

    Args:
        sessions: those that run, by id.
        count: returns what a running session has counted.
        health: returns how the node is.
    """

    def __init__(
        self,
        sessions: Mapping[str, MediaSession],
        count: Callable[[str], SessionCounters],
        health: Callable[[], NodeHealth],
    ) -> None:
        self._sessions = sessions
        self._count = count
        self._health = health
        self._ended: Counter[str] = Counter()
        self._lost = 0
        self._jitter = Histogram.of("switchboard_rtp_jitter_seconds")

    def ended(self, counters: SessionCounters) -> None:
        """Add what a session counted that has ended."""
        _add(self._ended, [counters])
        self._lost += counters.packets_lost
        if counters.packets_received:
            self._jitter.observe(counters.jitter_ms / 1000)

    def read(self) -> Readings:
        """Return every figure; call it on the manager's event loop."""
        total = Counter(self._ended)
        _add(total, map(self._count, self._sessions))
        health = self._health()
        states: Counter[tuple[str, ...]] = Counter(
            (session.state.name.lower(),) for session in self._sessions.values()
        )
        return {
            "switchboard_rtp_sessions": {("active",): 0, **states},
            "switchboard_rtp_ports_left": {(): health.available_ports},
            "switchboard_rtp_healthy": {(): float(health.healthy)},
            "switchboard_rtp_packets_total": {
                ("received",): total["packets_received"],
                ("sent",): total["packets_sent"],
            },
            "switchboard_rtp_bytes_total": {
                ("received",): total["bytes_received"],
                ("sent",): total["bytes_sent"],
            },
            "switchboard_rtp_dropped_total": {(): total["packets_dropped"]},
            "switchboard_rtp_srtp_sessions": {(): self._encrypted()},
            "switchboard_rtp_srtp_dropped_total": {
                ("unauthenticated",): total["srtp_unauthenticated"],
                ("replayed",): total["srtp_replayed"],
            },
            "switchboard_rtp_packets_lost_total": {(): self._lost},
            "switchboard_rtp_jitter_seconds": {(): self._jitter},
        }

    def _encrypted(self) -> int:
        return sum(session.crypto.agreed is not None for session in self._sessions.values())


def _add(total: Counter[str], counted: Iterable[SessionCounters]) -> None:
    for counters in counted:
        for name in _ADDED_UP:
            total[name] += getattr(counters, name)
