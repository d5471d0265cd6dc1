# SPDX-License-Identifier: Apache-2.0
"""What happened to a session by itself: neutral values between the session manager and the gRPC service."""

from __future__ import annotations

import enum
from typing import NamedTuple


class PlaybackState(enum.IntEnum):
    """The states of the protocol's `PlaybackEvent`, with its numbers."""

    STARTED = 1
    PROGRESS = 2
    COMPLETED = 3
    ERROR = 4
    STOPPED = 5

    @property
    def is_final(self) -> bool:
        """Tell whether nothing follows."""
        return self in (PlaybackState.COMPLETED, PlaybackState.ERROR, PlaybackState.STOPPED)


class SessionCounters(NamedTuple):
    """What a session counted; "received" is from its remote, "sent" is to it."""

    packets_received: int = 0
    bytes_received: int = 0
    packets_sent: int = 0
    bytes_sent: int = 0
    packets_lost: int = 0
    jitter_ms: float = 0.0
    packets_dropped: int = 0
    packets_out_of_order: int = 0
    remote_packets_lost: int | None = None
    remote_jitter_ms: float | None = None
    round_trip_ms: float | None = None
    srtp_unauthenticated: int = 0
    srtp_replayed: int = 0


class MediaStarted(NamedTuple):
    """The first packet of the remote was accepted."""

    session_id: str


class MediaInactive(NamedTuple):
    """The remote has been silent although it should not be."""

    session_id: str
    silent_ms: int


class PlaybackChanged(NamedTuple):
    """A prompt started, went on or ended."""

    session_id: str
    play_id: str
    state: PlaybackState
    detail: str = ""
    position_ms: int = 0
    duration_ms: int = 0


class SessionExpired(NamedTuple):
    """A session that nobody cared for was ended."""

    session_id: str
    counters: SessionCounters


class RecordingState(enum.IntEnum):
    """The states of the protocol's `RecordingEvent`, with its numbers."""

    STARTED = 1
    STOPPED = 2
    ERROR = 3


class RecordingChanged(NamedTuple):
    """A recording began or ended."""

    session_id: str
    recording_id: str
    state: RecordingState
    detail: str = ""
    duration_ms: int = 0
    size_bytes: int = 0
    packets_dropped: int = 0


MediaEvent = RecordingChanged | MediaStarted | MediaInactive | PlaybackChanged | SessionExpired
