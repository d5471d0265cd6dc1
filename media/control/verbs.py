# SPDX-License-Identifier: Apache-2.0
"""The requests of the protocol as a table: how each is carried out and how its reply is filled in.

The unary calls and the Control stream share it. It must not know how messages travel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from media.control.errors import ErrorCode, MediaError, Reason, invalid
from media.control.gen import rtpmanager_pb2 as pb
from media.control.manager import SessionManager
from media.control.media_events import SessionCounters
from media.control.replays import ReplayCache
from media.control.results import Created, DrainWish, Negotiated, NodeHealth, Recorded
from media.control.sdp_parser import MAX_SDP_BYTES
from media.control.session_crypto import Encryption

MIN_PROGRESS_MS = 20
"""One packet of audio."""

INTERNAL_ERROR = MediaError(ErrorCode.INTERNAL, "internal error; the log has more")
DONE = ()
"""The outcome of requests that return nothing."""


class Verb(NamedTuple):
    """One kind of request."""

    run: Callable[[SessionManager, Any, str], object]
    """Takes the manager, the request and the Control client's id; returns the outcome or raises MediaError."""

    fill: Callable[[Any, Any], None]
    """Writes the outcome into the reply."""

    is_mutating: bool = True


class VerbRunner:
    """Executes requests, each mutating one once."""

    def __init__(self, manager: SessionManager, replays: ReplayCache) -> None:
        self._manager = manager
        self._replays = replays

    def run(self, kind: str, request: Any, reply: Any, owner: str = "") -> None:
        """Execute a request and fill in its reply.

        Args:
            kind: field name of the request in `ControlRequest`.
            request: the request message.
            reply: its reply message, empty.
            owner: id of the Control client; "" for unary calls.

        Raises:
            MediaError: it was refused or failed.
        """
        verb = VERBS[kind]
        request_id = request.request_id if verb.is_mutating else ""
        if not request_id:
            verb.fill(verb.run(self._manager, request, owner), reply)
            return
        session_id = request.session_id
        outcome = self._replays.find(request_id, kind, session_id)
        if outcome is None:
            outcome = verb.run(self._manager, request, owner)
            self._replays.keep(request_id, kind, session_id, outcome)
        verb.fill(outcome, reply)


def _sdp(text: str) -> str:
    if len(text) > MAX_SDP_BYTES:
        raise invalid(
            Reason.MALFORMED_SDP, f"the session description is longer than {MAX_SDP_BYTES} characters"
        )
    return text


def _create_session(manager: SessionManager, request: pb.CreateSessionRequest, owner: str) -> Created:
    return manager.create_session(
        request.session_id,
        call_id=request.call_id,
        leg=request.leg,
        remote_sdp=_sdp(request.remote_sdp),
        signaling_ip=request.signaling_ip,
        offer_like=request.offer_like,
        continues=_past(request),
        encryption=_encryption(request),
        owner=owner,
    )


def _encryption(request: pb.CreateSessionRequest) -> Encryption:
    try:
        return Encryption(request.encryption)
    except ValueError:
        raise invalid(
            Reason.BAD_REQUEST, "encryption is neither AS_OFFERED nor OPTIONAL nor REQUIRED"
        ) from None


def _past(request: pb.CreateSessionRequest) -> tuple[str, str] | None:
    """Return both descriptions of the session that this one continues; None when it continues none."""
    if not request.HasField("continues"):
        return None
    if request.remote_sdp or request.offer_like:
        raise invalid(Reason.BAD_REQUEST, "a session that continues another has no other offer")
    return _sdp(request.continues.local_sdp), _sdp(request.continues.remote_sdp)


def _fill_created(outcome: Created, reply: pb.CreateSessionReply) -> None:
    reply.session_id = outcome.session_id
    reply.local_sdp = outcome.local_sdp
    reply.local_addr = outcome.local_addr
    reply.local_port = outcome.local_port
    reply.codec = outcome.codec
    reply.state = int(outcome.state)  # type: ignore[assignment]
    reply.srtp = outcome.srtp


def _create_answer(manager: SessionManager, request: pb.CreateAnswerRequest, owner: str) -> Negotiated:
    return manager.create_answer(request.session_id, peer_session_id=request.peer_session_id, owner=owner)


def _fill_answer(outcome: Negotiated, reply: pb.CreateAnswerReply) -> None:
    reply.local_sdp = outcome.local_sdp
    reply.codec = outcome.codec
    if outcome.remote is not None:
        reply.remote_addr, reply.remote_port = outcome.remote
    reply.state = int(outcome.state)  # type: ignore[assignment]
    reply.srtp = outcome.srtp


def _create_offer(manager: SessionManager, request: pb.CreateOfferRequest, owner: str) -> str:
    return manager.create_offer(
        request.session_id,
        offer_like=request.offer_like,
        previous_sdp=_sdp(request.previous_sdp),
        owner=owner,
    )


def _fill_offer(outcome: str, reply: pb.CreateOfferReply) -> None:
    reply.local_sdp = outcome


