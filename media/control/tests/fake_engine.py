# SPDX-License-Identifier: Apache-2.0
"""An engine that moves nothing and remembers what it was told."""

from __future__ import annotations

import os
from typing import Any


class NoPort(Exception):
    """No port is left."""


class FakeEngine:
    """Stands in for `switchboard_engine.Engine`; `happen` makes it report something."""

    def __init__(self, ports: int = 100) -> None:
        self.ports = ports
        self.sessions: dict[str, dict[str, Any]] = {}
        self.commands: list[tuple[Any, ...]] = []
        self.is_closed = False
        self.broken: set[str] = set()
        self._next_port = 20000
        self._events: list[tuple[Any, ...]] = []
        self._readable, self._writable = os.pipe()

    def happen(self, *event: Any) -> None:
        """Have an event waiting."""
        self._events.append(event)
        os.write(self._writable, b"!")

    def receive(self, session_id: str, packets: int) -> None:
        """Count packets from the session's remote."""
        self.sessions[session_id]["packets_received"] += packets

    def named(self, command: str) -> list[tuple[Any, ...]]:
        """Return the commands of one kind, without their name."""
        return [entry[1:] for entry in self.commands if entry[0] == command]

    def create_session(self, session_id: str, *, group: str | None = None) -> int:
        self._note("create_session", session_id)
        if len(self.sessions) >= self.ports:
            raise NoPort
        self.sessions[session_id] = {"packets_received": 0, "packets_sent": 7, "jitter_ms": 1.5}
        self._next_port += 2
        return self._next_port

    def set_remote(self, session_id: str, *, rtp: Any, rtcp: Any, signaling_ip: str | None) -> None:
        self._note("set_remote", session_id, rtp, rtcp, signaling_ip)

    def set_srtp(self, session_id: str, suite: str, *, local_key: bytes, remote_key: bytes) -> None:
        self._note("set_srtp", session_id, suite, local_key, remote_key)

    def clear_srtp(self, session_id: str) -> None:
        self._note("clear_srtp", session_id)

    def set_payload_map(self, session_id: str, mapping: dict[int, int], allowed: bytes | None = None) -> None:
        self._note("set_payload_map", session_id, mapping, allowed)

    def bridge(self, a: str, b: str) -> None:
        self._note("bridge", a, b)

    def unbridge(self, session_id: str) -> None:
        self._note("unbridge", session_id)

    def play(
        self,
        session_id: str,
        play_id: str,
        pcm: bytes,
        *,
        codec: str,
        payload_type: int,
        repeat: bool = False,
    ) -> None:
        self._note("play", session_id, play_id, len(pcm), codec, payload_type, repeat)

    def stop(self, session_id: str) -> None:
        self._note("stop", session_id)

    def start_recording(self, session_id: str, recording_id: str, path: Any, formats: dict[int, str]) -> None:
        self._note("start_recording", session_id, recording_id, str(path), formats)

    def stop_recording(self, session_id: str) -> tuple[int, int]:
        self._note("stop_recording", session_id)
        return 1500, 48_044

    def stats(self, session_id: str) -> dict[str, Any]:
        return dict(self.sessions[session_id])

    def destroy(self, session_id: str) -> dict[str, Any]:
        self._note("destroy", session_id)
        return self.sessions.pop(session_id)

    def available_ports(self) -> int:
        return self.ports - len(self.sessions)

    def active_sessions(self) -> int:
        return len(self.sessions)

    def event_fd(self) -> int:
        return self._readable

    def poll_events(self) -> list[tuple[Any, ...]]:
        os.read(self._readable, 4096)
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            os.close(self._readable)
            os.close(self._writable)

    def _note(self, command: str, *arguments: Any) -> None:
        if command in self.broken:
            raise RuntimeError("broken on purpose")
        self.commands.append((command, *arguments))
