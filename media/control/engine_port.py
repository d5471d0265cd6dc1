# SPDX-License-Identifier: Apache-2.0
"""What the control side needs of the media engine, as a type.

It must not import the engine: tests hand in a small one of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol


class MediaEngine(Protocol):
    """The part of `switchboard_engine.Engine` that is used; see there for the meaning of each call."""

    def create_session(self, session_id: str, *, group: str | None = None) -> int: ...

    def set_remote(
        self,
        session_id: str,
        *,
        rtp: tuple[str, int] | None,
        rtcp: tuple[str, int] | None,
        signaling_ip: str | None,
    ) -> None: ...

    def set_srtp(self, session_id: str, suite: str, *, local_key: bytes, remote_key: bytes) -> None: ...

    def clear_srtp(self, session_id: str) -> None: ...

    def set_payload_map(
        self, session_id: str, mapping: dict[int, int], allowed: bytes | None = None
    ) -> None: ...

    def bridge(self, a: str, b: str) -> None: ...

    def unbridge(self, session_id: str) -> None: ...

    def play(
        self,
        session_id: str,
        play_id: str,
        pcm: bytes,
        *,
        codec: str,
        payload_type: int,
        repeat: bool = False,
    ) -> None: ...

    def stop(self, session_id: str) -> None: ...

    def start_recording(
        self, session_id: str, recording_id: str, path: Path, formats: dict[int, str]
    ) -> None: ...

    def stop_recording(self, session_id: str) -> tuple[int, int]: ...

    def stats(self, session_id: str) -> Mapping[str, Any]: ...

    def destroy(self, session_id: str) -> Mapping[str, Any]: ...

    def available_ports(self) -> int: ...

    def active_sessions(self) -> int: ...

    def event_fd(self) -> int: ...

    def poll_events(self) -> Sequence[tuple[Any, ...]]: ...

    def close(self) -> None: ...
