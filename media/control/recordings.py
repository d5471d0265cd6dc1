# SPDX-License-Identifier: Apache-2.0
"""Recordings that go on, one per session: which file each is written to, and what became of it.

The engine writes the files. It must not know gRPC. Invariant: a file lies below the directory of recordings, and one
that exists is never written over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import structlog

from media.control.codecs import PLAYABLE
from media.control.engine_port import MediaEngine
from media.control.errors import ErrorCode, MediaError, Reason, invalid
from media.control.media_events import MediaEvent, RecordingChanged, RecordingState
from media.control.results import Recorded
from media.control.session import MediaSession

log = structlog.get_logger(__name__)

ALWAYS = {0: "PCMU", 8: "PCMA"}
"""Payload types that mean the same in every session (RFC 3551 6)."""
_FILE = re.compile(r"(?:[A-Za-z0-9_-]{1,64}/){0,4}[A-Za-z0-9_-]{1,64}\.wav", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_STATES = {
    "recording_started": RecordingState.STARTED,
    "recording_stopped": RecordingState.STOPPED,
    "recording_failed": RecordingState.ERROR,
}


class Recordings:
    """The recordings of one RTP manager.

    Args:
        engine: writes them.
        directory: where they lie.
        touch: returns a session that works, and notes who cares for it.
        emit: is told the owner and the event.
    """

    def __init__(
        self,
        engine: MediaEngine,
        directory: Path,
        touch: Callable[[str, str], MediaSession],
        emit: Callable[[str, MediaEvent], None],
    ) -> None:
        self._engine = engine
        self._directory = directory
        self._touch = touch
        self._emit = emit

    def start(self, session_id: str, recording_id: str, file: str, *, owner: str = "") -> None:
        """Begin to record; the same recording again is fine.

        Raises:
            MediaError: NOT_FOUND; INVALID_ARGUMENT (name, another recording goes on, no codec that can be recorded);
                INTERNAL.
        """
        session = self._touch(session_id, owner)
        if not _ID.fullmatch(recording_id):
            raise invalid(Reason.BAD_REQUEST, "recording_id has 1 to 64 letters, digits, - and _")
        if not _FILE.fullmatch(file):
            raise invalid(
                Reason.BAD_REQUEST, "file is no name of a WAV file below the directory of recordings"
            )
        if session.recording_id == recording_id:
            return
        if session.recording_id:
            raise invalid(Reason.WRONG_STATE, f"session {session_id} is recorded already")
        formats = _formats(session)
        try:
            self._engine.start_recording(session_id, recording_id, self._directory / file, formats)
        except Exception as error:
            log.exception("the engine could not record", session_id=session_id)
            raise MediaError(ErrorCode.INTERNAL, f"the engine failed: {error}") from error
        session.recording_id = recording_id

    def stop(self, session_id: str, recording_id: str, *, owner: str = "") -> Recorded:
        """End a recording and return how long it is.

        Raises:
            MediaError: NOT_FOUND (session, recording); INTERNAL.
        """
        session = self._touch(session_id, owner)
        if not recording_id or session.recording_id != recording_id:
            detail = f"session {session_id} has no recording {recording_id!r}"
            raise MediaError(ErrorCode.NOT_FOUND, detail, Reason.NO_SUCH_RECORDING)
        session.recording_id = ""
        try:
            return Recorded(*self._engine.stop_recording(session_id))
        except Exception as error:
            log.exception("the engine could not end a recording", session_id=session_id)
            raise MediaError(ErrorCode.INTERNAL, f"the engine failed: {error}") from error

    def on_engine_event(
        self, session: MediaSession, name: str, recording_id: str, detail: str, *figures: int
    ) -> None:
        """Pass on what the engine says of a recording; one that failed is over."""
        state = _STATES[name]
        facts = session.facts | {"recording": recording_id}
        if state is RecordingState.ERROR:
            log.error("recording failed", error=detail, **facts)
            if session.recording_id == recording_id:
                self._give_up(session)
        elif figures[2]:
            log.warning("the disk was too slow for a recording", packets_missing=figures[2], **facts)
        self._emit(session.owner, RecordingChanged(session.session_id, recording_id, state, detail, *figures))

    def _give_up(self, session: MediaSession) -> None:
        session.recording_id = ""
        try:
            self._engine.stop_recording(session.session_id)
        except Exception:
            log.exception("the engine could not end a recording", **session.facts)


def _formats(session: MediaSession) -> dict[int, str]:
    """Return the payload types of a session that can be recorded, those that it has not agreed on yet included.

    Raises:
        MediaError: INVALID_ARGUMENT: the codec that it uses cannot be.
    """
    agreed = session.agreement
    if agreed and agreed[0].local.key not in PLAYABLE:
        what = f"a call in {session.codec} cannot be recorded: only PCMU and PCMA can"
        raise invalid(Reason.NO_RECORDABLE_CODEC, what)
    both = [one for entry in agreed for one in (entry.local, entry.remote) if one.key in PLAYABLE]
    return ALWAYS | {one.payload_type: PLAYABLE[one.key] for one in both}
