# SPDX-License-Identifier: Apache-2.0
"""Prompts that are being loaded or played, one per session.

The engine paces and sends the audio and says when it started and ended; here is the time before that (reading the
file, in a thread) and the progress reports. It must not know gRPC.

Invariant: every playback that was asked for ends with exactly one final event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from media.control.engine_port import MediaEngine
from media.control.errors import MediaError
from media.control.media_events import PlaybackChanged, PlaybackState

log = logging.getLogger(__name__)

Listener = Callable[[PlaybackChanged], None]


class Prompt(Protocol):
    """Audio as the engine takes it: signed 16-bit little-endian, 8 kHz, mono."""

    @property
    def pcm(self) -> bytes: ...

    @property
    def duration_ms(self) -> int: ...


class PromptSource(Protocol):
    """Where prompts come from."""

    def cached(self, file: str) -> Prompt | None:
        """Return the prompt when it is at hand without reading a file."""

    async def load(self, file: str) -> Prompt:
        """Return the prompt.

        Raises:
            MediaError: there is no such file, or it is no audio.
        """


class Playback:
    """One prompt for one session."""

    __slots__ = (
        "codec",
        "duration_ms",
        "file",
        "listener",
        "loading",
        "payload_type",
        "play_id",
        "progress_s",
        "repeat",
        "session_id",
        "started_at",
        "timer",
    )

    def __init__(
        self,
        session_id: str,
        play_id: str,
        file: str,
        *,
        codec: str,
        payload_type: int,
        repeat: bool,
        progress_s: float,
        listener: Listener,
    ) -> None:
        self.session_id = session_id
        self.play_id = play_id
        self.file = file
        self.codec = codec
        self.payload_type = payload_type
        self.repeat = repeat
        self.progress_s = progress_s
        self.listener = listener
        self.duration_ms = 0
        self.started_at = 0.0
        self.loading: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    def report(self, state: PlaybackState, detail: str = "", position_ms: int = 0) -> None:
        """Tell the listener."""
        self.listener(
            PlaybackChanged(self.session_id, self.play_id, state, detail, position_ms, self.duration_ms)
        )

    def release(self) -> None:
        """Stop what runs for this playback outside the engine."""
        if self.loading is not None:
            self.loading.cancel()
        if self.timer is not None:
            self.timer.cancel()


class Playbacks:
    """The playbacks of one RTP manager."""

    def __init__(self, engine: MediaEngine, prompts: PromptSource, loop: asyncio.AbstractEventLoop) -> None:
        self._engine = engine
        self._prompts = prompts
        self._loop = loop
        self._current: dict[str, Playback] = {}

    def start(self, playback: Playback) -> None:
        """Play; a prompt that plays to that session already is stopped."""
        self.stop(playback.session_id)
        self._current[playback.session_id] = playback
        prompt = self._prompts.cached(playback.file)
        if prompt is not None:
            self._begin(playback, prompt)
        else:
            playback.loading = self._loop.create_task(self._load(playback))

    def is_playing(self, session_id: str) -> bool:
        """Tell whether a prompt is loaded for or played to the session."""
        return session_id in self._current

    def stop(self, session_id: str, play_id: str = "") -> None:
        """Stop what plays to the session, if anything; with `play_id`, only that playback."""
        playback = self._current.get(session_id)
        if playback is None or play_id not in ("", playback.play_id):
            return
        if playback.loading is None:
            self._engine.stop(session_id)
        self._finish(playback, PlaybackState.STOPPED)

    def session_destroyed(self, session_id: str) -> None:
        """Report the end of what played to a session that the engine has no more."""
        playback = self._current.get(session_id)
        if playback is not None:
            self._finish(playback, PlaybackState.STOPPED)

    def on_engine_event(self, name: str, session_id: str, play_id: str) -> None:
        """Take the engine's word on a playback; one that was stopped from here is gone already."""
        playback = self._current.get(session_id)
        if playback is None or playback.play_id != play_id:
            return
        if name == "play_started":
            self._started(playback)
        elif name == "play_completed":
            self._finish(playback, PlaybackState.COMPLETED)
        elif name == "play_stopped":
            self._finish(playback, PlaybackState.STOPPED)

    def close(self) -> None:
        """Stop everything."""
        for session_id in list(self._current):
            self.stop(session_id)

    def _started(self, playback: Playback) -> None:
        playback.started_at = self._loop.time()
        playback.report(PlaybackState.STARTED)
        if playback.progress_s > 0:
            playback.timer = self._loop.call_later(playback.progress_s, self._progress, playback)

    async def _load(self, playback: Playback) -> None:
        try:
            prompt = await self._prompts.load(playback.file)
        except MediaError as error:
            playback.loading = None
            self._finish(playback, PlaybackState.ERROR, error.detail)
            return
        except Exception:
            # Whatever a decoder stumbles over, the playback must end visibly.
            log.exception("prompt %s could not be read", playback.file)
            playback.loading = None
            self._finish(playback, PlaybackState.ERROR, "the prompt could not be read; the log has more")
            return
        playback.loading = None
        self._begin(playback, prompt)

    def _begin(self, playback: Playback, prompt: Prompt) -> None:
        playback.duration_ms = prompt.duration_ms
        try:
            self._engine.play(
                playback.session_id,
                playback.play_id,
                prompt.pcm,
                codec=playback.codec,
                payload_type=playback.payload_type,
                repeat=playback.repeat,
            )
        except Exception as error:  # noqa: BLE001 - whatever the engine objects to, the playback must end visibly
            log.error("prompt %s could not be played: %s", playback.file, error)
            self._finish(playback, PlaybackState.ERROR, f"the engine refused: {error}")

    def _progress(self, playback: Playback) -> None:
        elapsed_ms = int((self._loop.time() - playback.started_at) * 1000)
        position_ms = elapsed_ms % playback.duration_ms if playback.duration_ms else 0
        playback.report(PlaybackState.PROGRESS, position_ms=position_ms)
        playback.timer = self._loop.call_later(playback.progress_s, self._progress, playback)

    def _finish(self, playback: Playback, state: PlaybackState, detail: str = "") -> None:
        if self._current.get(playback.session_id) is playback:
            del self._current[playback.session_id]
        playback.release()
        playback.report(state, detail)