def _update_remote(manager: SessionManager, request: pb.UpdateSessionRemoteRequest, owner: str) -> Negotiated:
    if request.kind not in (pb.SDP_KIND_OFFER, pb.SDP_KIND_ANSWER):
        raise invalid(Reason.BAD_REQUEST, "kind is neither OFFER nor ANSWER")
    return manager.update_remote(
        request.session_id,
        _sdp(request.remote_sdp),
        is_answer=request.kind == pb.SDP_KIND_ANSWER,
        refreshes=request.refreshes,
        signaling_ip=request.signaling_ip,
        owner=owner,
    )


def _fill_update(outcome: Negotiated, reply: pb.UpdateSessionRemoteReply) -> None:
    reply.codec = outcome.codec
    if outcome.remote is not None:
        reply.remote_addr, reply.remote_port = outcome.remote
    reply.state = int(outcome.state)  # type: ignore[assignment]
    reply.on_hold = outcome.on_hold
    reply.srtp = outcome.srtp


def _bridge(manager: SessionManager, request: pb.BridgeMediaRequest, owner: str) -> object:
    manager.bridge(request.session_id, request.peer_session_id, owner=owner)
    return DONE


def _unbridge(manager: SessionManager, request: pb.UnbridgeMediaRequest, owner: str) -> object:
    manager.unbridge(request.session_id, owner=owner)
    return DONE


def _play(manager: SessionManager, request: pb.PlayAudioRequest, owner: str) -> object:
    manager.play(
        request.session_id,
        request.play_id,
        request.file,
        repeat=request.repeat,
        progress_s=progress_s(request, 0.0),
        owner=owner,
    )
    return DONE


def progress_s(request: pb.PlayAudioRequest, default_s: float) -> float:
    """Return how often progress is reported, in seconds; 0 for never."""
    asked_ms = request.progress_interval_ms
    return max(asked_ms, MIN_PROGRESS_MS) / 1000 if asked_ms else default_s


def _stop(manager: SessionManager, request: pb.StopAudioRequest, owner: str) -> object:
    manager.stop(request.session_id, owner=owner)
    return DONE


def _start_recording(manager: SessionManager, request: pb.StartRecordingRequest, owner: str) -> object:
    manager.recordings.start(request.session_id, request.recording_id, request.file, owner=owner)
    return DONE


def _stop_recording(manager: SessionManager, request: pb.StopRecordingRequest, owner: str) -> Recorded:
    return manager.recordings.stop(request.session_id, request.recording_id, owner=owner)


def _fill_recorded(outcome: Recorded, reply: pb.StopRecordingReply) -> None:
    reply.duration_ms, reply.bytes = outcome


def _destroy(manager: SessionManager, request: pb.DestroySessionRequest, owner: str) -> SessionCounters:
    return manager.destroy(request.session_id)


def _fill_destroyed(outcome: SessionCounters, reply: pb.DestroySessionReply) -> None:
    fill_stats(outcome, reply.stats)


def fill_stats(counters: SessionCounters, stats: pb.SessionStats) -> None:
    """Write counters into a message; what is zero or unknown stays unset."""
    stats.SetInParent()
    for name, value in zip(counters._fields, counters, strict=True):
        if value:
            setattr(stats, name, value)


def _health(manager: SessionManager, request: pb.HealthRequest, owner: str) -> NodeHealth:
    return manager.health()


def _fill_health(outcome: NodeHealth, reply: pb.HealthReply) -> None:
    reply.healthy = outcome.healthy
    reply.active_sessions = outcome.active_sessions
    reply.available_ports = outcome.available_ports
    reply.node_id = outcome.node_id
    reply.boot_id = outcome.boot_id
    reply.draining = outcome.draining
    reply.drain = int(outcome.drain)  # type: ignore[assignment]


def _set_drain(manager: SessionManager, request: pb.SetDrainRequest, owner: str) -> object:
    try:
        wish = DrainWish(request.wish)
    except ValueError:
        raise invalid(Reason.BAD_REQUEST, "wish is neither NONE nor GRACEFUL nor AGGRESSIVE") from None
    manager.admission.wishes(wish)
    return DONE


def _fill_nothing(outcome: object, reply: Any) -> None:
    reply.SetInParent()


VERBS: dict[str, Verb] = {
    "create_session": Verb(_create_session, _fill_created),
    "create_answer": Verb(_create_answer, _fill_answer),
    "create_offer": Verb(_create_offer, _fill_offer),
    "update_session_remote": Verb(_update_remote, _fill_update),
    "bridge_media": Verb(_bridge, _fill_nothing),
    "unbridge_media": Verb(_unbridge, _fill_nothing),
    "play_audio": Verb(_play, _fill_nothing),
    "stop_audio": Verb(_stop, _fill_nothing),
    "start_recording": Verb(_start_recording, _fill_nothing),
    "stop_recording": Verb(_stop_recording, _fill_recorded),
    "destroy_session": Verb(_destroy, _fill_destroyed),
    "health": Verb(_health, _fill_health, is_mutating=False),
    # Changes something, but the same thing however often it comes.
    "set_drain": Verb(_set_drain, _fill_nothing, is_mutating=False),
}
"""By the field names of `ControlRequest` and `ControlReply`."""


def kind_of_method(method: str) -> str:
    """Return the kind of request that a unary call carries: ``CreateSession`` is ``create_session``.

    Raises:
        KeyError: no such verb.
    """
    kind = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in method)[1:]
    if kind not in VERBS:
        raise KeyError(method)
    return kind
