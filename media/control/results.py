# SPDX-License-Identifier: Apache-2.0
"""What the session manager's verbs return."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from media.control.remote_audio import Address
from media.control.session import MediaSession
from media.control.session_states import SessionState


class Created(NamedTuple):
    """Outcome of `SessionManager.create_session`."""

    session_id: str
    local_sdp: str
    local_addr: str
    local_port: int
    codec: str
    state: SessionState
    srtp: str = ""
    """Name of the crypto suite in use; empty for plain RTP."""


class Recorded(NamedTuple):
    """Outcome of `Recordings.stop`."""

    duration_ms: int
    size_bytes: int
    """Of the whole file."""


class Negotiated(NamedTuple):
    """Outcome of a description given or taken; `local_sdp` is empty when none was written."""

    local_sdp: str
    codec: str
    remote: Address | None
    state: SessionState
    on_hold: bool
    srtp: str = ""
    """Name of the crypto suite in use; empty for plain RTP."""


class DrainWish(IntEnum):
    """What operators want of a node; numbered as `rtpmanager.v1.DrainWish`."""

    NONE = 0
    GRACEFUL = 1
    AGGRESSIVE = 2


class NodeHealth(NamedTuple):
    """Outcome of `SessionManager.health`."""

    healthy: bool
    active_sessions: int
    available_ports: int
    node_id: str
    boot_id: str
    draining: bool = False
    drain: DrainWish = DrainWish.NONE


def created_of(session: MediaSession, local_sdp: str) -> Created:
    """Return the outcome of a session that was opened; `local_sdp` is empty when the remote made the offer."""
    local, srtp = session.local, session.crypto.suite
    address, port, codec = local.address, local.port, session.codec
    return Created(session.session_id, local_sdp, address, port, codec, session.state, srtp)


def outcome_of(session: MediaSession, local_sdp: str) -> Negotiated:
    """Return the outcome of a description given or taken."""
    remote = session.remote.rtp if session.remote is not None else None
    state, on_hold, srtp = session.state, session.on_hold, session.crypto.suite
    return Negotiated(local_sdp, session.codec, remote, state, on_hold, srtp)
