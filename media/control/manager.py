# SPDX-License-Identifier: Apache-2.0
"""The session manager: the verbs of the control protocol, carried out on sessions and on the engine.

It must not know gRPC or protobuf: arguments and results are plain values, errors are `MediaError`, what happens by
itself goes to `emit`.

Invariant: a verb that raises changed nothing, except that an engine failure leaves the session in state ERROR.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import structlog

from media.control.addresses import AddressBook
from media.control.admission import Admission
from media.control.config import RtpConfig
from media.control.continuation import read_origin
from media.control.engine_link import EngineLink
from media.control.engine_port import MediaEngine
from media.control.errors import MediaError, Reason, invalid, no_such_session
from media.control.local_description import LocalDescription
from media.control.media_events import (
    MediaEvent,
    MediaInactive,
    MediaStarted,
    SessionCounters,
    SessionExpired,
)
from media.control.metering import RtpMeter
from media.control.negotiate import playable_format
from media.control.playback import Listener, Playback, Playbacks, PromptSource
from media.control.recordings import Recordings
from media.control.remote_audio import RemoteAudio
from media.control.remote_reader import RemoteReader
from media.control.results import Created, Negotiated, NodeHealth, created_of, outcome_of
from media.control.session import MediaSession
from media.control.session_crypto import Encryption
from media.control.session_states import SessionInput
from media.control.supervision import Supervisor

log = structlog.get_logger(__name__)


class SessionManager:
    """The sessions of one RTP manager. All of it runs on one event loop.

    Args:
        config: the settings.
        engine: moves the media.
        prompts: where prompts come from.
        ports_exhausted: what the engine raises when no port is left.
        loop: the event loop.
        addresses: address decisions; made from `config` when left out.

    Attributes:
        emit: is told the owner and the event; set by the service.
        is_present: tells whether an owner is connected; set by the service.
        on_fatal: is told when the engine lost a thread, so that the process can be replaced; set by the server.
    """

    def __init__(
        self,
        config: RtpConfig,
        engine: MediaEngine,
        prompts: PromptSource,
        *,
        ports_exhausted: type[Exception],
        loop: asyncio.AbstractEventLoop,
        addresses: AddressBook | None = None,
    ) -> None:
        self.config = config
        self.boot_id = secrets.token_hex(16)
        self.sessions: dict[str, MediaSession] = {}
        self.admission = Admission(self.sessions)
        self.emit: Callable[[str, MediaEvent], None] = lambda owner, event: None
        self.is_present: Callable[[str], bool] = lambda owner: False
        self.on_fatal: Callable[[str], None] = lambda detail: None
        self._engine = engine
        self._link = EngineLink(engine, ports_exhausted)
        self._loop = loop
        self._addresses = addresses or AddressBook(bind_ip=config.rtp_bind, advertise=config.advertise)
        self._read = RemoteReader(self._addresses)
        self._playbacks = Playbacks(engine, prompts, loop)
        self.recordings = Recordings(engine, config.recordings_path, self._touch, lambda *a: self.emit(*a))
        self._supervisor = Supervisor(
            inactivity_s=config.inactivity_s,
            orphan_factor=config.orphan_factor,
            held_orphan_factor=config.held_orphan_factor,
            received=self._link.received,
            is_present=lambda owner: self.is_present(owner),
            clock=loop.time,
        )
        self.meter = RtpMeter(self.sessions, self._link.count, self.health)
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._is_healthy = True

    def start(self) -> None:
        """Begin to take the engine's events and to look for orphans."""
        self._loop.add_reader(self._engine.event_fd(), self._on_engine_events)
        self._sweep_timer = self._loop.call_later(self._supervisor.sweep_s, self._sweep)

    def close(self) -> None:
        """Stop prompts, end all sessions and the engine."""
        self._loop.remove_reader(self._engine.event_fd())
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        self._playbacks.close()
        self._engine.close()
        self.sessions.clear()

    def health(self) -> NodeHealth:
        """Return how the node is."""
        available = self._engine.available_ports()
        draining, wish = self.admission.is_draining, self.admission.wish
        is_healthy = self._is_healthy and not draining
        node_id, boot_id = self.config.node_id, self.boot_id
        return NodeHealth(is_healthy, len(self.sessions), available, node_id, boot_id, draining, wish)

    # --- Sessions -------------------------------------------------------------------------------------------------

    def create_session(
        self,
        session_id: str,
        *,
        call_id: str = "",
        leg: str = "",
        remote_sdp: str = "",
        signaling_ip: str = "",
        offer_like: str = "",
        continues: tuple[str, str] | None = None,
        encryption: Encryption = Encryption.AS_OFFERED,
        owner: str = "",
    ) -> Created:
        """Open a session for a remote's offer, or with an offer of ours when `remote_sdp` is empty.

        One that `continues` a session of another node (our last description and the remote's) is in use at once.

        Raises:
            MediaError: INVALID_ARGUMENT (id, description, codec, address, no key), NOT_FOUND (`offer_like`),
                RESOURCE_EXHAUSTED, UNAVAILABLE (about to stop).
        """
        self.admission.check(session_id, call_id)
        like = self._find(offer_like) if offer_like else None
        offer = self._read.offer(remote_sdp, signaling_ip) if remote_sdp else None
        past = self._read.past(continues, signaling_ip) if continues else None
        local = LocalDescription(
            address=self._addresses.local_for(signaling_ip),
            port=self._link.open(session_id, call_id),
            origin_id=secrets.randbits(62),
            continues=past and past.origin,
        )
        session = MediaSession(
            session_id,
            local,
            call_id=call_id,
            leg=leg,
            signaling_ip=signaling_ip,
            owner=owner,
            encryption=encryption,
        )
        try:
            text = session.begin(offer, like, past)
            if past is not None:
                self._put_into_use(session, None)
        except MediaError:
            self._link.close(session_id)
            raise
        self.sessions[session_id] = session
        return created_of(session, text)

    def create_answer(self, session_id: str, *, peer_session_id: str = "", owner: str = "") -> Negotiated:
        """Answer the remote's last offer, from the peer's agreement or from what this node can play.

        Raises:
            MediaError: NOT_FOUND; INVALID_ARGUMENT (no offer, no common codec, peer not answered).
        """
        session = self._touch(session_id, owner)
        peer = self._find(peer_session_id) if peer_session_id else None
        before = session.remote
        text = session.make_answer(peer)
        self._put_into_use(session, before)
        return outcome_of(session, text)

    def create_offer(
        self, session_id: str, *, offer_like: str = "", previous_sdp: str = "", owner: str = ""
    ) -> str:
        """Return an offer in an existing session.

        Args:
            previous_sdp: what the remote was given last, when that came from a session of another node.

        Raises:
            MediaError: NOT_FOUND; INVALID_ARGUMENT (nothing to offer, a description that is none of ours).
        """
        session = self._touch(session_id, owner)
        if previous_sdp:
            session.local.go_on_after(read_origin(previous_sdp))
            session.crypto.renew()
        like = self._find(offer_like) if offer_like else None
        return session.make_offer(like, self._peer_of(session))

    def update_remote(
        self,
        session_id: str,
        remote_sdp: str,
        *,
        is_answer: bool,
        refreshes: bool = False,
        signaling_ip: str = "",
        owner: str = "",
    ) -> Negotiated:
        """Take a remote's answer, which is used at once, or its offer or refresh, which waits for `create_answer`.

        Raises:
            MediaError: NOT_FOUND; INVALID_ARGUMENT (description, codec, address, no offer to answer).
        """
        session = self._touch(session_id, owner)
        signaling_ip = signaling_ip or session.signaling_ip
        if is_answer:
            answer = self._read.answer(remote_sdp, session.audio_index(), signaling_ip)
            before = session.remote
            session.take_answer(answer)
            session.signaling_ip = signaling_ip
            self._put_into_use(session, before)
            return outcome_of(session, "")
        index = session.audio_index(refreshes=True) if refreshes else None
        offer = self._read.offer(remote_sdp, signaling_ip, index)
        session.take_offer(offer, refreshes=refreshes)
        session.signaling_ip = signaling_ip
        return outcome_of(session, "")._replace(on_hold=not offer.direction.receives)

    def destroy(self, session_id: str) -> SessionCounters:
        """End a session and return what it counted.

        Raises:
            MediaError: NOT_FOUND.
        """
        session = self._find(session_id)
        peer = self._peer_of(session)
        session.advance(SessionInput.DESTROYED)
        if peer is not None:
            peer.separate()
        del self.sessions[session_id]
        self._supervisor.forget(session_id)
        counters = self._link.close(session_id)
        self.meter.ended(counters)
        self._playbacks.session_destroyed(session_id)
        return counters

    # --- Media ----------------------------------------------------------------------------------------------------

    def bridge(self, session_id: str, peer_session_id: str, *, owner: str = "") -> None:
        """Relay between two sessions, or back to the sender when both are the same.

        Raises:
            MediaError: NOT_FOUND; INVALID_ARGUMENT (a session has not negotiated).
        """
        session = self._touch(session_id, owner)
        peer = self._touch(peer_session_id, owner)
        for party in (session, peer):
            party.require(SessionInput.BRIDGED)
        for party, other in ((session, peer), (peer, session)):
            if party.peer_id not in ("", other.session_id):
                self._part(party)
        self._link.join(session, peer)
        for party, other in ((session, peer), (peer, session)):
            party.advance(SessionInput.BRIDGED)
            party.peer_id = other.session_id
        self._link.map_payloads(session, peer)

    def unbridge(self, session_id: str, *, owner: str = "") -> None:
        """Stop relaying; nothing happens when the session is not bridged.

        Raises:
            MediaError: NOT_FOUND.
        """
        session = self._touch(session_id, owner)
        if session.peer_id:
            self._part(session)

    def play(
        self,
        session_id: str,
        play_id: str,
        file: str,
        *,
        repeat: bool = False,
        progress_s: float = 0.0,
        listener: Listener | None = None,
        owner: str = "",
    ) -> None:
        """Start a prompt; how it goes is told to `listener`, else to the owner.

        Raises:
            MediaError: NOT_FOUND; INVALID_ARGUMENT (not answered, no codec to play in).
        """
        session = self._touch(session_id, owner)
        session.require(SessionInput.PLAYED)
        target = playable_format(session.agreement)
        if target is None:
            raise invalid(Reason.NO_PLAYABLE_CODEC, "the session uses no codec that prompts can be played in")
        playback = Playback(
            session_id,
            play_id,
            file,
            codec=target[0],
            payload_type=target[1],
            repeat=repeat,
            progress_s=progress_s,
            listener=listener or (lambda event: self.emit(session.owner, event)),
        )
        self._playbacks.start(playback)

    def stop(self, session_id: str, *, owner: str = "") -> None:
        """Stop the prompt of a session, if one plays.

        Raises:
            MediaError: NOT_FOUND.
        """
        self._touch(session_id, owner)
        self._playbacks.stop(session_id)

    def stop_playback(self, session_id: str, play_id: str) -> None:
        """Stop one playback, if it is still going on."""
        self._playbacks.stop(session_id, play_id)

    # --- What happens by itself -----------------------------------------------------------------------------------

    def _on_engine_events(self) -> None:
        for name, session_id, *rest in self._engine.poll_events():
            if name == "fatal":
                self._fail(f"media thread {session_id} failed: {rest[0]}")
                continue
            if (session := self.sessions.get(session_id)) is None:
                continue
            if name == "media_started":
                self.emit(session.owner, MediaStarted(session_id))
            elif name == "inactive":
                if self._supervisor.note_silence(session):
                    self.emit(session.owner, MediaInactive(session_id, int(self.config.inactivity_s * 1000)))
            elif name.startswith("recording_"):
                self.recordings.on_engine_event(session, name, *rest)
            else:
                self._playbacks.on_engine_event(name, session_id, *rest)

    def _fail(self, detail: str) -> None:
        log.critical(detail)
        self._is_healthy = False
        self.on_fatal(detail)

    def _sweep(self) -> None:
        due = self._supervisor.sweep()
        for session, silent_s in due.silent:
            self.emit(session.owner, MediaInactive(session.session_id, int(silent_s * 1000)))
        for session_id in due.expired:
            session = self.sessions[session_id]
            log.warning("session expired: no RTP, and nobody ended it", **session.facts)
            self.emit(session.owner, SessionExpired(session_id, self.destroy(session_id)))
        self._sweep_timer = self._loop.call_later(self._supervisor.sweep_s, self._sweep)

    # --- Inside ---------------------------------------------------------------------------------------------------

    def _find(self, session_id: str) -> MediaSession:
        session = self.sessions.get(session_id)
        if session is None:
            raise no_such_session(session_id)
        return session

    def _touch(self, session_id: str, owner: str) -> MediaSession:
        """Return a session that works, and note who cares for it now."""
        session = self._find(session_id)
        session.require_usable()
        if owner:
            session.owner = owner
        return session

    def _peer_of(self, session: MediaSession) -> MediaSession | None:
        """Return the other session of its bridge; None for none or an echo."""
        peer_id = session.peer_id
        return self.sessions.get(peer_id) if peer_id and peer_id != session.session_id else None

    def _put_into_use(self, session: MediaSession, before: RemoteAudio | None) -> None:
        self._link.set_crypto(session)
        if session.needs_remote(before):
            self._link.set_remote(session)
            self._supervisor.forget(session.session_id)
        if session.peer_id:
            self._link.map_payloads(session, self.sessions[session.peer_id])

    def _part(self, session: MediaSession) -> None:
        peer = self._peer_of(session)
        self._link.part(session)
        session.separate()
        if peer is not None:
            peer.separate()
