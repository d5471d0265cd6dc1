# SPDX-License-Identifier: Apache-2.0
"""Everything an RTP manager is told at its start; nothing below reads settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from media.control.security import IN_THE_CLEAR, GrpcSecurity


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpConfig:
    """The settings of one RTP manager."""

    node_id: str
    """Its name for drain, CDRs and the dashboard."""

    grpc_bind: str
    grpc_port: int
    """0: any free one (tests)."""

    rtp_bind: str
    rtp_port_min: int
    rtp_port_max: int
    """Included."""

    audio_path: Path
    """Directory of the prompts."""

    recordings_path: Path = Path("var/recordings")
    """Directory of the recordings."""

    advertise: str = ""
    """Address written into descriptions; "": chosen per remote."""

    rtp_threads: int = 1
    inactivity_s: float = 30.0
    """A session without RTP for this long is reported."""

    orphan_factor: float = 4.0
    """A session that nobody cares for is ended after this many times `inactivity_s`."""

    held_orphan_factor: float = 60.0
    """The same for a session on hold, where silence is normal."""

    max_message_bytes: int = 2 * 1024 * 1024
    """Largest gRPC message, received or sent."""

    max_batch: int = 256
    """Most requests in one Control batch."""

    max_waiting_events: int = 4096
    """Most events kept for a Control client that does not read; the oldest are dropped."""

    replay_s: float = 60.0
    """How long a mutating request is answered again instead of executed again."""

    max_replays: int = 50_000

    security: GrpcSecurity = IN_THE_CLEAR
    """Who may call."""

    @property
    def grpc_target(self) -> str:
        """Where gRPC listens, as gRPC writes addresses."""
        host = f"[{self.grpc_bind}]" if ":" in self.grpc_bind else self.grpc_bind
        return f"{host}:{self.grpc_port}"
