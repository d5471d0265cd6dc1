# SPDX-License-Identifier: Apache-2.0
"""Events of the session manager as protocol messages."""

from __future__ import annotations

from media.control.gen import rtpmanager_pb2 as pb
from media.control.media_events import (
    MediaEvent,
    MediaInactive,
    MediaStarted,
    PlaybackChanged,
    PlaybackState,
    RecordingChanged,
    RecordingState,
)
from media.control.verbs import fill_stats


def fill_event(event: MediaEvent, message: pb.ControlEvent) -> None:
    """Write an event into a message."""
    if isinstance(event, MediaStarted):
        message.media_started.session_id = event.session_id
    elif isinstance(event, MediaInactive):
        message.media_inactive.session_id = event.session_id
        message.media_inactive.silent_ms = event.silent_ms
    elif isinstance(event, PlaybackChanged):
        fill_playback(event, message.playback)
    elif isinstance(event, RecordingChanged):
        _fill_recording(event, message.recording)
    else:
        message.session_expired.session_id = event.session_id
        fill_stats(event.counters, message.session_expired.stats)


def fill_playback(event: PlaybackChanged, message: pb.PlaybackEvent) -> None:
    """Write a playback event into a message."""
    message.session_id = event.session_id
    message.play_id = event.play_id
    message.state = int(event.state)  # type: ignore[assignment]
    message.detail = event.detail
    message.position_ms = event.position_ms
    message.duration_ms = event.duration_ms


def _fill_recording(event: RecordingChanged, message: pb.RecordingEvent) -> None:
    message.session_id = event.session_id
    message.recording_id = event.recording_id
    message.state = int(event.state)  # type: ignore[assignment]
    message.detail = event.detail
    message.duration_ms = event.duration_ms
    message.bytes = event.size_bytes
    message.packets_dropped = event.packets_dropped


def is_urgent(event: MediaEvent) -> bool:
    """Tell whether somebody may wait for the event; the others travel with the next batch or a little later."""
    if isinstance(event, PlaybackChanged):
        return event.state.is_final or event.state is PlaybackState.PROGRESS
    if isinstance(event, RecordingChanged):
        return event.state is RecordingState.ERROR
    return not isinstance(event, MediaStarted)
