# SPDX-License-Identifier: Apache-2.0
"""What the session manager's verbs return."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from media.control.remote_audio import Address
from media.control.session_states import SessionState


class Created(NamedTuple):
    """Outcome of `SessionManager.create_session`."""

    session_id: str
    local_sdp: str
    local_addr: str
    local_port: int
    codec: str
    state: SessionState


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
