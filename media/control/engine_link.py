# SPDX-License-Identifier: Apache-2.0
"""Carries out on the engine what sessions have agreed, and turns its failures into errors of the protocol.

It must not decide anything: it is told what holds and makes it so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from media.control.engine_port import MediaEngine
from media.control.errors import ErrorCode, MediaError, Reason
from media.control.media_events import SessionCounters
from media.control.negotiate import payload_map
from media.control.session import MediaSession
from media.control.session_crypto import AgreedCrypto
from media.control.session_states import SessionInput

log = logging.getLogger(__name__)

NOTHING = b""


class EngineLink:
    """The engine, for sessions.

    Args:
        engine: moves the media.
        ports_exhausted: what it raises when no port is left.
    """

    def __init__(self, engine: MediaEngine, ports_exhausted: type[Exception]) -> None:
        self._engine = engine
        self._ports_exhausted = ports_exhausted
        self._mapped: set[str] = set()
        self._crypto: dict[str, AgreedCrypto] = {}

    def open(self, session_id: str, call_id: str) -> int:
        """Return the RTP port of a new engine session; the sessions of one call share a thread.

        Raises:
            MediaError: RESOURCE_EXHAUSTED, INTERNAL.
        """
        try:
            return self._engine.create_session(session_id, group=call_id or None)
        except self._ports_exhausted as error:
            raise MediaError(ErrorCode.RESOURCE_EXHAUSTED, "no RTP port is left", Reason.NO_PORT) from error
        except Exception as error:
            log.exception("the engine could not open session %s", session_id)
            raise MediaError(ErrorCode.INTERNAL, f"the engine failed: {error}") from error

    def close(self, session_id: str) -> SessionCounters:
        """End an engine session; one that the engine has lost has counted nothing."""
        self._mapped.discard(session_id)
        self._crypto.pop(session_id, None)
        try:
            return _counters(self._engine.destroy(session_id))
        except Exception:
            log.exception("the engine could not end session %s", session_id)
            return SessionCounters()

    def count(self, session_id: str) -> SessionCounters:
        """Return what a session has counted so far; one that the engine has lost has counted nothing."""
        try:
            return _counters(self._engine.stats(session_id))
        except Exception:
            log.exception("the engine could not count session %s", session_id)
            return SessionCounters()

    def received(self, session_id: str) -> tuple[int, int]:
        """Return how many packets of RTP and of RTCP the session's remote has sent; -1 when the engine has lost it."""
        try:
            stats = self._engine.stats(session_id)
            return int(stats["packets_received"]), int(stats["rtcp_received"])
        except Exception:
            log.exception("the engine could not count session %s", session_id)
            return -1, -1

    def set_remote(self, session: MediaSession) -> None:
        """Send to, and accept from, what the session's remote has described.

        Raises:
            MediaError: INTERNAL; the session has failed.
        """
        remote = session.remote
        if remote is not None:
            self._do(
                session,
                lambda: self._engine.set_remote(
                    session.session_id,
                    rtp=remote.rtp,
                    rtcp=remote.rtcp,
                    signaling_ip=session.signaling_ip or None,
                ),
            )

    def set_crypto(self, session: MediaSession) -> None:
        """Encrypt with the keys that the session has agreed on, or not at all when there are none.

        Raises:
            MediaError: INTERNAL; the session has failed.
        """
        session_id, agreed = session.session_id, session.crypto.agreed
        if agreed == self._crypto.get(session_id):
            return
        if agreed is None:
            self._do(session, lambda: self._engine.clear_srtp(session_id))
            del self._crypto[session_id]
            return
        local, remote = agreed
        self._do(
            session,
            lambda: self._engine.set_srtp(
                session_id, local.suite, local_key=local.key, remote_key=remote.key
            ),
        )
        self._crypto[session_id] = agreed

    def join(self, session: MediaSession, peer: MediaSession) -> None:
        """Relay between both.

        Raises:
            MediaError: INTERNAL; the session has failed.
        """
        self._do(session, lambda: self._engine.bridge(session.session_id, peer.session_id))

    def part(self, session: MediaSession) -> None:
        """Stop relaying.

        Raises:
            MediaError: INTERNAL; the session has failed.
        """
        self._do(session, lambda: self._engine.unbridge(session.session_id))

    def map_payloads(self, session: MediaSession, peer: MediaSession) -> None:
        """Rewrite payload types both ways where the legs number them differently; send nothing to who listens not.

        Raises:
            MediaError: INTERNAL; a session has failed.
        """
        self._map(peer, session)
        if peer is not session:
            self._map(session, peer)

    def _map(self, sender: MediaSession, receiver: MediaSession) -> None:
        mapping = payload_map(sender.agreement, receiver.agreement)
        is_deaf = receiver.remote is not None and not receiver.remote.direction.receives
        receiver_id = receiver.session_id
        if is_deaf:
            mapping = {}
        elif not mapping and receiver_id not in self._mapped:
            return
        allowed = NOTHING if is_deaf else None
        self._do(receiver, lambda: self._engine.set_payload_map(receiver_id, mapping, allowed))
        if is_deaf or mapping:
            self._mapped.add(receiver_id)
        else:
            self._mapped.discard(receiver_id)

    def _do(self, session: MediaSession, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            log.exception("the engine failed session %s", session.session_id)
            session.advance(SessionInput.FAILED)
            raise MediaError(ErrorCode.INTERNAL, f"the engine failed: {error}") from error


def _counters(stats: Mapping[str, Any]) -> SessionCounters:
    read = stats.get
    return SessionCounters(
        packets_received=read("packets_received", 0),
        bytes_received=read("bytes_received", 0),
        packets_sent=read("packets_sent", 0),
        bytes_sent=read("bytes_sent", 0),
        packets_lost=read("packets_lost", 0),
        jitter_ms=read("jitter_ms", 0.0),
        packets_dropped=read("dropped_strangers", 0) + read("dropped_invalid", 0),
        packets_out_of_order=read("out_of_order", 0),
        remote_packets_lost=read("remote_packets_lost"),
        remote_jitter_ms=read("remote_jitter_ms"),
        round_trip_ms=read("round_trip_ms"),
        srtp_unauthenticated=read("dropped_unauthenticated", 0),
        srtp_replayed=read("dropped_replayed", 0),
    )
