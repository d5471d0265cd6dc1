# SPDX-License-Identifier: Apache-2.0
"""The neutral events that legs and calls exchange.

A leg reports them and is sent them; neither side sees a message of the other's protocol. Session descriptions travel
as text that only the RTP manager reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cdrs.record import EndReason
from signaling.calls.failures import CallFailure
from signaling.calls.move_request import MoveRequest


@dataclass(frozen=True, slots=True)
class Ring:
    """The called phone rings."""


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """Media before the answer, such as a network's announcement."""

    sdp: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The call is answered; ``sdp`` is the answer, or the offer when the caller made none."""

    sdp: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The other end confirmed an answer of ours; ``sdp`` is its answer when ours was an offer, else empty."""

    sdp: str


@dataclass(frozen=True, slots=True)
class Update:
    """A new offer in an established call (hold, resume, new address); empty: the peer asks for an offer."""

    sdp: str


@dataclass(frozen=True, slots=True)
class UpdateAccepted:
    """The answer to an `Update`, or the offer that was asked for."""

    sdp: str


@dataclass(frozen=True, slots=True)
class UpdateRefused:
    """An `Update` was refused; the call goes on as it was."""

    failure: CallFailure


@dataclass(frozen=True, slots=True)
class Info:
    """Application data in an established call, such as a key press (RFC 6086)."""

    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Fail:
    """The attempt failed before an answer."""

    failure: CallFailure


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The peer has said anew what it takes, asked only whether it is still there."""

    sdp: str


class Gone(StrEnum):
    """How a leg noticed that its peer is not there any more."""

    NOT_REFRESHED = "not_refreshed"
    """The peer was to refresh the session in time, or to answer a refresh, and did not (RFC 4028)."""
    NO_ANSWER = "no_answer"
    """It left a request within the dialog unanswered."""
    UNKNOWN_CALL = "unknown_call"
    """It said that it does not know the dialog."""
    NOT_CONFIRMED = "not_confirmed"
    """It never confirmed an answer by an ACK."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The leg ends: from the caller before the answer it is a cancellation."""

    reason: EndReason
    gone: Gone | None = None
    """Set when nobody hung up: the peer is gone."""


LegEvent = (
    Ring
    | EarlyMedia
    | Answer
    | Acknowledged
    | Update
    | UpdateAccepted
    | UpdateRefused
    | Refreshed
    | Info
    | Fail
    | HangUp
)
"""What a leg reports or is sent."""


@dataclass(frozen=True, slots=True)
class MediaInactive:
    """No RTP came from the remote end of a session for the configured time."""

    session_id: str


@dataclass(frozen=True, slots=True)
class MediaStarted:
    """The first RTP packet came from the remote end of a session."""

    session_id: str


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The RTP manager ended a session by itself."""


@dataclass(frozen=True, slots=True)
class NodeGone:
    """The RTP manager of a session is gone, and the session with it."""

    session_id: str


@dataclass(frozen=True, slots=True)
class MoveMedia:
    """Somebody wants the call to leave its RTP manager."""

    request: MoveRequest


@dataclass(frozen=True, slots=True)
class MoveGranted:
    """The call may move now."""


@dataclass(frozen=True, slots=True)
class MediaMoved:
    """A move was completed a moment ago: what is still on its way has arrived."""


@dataclass(frozen=True, slots=True)
class PlaybackEnded:
    """A prompt ended; ``error`` says why it could not be played, empty when it was played or stopped."""

    session_id: str
    play_id: str
    error: str


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    """The RTP manager could not go on with a recording, or not begin it."""

    recording_id: str
    error: str
    duration_ms: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WantRecording:
    """An operator wants the call recorded from now on, or no longer."""

    is_wanted: bool
    asked_by: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Somebody other than a leg ends the call: an operator, a limit, the node's shutdown."""

    reason: EndReason


CallEvent = (
    MediaInactive
    | MediaStarted
    | MediaLost
    | NodeGone
    | MoveMedia
    | MoveGranted
    | MediaMoved
    | PlaybackEnded
    | RecordingFailed
    | WantRecording
    | Terminate
)
"""What a call learns from elsewhere than its legs."""
