# SPDX-License-Identifier: Apache-2.0
"""What is known of the media sessions of one call, learned from the replies of its RTP manager.

For showing only: nothing about a call is decided by it. Invariant: every session that a reply made known is reported
as created once and as destroyed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from media.control.gen import rtpmanager_pb2 as pb

if TYPE_CHECKING:
    from signaling.calls.call import Call

log = structlog.get_logger("switchboard.calls")

STATES: dict[int, str] = {
    pb.SESSION_STATE_CREATED: "created",
    pb.SESSION_STATE_PENDING_REMOTE: "pending_remote",
    pb.SESSION_STATE_ACTIVE: "active",
    pb.SESSION_STATE_BRIDGED: "bridged",
    pb.SESSION_STATE_TERMINATED: "terminated",
    pb.SESSION_STATE_ERROR: "error",
}
BRIDGED, ACTIVE, TERMINATED = "bridged", "active", "terminated"


@dataclass(slots=True, eq=False)
class MediaSession:
    """One session."""

    session_id: str
    leg: str
    """"A" or "B"."""
    rtp_manager: str
    call: Call | None = None
    created_at: float = 0.0
    """Seconds since the epoch."""
    local_addr: str = ""
    local_port: int = 0
    remote_addr: str = ""
    remote_port: int = 0
    codec: str = ""
    srtp: str = ""
    """Name of the crypto suite in use; empty for plain RTP."""
    state: str = ""
    """Empty until the RTP manager has made it."""
    offers_hold: bool = False
    """Whether its party's last offer asks to be sent nothing."""


class SessionBook:
    """The sessions of one call.

    Args:
        call: told by its notifier; None: nobody is told, as in tests of the media alone.
    """

    __slots__ = ("_call", "sessions")

    def __init__(self, call: Call | None) -> None:
        self._call = call
        self.sessions: dict[str, MediaSession] = {}

    @property
    def log(self) -> Any:
        """Writes log lines about the call."""
        return log if self._call is None else self._call.log

    def open(self, session_id: str, leg: str, rtp_manager: str) -> None:
        """Note that a session is about to be asked for, of the RTP manager of that name."""
        self.sessions[session_id] = MediaSession(session_id, leg, rtp_manager, self._call)

    def close(self, session_id: str) -> MediaSession | None:
        """Forget a session that is about to be released, and return it."""
        return self.sessions.pop(session_id, None)

    def closed(self, session: MediaSession | None, stats: pb.SessionStats | None) -> None:
        """Report the end of a session that was made; ``stats`` is None when they are not known."""
        if session is None or not session.state:
            return
        session.state = TERMINATED
        if self._call is not None:
            self._call.notify.session_destroyed(session, stats)

    def started(self, session_id: str) -> None:
        """Report the first packet of a party."""
        session = self.sessions.get(session_id)
        if session is not None and self._call is not None:
            self._call.notify.session_started(session)

    def inactive(self, session_id: str) -> None:
        """Report the silence of a party."""
        session = self.sessions.get(session_id)
        if session is not None and self._call is not None:
            self._call.notify.session_inactive(session)

    def took(self, requests: Iterable[Any], replies: Iterable[Any]) -> None:
        """Learn from the replies to some requests."""
        for request, reply in zip(requests, replies, strict=False):
            learn = _LEARN.get(type(reply))
            session = self.sessions.get(request.session_id) if learn is not None else None
            if learn is not None and session is not None:
                learn(self, session, request, reply)

    # --- Inside ---------------------------------------------------------------------------------------------------

    def _created(self, session: MediaSession, _request: Any, reply: pb.CreateSessionReply) -> None:
        session.local_addr, session.local_port = reply.local_addr, reply.local_port
        session.codec, session.srtp = reply.codec, reply.srtp
        session.state = STATES.get(reply.state, "created")
        if self._call is not None:
            session.created_at = self._call.services.wall()
            self._call.notify.session_created(session)

    def _negotiated(
        self,
        session: MediaSession,
        request: Any,
        reply: pb.CreateAnswerReply | pb.UpdateSessionRemoteReply,
    ) -> None:
        if isinstance(request, pb.UpdateSessionRemoteRequest) and request.kind == pb.SDP_KIND_OFFER:
            session.offers_hold = bool(getattr(reply, "on_hold", False))
            return
        session.codec, session.srtp = reply.codec or session.codec, reply.srtp
        session.remote_addr, session.remote_port = reply.remote_addr, reply.remote_port
        session.state = STATES.get(reply.state, session.state)
        self._changed(session)

    def _bridged(self, session: MediaSession, request: pb.BridgeMediaRequest, _reply: object) -> None:
        for each in (session, self.sessions.get(request.peer_session_id)):
            if each is not None and each.state != BRIDGED:
                each.state = BRIDGED
                self._changed(each)

    def _unbridged(self, session: MediaSession, _request: object, _reply: object) -> None:
        session.state = ACTIVE
        self._changed(session)

    def _changed(self, session: MediaSession) -> None:
        if self._call is not None:
            self._call.notify.session_changed(session)


_LEARN: dict[type, Callable[[SessionBook, MediaSession, Any, Any], None]] = {
    pb.CreateSessionReply: SessionBook._created,
    pb.CreateAnswerReply: SessionBook._negotiated,
    pb.UpdateSessionRemoteReply: SessionBook._negotiated,
    pb.BridgeMediaReply: SessionBook._bridged,
    pb.UnbridgeMediaReply: SessionBook._unbridged,
}
