# SPDX-License-Identifier: Apache-2.0
"""What the engine returns, as types."""

from __future__ import annotations

from typing import Literal, TypeAlias, TypedDict


class SessionStats(TypedDict):
    """Counters of a session, over its whole life; octets include RTP headers."""

    packets_received: int
    """RTP packets accepted from the remote."""
    bytes_received: int
    """Octets of those."""
    packets_sent: int
    """RTP packets sent to the remote, relayed and own."""
    bytes_sent: int
    """Octets of those."""
    packets_lost: int
    """Expected minus received packets (RFC 3550 A.3), never below zero."""
    out_of_order: int
    """Packets that came late or twice."""
    jitter_ms: float
    """Interarrival jitter (RFC 3550 A.8)."""
    ssrc: int | None
    """SSRC of the remote's stream."""
    payload_type: int | None
    """Payload type of the last packet."""
    dropped_strangers: int
    """Datagrams from hosts that may not speak, or before the remote was known."""
    dropped_invalid: int
    """Datagrams of the right host that are neither RTP nor RTCP."""
    dropped_payload_type: int
    """Packets for this remote whose payload type it did not negotiate."""
    dropped_unauthenticated: int
    """Datagrams of the right host that the keys of the session do not authenticate."""
    dropped_replayed: int
    """Encrypted datagrams that were taken before, or are too old to tell."""
    send_errors: int
    """Packets that the system refused to send, or whose sequence number was encrypted before."""
    rtcp_received: int
    """RTCP compounds accepted from the remote."""
    rtcp_sent: int
    """RTCP compounds sent to the remote, relayed and own."""
    remote_packets_lost: int | None
    """Cumulative loss that the remote last reported."""
    remote_jitter_ms: float | None
    """Jitter that the remote last reported."""
    round_trip_ms: float | None
    """Round trip, from the remote's last report about a prompt."""
    remote: tuple[str, int] | None
    """Where RTP is sent now: the learned address, else the SDP's."""


class BuildInfo(TypedDict):
    """How the extension was built."""

    version: str
    profile: Literal["release", "debug"]
    panic: Literal["unwind", "abort"]
    target: str


Event: TypeAlias = (
    tuple[Literal["media_started", "inactive"], str]
    | tuple[Literal["play_started", "play_completed", "play_stopped"], str, str]
    | tuple[
        Literal["recording_started", "recording_stopped", "recording_failed"], str, str, str, int, int, int
    ]
    | tuple[Literal["fatal"], int, str]
)
"""An event: its name, then session id and play id, or the worker's number and what happened to it.

Of a recording: session id, recording id, why it failed, its milliseconds, the octets of its file, and how many parts
of packets are missing because the disk was too slow.
"""
