# SPDX-License-Identifier: Apache-2.0
"""What each party of a call and this server told each other last, so that another RTP manager can go on from there.

Descriptions are kept and never read. Invariant: what is returned as agreed was an offer and its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from media.control.gen import rtpmanager_pb2 as pb
from signaling.mediapool import MediaError


@dataclass(slots=True)
class _Exchange:
    """The descriptions of one session."""

    our_offer: str = ""
    their_offer: str = ""
    local: str = ""
    """Our side of the last exchange that was completed; empty before there is one."""
    remote: str = ""
    is_refresh: bool = False
    """Whether `their_offer` is what they say once more to `local`, which they are told nothing else than."""


class Descriptions:
    """The last exchanges of the sessions of a call."""

    __slots__ = ("_sessions",)

    def __init__(self) -> None:
        self._sessions: dict[str, _Exchange] = {}

    def agreed(self, session_id: str) -> tuple[str, str] | None:
        """Return our last description and the remote's, or None when nothing was agreed on yet."""
        exchange = self._sessions.get(session_id)
        return (exchange.local, exchange.remote) if exchange is not None and exchange.local else None

    def restore(self, session_id: str, agreed: tuple[str, str]) -> None:
        """Take over what was agreed on before: our last description and the remote's."""
        local, remote = agreed
        self._sessions[session_id] = _Exchange(
            our_offer=local, their_offer=remote, local=local, remote=remote
        )

    def forget(self, session_id: str) -> None:
        """Drop what is known of a session."""
        self._sessions.pop(session_id, None)

    def took(self, requests: Iterable[Any], replies: Iterable[Any]) -> None:
        """Learn from some requests and their replies."""
        for request, reply in zip(requests, replies, strict=False):
            learn = _LEARN.get(type(request))
            if learn is not None and not isinstance(reply, MediaError):
                learn(self._sessions.setdefault(request.session_id, _Exchange()), request, reply)


def _created(exchange: _Exchange, request: pb.CreateSessionRequest, reply: pb.CreateSessionReply) -> None:
    exchange.their_offer, exchange.our_offer = request.remote_sdp, reply.local_sdp
    if request.HasField("continues"):
        exchange.local, exchange.remote = reply.local_sdp, request.continues.remote_sdp


def _answered(exchange: _Exchange, _request: object, reply: pb.CreateAnswerReply) -> None:
    if not exchange.is_refresh:
        exchange.local = reply.local_sdp
    exchange.remote = exchange.their_offer


def _offered(exchange: _Exchange, _request: object, reply: pb.CreateOfferReply) -> None:
    exchange.our_offer = reply.local_sdp


def _updated(exchange: _Exchange, request: pb.UpdateSessionRemoteRequest, _reply: object) -> None:
    if request.kind == pb.SDP_KIND_OFFER:
        exchange.their_offer, exchange.is_refresh = request.remote_sdp, request.refreshes
    else:
        exchange.local, exchange.remote = exchange.our_offer, request.remote_sdp


_LEARN: dict[type, Callable[[_Exchange, Any, Any], None]] = {
    pb.CreateSessionRequest: _created,
    pb.CreateAnswerRequest: _answered,
    pb.CreateOfferRequest: _offered,
    pb.UpdateSessionRemoteRequest: _updated,
}
