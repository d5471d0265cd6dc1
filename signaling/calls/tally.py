# SPDX-License-Identifier: Apache-2.0
"""The media counters of a call that used sessions on several RTP managers, added up per party.

Pure. Packets that were on their way while a party changed from one RTP manager to the next are counted by neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from media.control.gen import rtpmanager_pb2 as pb

SUMS = (
    "packets_received",
    "bytes_received",
    "packets_sent",
    "bytes_sent",
    "packets_lost",
    "packets_dropped",
    "packets_out_of_order",
    "srtp_unauthenticated",
    "srtp_replayed",
)
CALLER, CALLEE = "A", "B"


@dataclass(slots=True)
class MediaReport:
    """What the sessions of a call counted."""

    caller: pb.SessionStats | None = None
    callee: pb.SessionStats | None = None
    codec: str = ""
    srtp: dict[str, str] = field(default_factory=dict)
    """Crypto suite by leg, of the legs that were encrypted."""


class Tally:
    """What the sessions of both parties counted.

    Attributes:
        parties: session id → "A" or "B", of the sessions that a party used; others are not counted.
    """

    __slots__ = ("_stats", "parties")

    def __init__(self) -> None:
        self.parties: dict[str, str] = {}
        self._stats: dict[str, pb.SessionStats] = {}

    @property
    def caller(self) -> pb.SessionStats | None:
        """The caller's figures; None when nothing is known."""
        return self._stats.get(CALLER)

    @property
    def callee(self) -> pb.SessionStats | None:
        """The figures of who is called; None when nothing is known."""
        return self._stats.get(CALLEE)

    def add(self, counted: Mapping[str, pb.SessionStats]) -> None:
        """Add the figures of sessions that have ended."""
        for session_id, stats in counted.items():
            party = self.parties.get(session_id)
            if party is not None:
                before = self._stats.get(party)
                self._stats[party] = stats if before is None else merged(before, stats)


def merged(one: pb.SessionStats, other: pb.SessionStats) -> pb.SessionStats:
    """Return the sum of two sessions of one party; jitter is weighted by packets, reports are the later ones."""
    total = pb.SessionStats()
    total.CopyFrom(one)
    total.MergeFrom(other)
    for name in SUMS:
        setattr(total, name, getattr(one, name) + getattr(other, name))
    packets = total.packets_received
    if packets:
        weighted = one.jitter_ms * one.packets_received + other.jitter_ms * other.packets_received
        total.jitter_ms = weighted / packets
    return total
