# SPDX-License-Identifier: Apache-2.0
"""The life of a media session as a table; a pair that is absent is refused.

States and their numbers are the protocol's `SessionState`.
"""

import enum


class SessionState(enum.IntEnum):
    """Where a session stands."""

    CREATED = 1
    PENDING_REMOTE = 2
    ACTIVE = 3
    BRIDGED = 4
    TERMINATED = 5
    ERROR = 6


class SessionInput(enum.Enum):
    """What happens to a session."""

    OFFERED = "offered to the remote"
    NEGOTIATED = "negotiated"
    BRIDGED = "bridged"
    UNBRIDGED = "unbridged"
    PLAYED = "played"
    DESTROYED = "destroyed"
    FAILED = "failed"


_State, _Input = SessionState, SessionInput

SESSION_TABLE: dict[tuple[SessionState, SessionInput], SessionState] = {
    (_State.CREATED, _Input.OFFERED): _State.PENDING_REMOTE,
    (_State.CREATED, _Input.NEGOTIATED): _State.ACTIVE,
    (_State.CREATED, _Input.UNBRIDGED): _State.CREATED,
    (_State.CREATED, _Input.DESTROYED): _State.TERMINATED,
    (_State.CREATED, _Input.FAILED): _State.ERROR,
    (_State.PENDING_REMOTE, _Input.OFFERED): _State.PENDING_REMOTE,
    (_State.PENDING_REMOTE, _Input.NEGOTIATED): _State.ACTIVE,
    (_State.PENDING_REMOTE, _Input.UNBRIDGED): _State.PENDING_REMOTE,
    (_State.PENDING_REMOTE, _Input.DESTROYED): _State.TERMINATED,
    (_State.PENDING_REMOTE, _Input.FAILED): _State.ERROR,
    (_State.ACTIVE, _Input.OFFERED): _State.ACTIVE,
    (_State.ACTIVE, _Input.NEGOTIATED): _State.ACTIVE,
    (_State.ACTIVE, _Input.BRIDGED): _State.BRIDGED,
    (_State.ACTIVE, _Input.UNBRIDGED): _State.ACTIVE,
    (_State.ACTIVE, _Input.PLAYED): _State.ACTIVE,
    (_State.ACTIVE, _Input.DESTROYED): _State.TERMINATED,
    (_State.ACTIVE, _Input.FAILED): _State.ERROR,
    (_State.BRIDGED, _Input.OFFERED): _State.BRIDGED,
    (_State.BRIDGED, _Input.NEGOTIATED): _State.BRIDGED,
    (_State.BRIDGED, _Input.BRIDGED): _State.BRIDGED,
    (_State.BRIDGED, _Input.UNBRIDGED): _State.ACTIVE,
    (_State.BRIDGED, _Input.PLAYED): _State.BRIDGED,
    (_State.BRIDGED, _Input.DESTROYED): _State.TERMINATED,
    (_State.BRIDGED, _Input.FAILED): _State.ERROR,
    (_State.ERROR, _Input.DESTROYED): _State.TERMINATED,
    (_State.ERROR, _Input.FAILED): _State.ERROR,
}
