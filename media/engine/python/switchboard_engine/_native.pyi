# SPDX-License-Identifier: Apache-2.0
"""Types of the extension module; `switchboard_engine` re-exports the public names."""

from os import PathLike
from typing import final

from switchboard_engine.types import BuildInfo, Event, SessionStats

__all__ = [
    "Engine",
    "EngineClosed",
    "EngineError",
    "PortsExhausted",
    "SessionExists",
    "SessionNotFound",
    "WorkerFailed",
    "build_info",
]

class EngineError(Exception):
    """A control call that the engine refused; nothing was changed."""

class SessionNotFound(EngineError):
    """No session of this id."""

class SessionExists(EngineError):
    """A session of this id is there already."""

class PortsExhausted(EngineError):
    """All port pairs are in use, in quarantine or held by other programs."""

class EngineClosed(EngineError):
    """The engine was closed."""

class WorkerFailed(EngineError):
    """The thread that has the session failed; a `fatal` event said why."""

@final
class Engine:
    """RTP sessions on the ports `port_min` to `port_max` (inclusive), relayed by `threads` threads.

    A session takes an even port for RTP and the next one for RTCP. Released pairs rest for `quarantine_ms`. Above
    `tick_above_pps` packets per second a thread collects packets for `tick_us` instead of waking for each; 0 turns
    that off. `dscp` is the whole traffic class octet (0xB8 is expedited forwarding). All methods are thread-safe.
    """

    def __new__(
        cls,
        *,
        bind_ip: str,
        port_min: int,
        port_max: int,
        threads: int = 1,
        quarantine_ms: int = 2000,
        inactivity_ms: int = 30_000,
        tick_us: int = 1000,
        tick_above_pps: int = 2000,
        dscp: int = 0xB8,
        receive_buffer: int = 65_536,
    ) -> Engine:
        """Start the threads. Raises ValueError (a number out of range) or OSError."""

    def create_session(self, session_id: str, *, group: str | None = None, clock_rate_hz: int = 8000) -> int:
        """Bind a pair of ports and return the RTP port. Sessions of one `group` share a thread.

        Raises SessionExists, PortsExhausted, OSError (no descriptor left).
        """

    def set_remote(
        self,
        session_id: str,
        *,
        rtp: tuple[str, int] | None,
        rtcp: tuple[str, int] | None = None,
        signaling_ip: str | None = None,
    ) -> None:
        """Set where the remote is and arm latching once; `rtp=None` stops all media (hold, or not known yet).

        `rtcp=None` means the port above RTP; equal to `rtp` means one shared port (RFC 5761).
        """

    def set_srtp(self, session_id: str, suite: str, *, local_key: bytes, remote_key: bytes) -> None:
        """Encrypt to this remote and take only what it has encrypted (RFC 3711), RTCP included.

        `suite` is a name of RFC 4568: `AES_CM_128_HMAC_SHA1_80` or `..._32`. Each key is 30 octets: 16 of master key,
        14 of salt. A direction whose suite and key are the same as before goes on with its counters. Raises
        ValueError, which repeats no key.
        """

    def clear_srtp(self, session_id: str) -> None:
        """Send and take plain RTP again."""

    def set_payload_map(self, session_id: str, mapping: dict[int, int], allowed: bytes | None = None) -> None:
        """Set the payload types of packets sent to this remote: the peer's number to this remote's.

        Others pass unchanged, unless `allowed` is given: then only those in `mapping` and `allowed` (numbers of
        the peer) pass and the rest is dropped and counted.
        """

    def set_inactivity(self, session_id: str, inactivity_ms: int) -> None:
        """Set the silence that is reported as `inactive`, counted from now; 0 turns the report off."""

    def bridge(self, a: str, b: str) -> None:
        """Relay between two sessions; `bridge(a, a)` echoes. Earlier bridges of either end."""

    def unbridge(self, session_id: str) -> None:
        """Stop relaying between a session and its peer, if any."""

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
        """Play s16le samples (8 kHz mono) as PCMU or PCMA in place of the peer's audio.

        A prompt in progress is stopped first. Raises ValueError for an unknown codec or half a sample.
        """

    def stop(self, session_id: str) -> None:
        """Stop the prompt in progress, if any."""

    def start_recording(
        self, session_id: str, recording_id: str, path: str | PathLike[str], formats: dict[int, str]
    ) -> None:
        """Record what the remote says (left) and is given to hear (right), until stopped or the session ends.

        The file is a WAV of 16-bit samples at 8 kHz; it must not exist. `formats` tells which payload types are PCMU
        or PCMA; others are silence. Whether the file can be made is told by an event. Raises EngineError when the
        session is recorded already.
        """

    def stop_recording(self, session_id: str) -> tuple[int, int]:
        """End a recording; return its milliseconds and the octets of its file, which is complete a moment later.

        Raises EngineError when the session is not recorded.
        """

    def stats(self, session_id: str) -> SessionStats:
        """Return a snapshot of the counters."""

    def destroy(self, session_id: str) -> SessionStats:
        """End the session and return its last counters."""

    def available_ports(self) -> int:
        """Return the number of port pairs that are free now, quarantined ones excluded."""

    def active_sessions(self) -> int:
        """Return the number of sessions."""

    def event_fd(self) -> int:
        """Return a descriptor that is readable while events wait. It belongs to the engine: do not close it."""

    def poll_events(self) -> list[Event]:
        """Take all waiting events, oldest first."""

    def close(self) -> None:
        """End all sessions and threads. A second call does nothing."""

def build_info() -> BuildInfo:
    """Return how the extension was built."""
