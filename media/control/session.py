# SPDX-License-Identifier: Apache-2.0
"""One media session: what it has offered, been offered and agreed on. Descriptions in, descriptions out.

It must not touch the engine or other sessions; `SessionManager` carries out what follows from a change.

Invariant: `agreement` and `remote` change together and only when an answer completes an exchange; an offer that is
refused leaves the session as it was (RFC 3264 4, RFC 6337 3).
"""

from __future__ import annotations

from collections.abc import Sequence

from media.control.codecs import Format, Key, is_speech
from media.control.continuation import Continuation
from media.control.crypto_line import CryptoLine
from media.control.directions import COMMON, MIRRORED, Direction
from media.control.errors import Reason, invalid
from media.control.local_description import AUDIO_ONLY, SECURE_AUDIO_ONLY, LocalDescription
from media.control.negotiate import (
    Agreement,
    agree_like_peer,
    agree_on_answer,
    agree_on_playable,
    answer_direction,
    offered_formats,
)
from media.control.remote_audio import SECURE_PROFILES, MediaLine, RemoteAudio
from media.control.session_crypto import Encryption, SessionCrypto
from media.control.session_states import SESSION_TABLE, SessionInput, SessionState

PROMPT_PTIME_MS = 20


class MediaSession:
    """A session of one leg of a call.

    Attributes:
        agreement: formats in use; empty before the first exchange is complete.
        crypto: keys in use, and those offered.
        remote: the remote's side of it.
        offer: the remote's last offer; it stays until a newer one comes, so that an answer can be made again.
        offer_is_open: whether `offer` waits for an answer.
        peer_id: the session it is bridged with; its own id for an echo; "" for none.
        recording_id: the recording of it that goes on; "" for none.
        owner: id of the Control client that touched it last; "" for none.
    """

    __slots__ = (
        "_direction",
        "_exchange_is_open",
        "_index",
        "_lines",
        "_offer_refreshes",
        "_offered",
        "_offered_direction",
        "_payload_types",
        "agreement",
        "call_id",
        "crypto",
        "leg",
        "local",
        "offer",
        "offer_is_open",
        "owner",
        "peer_id",
        "recording_id",
        "remote",
        "session_id",
        "signaling_ip",
        "state",
    )

    def __init__(
        self,
        session_id: str,
        local: LocalDescription,
        *,
        call_id: str = "",
        leg: str = "",
        signaling_ip: str = "",
        owner: str = "",
        encryption: Encryption = Encryption.AS_OFFERED,
    ) -> None:
        self.session_id = session_id
        self.call_id = call_id
        self.leg = leg
        self.owner = owner
        self.signaling_ip = signaling_ip
        self.local = local
        self.state = SessionState.CREATED
        self.agreement: Agreement = ()
        self.crypto = SessionCrypto(encryption)
        self.remote: RemoteAudio | None = None
        self.offer: RemoteAudio | None = None
        self.offer_is_open = False
        self.peer_id = ""
        self.recording_id = ""
        self._offered: tuple[Format, ...] = ()
        self._offered_direction = Direction.SENDRECV
        self._direction = Direction.SENDRECV
        self._exchange_is_open = False
        self._offer_refreshes = False
        self._lines: tuple[MediaLine, ...] = (
            SECURE_AUDIO_ONLY if self.crypto.offers_secure_profile else AUDIO_ONLY
        )
        self._index = 0
        self._payload_types: dict[int, Key] = {}

    @property
    def codec(self) -> str:
        """Name of the codec in use; before there is one, of the first that was offered."""
        if self.agreement:
            return self.agreement[0].local.encoding
        candidates = self._offered if self.offer is None else self.offer.formats
        return next((entry.encoding for entry in candidates if is_speech(entry)), "")

    @property
    def facts(self) -> dict[str, str]:
        """What each log line about the session says."""
        return {"call_id": self.call_id, "leg": self.leg, "session_id": self.session_id}

    @property
    def on_hold(self) -> bool:
        """Tell whether silence from the remote is to be expected, because either side put the stream on hold."""
        return self._direction is not Direction.SENDRECV or (self.remote is not None and self.remote.on_hold)

    @property
    def is_answered(self) -> bool:
        """Tell whether an exchange is complete."""
        return bool(self.agreement)

    def advance(self, happened: SessionInput) -> None:
        """Go to the next state.

        Raises:
            MediaError: INVALID_ARGUMENT, reason wrong_state: that cannot happen now.
        """
        following = SESSION_TABLE.get((self.state, happened))
        if following is None:
            self.require(happened)
        else:
            self.state = following

    def require(self, planned: SessionInput) -> None:
        """Refuse what could not happen now.

        Raises:
            MediaError: INVALID_ARGUMENT, reason wrong_state.
        """
        if (self.state, planned) not in SESSION_TABLE:
            what = f"session {self.session_id} is {self.state.name.lower()} and cannot be {planned.value}"
            raise invalid(Reason.WRONG_STATE, what)

    def require_usable(self) -> None:
        """Refuse a session that the engine failed.

        Raises:
            MediaError: INVALID_ARGUMENT, reason wrong_state.
        """
        if self.state is SessionState.ERROR:
            raise invalid(Reason.WRONG_STATE, f"session {self.session_id} has failed")

    def separate(self) -> None:
        """Forget the session it was bridged with."""
        self.peer_id = ""
        if self.state is SessionState.BRIDGED:
            self.advance(SessionInput.UNBRIDGED)

    def take_offer(self, offer: RemoteAudio, *, refreshes: bool = False) -> None:
        """Keep the remote's offer until it is answered; an earlier one that was not is forgotten.

        Args:
            offer: what it says.
            refreshes: whether it answers our last description, which it was told once more: our answer stays here.

        Raises:
            MediaError: it has no key, and one is required; a refresh that does not fit what the remote was told.
        """
        if refreshes:
            self.crypto.check_refresh(offer.crypto)
        else:
            self.crypto.check_offer(offer.crypto)
        self._offer_refreshes = refreshes
        self.offer = offer
        self.offer_is_open = True
        self._exchange_is_open = True

    def make_offer(self, like: MediaSession | None, peer: MediaSession | None = None) -> str:
        """Return an offer. Nothing is in use of it before its answer comes.

        Args:
            like: the leg whose formats, direction and packet times are offered; None: the formats in use, else
                the default ones.
            peer: without `like`, the leg whose direction is offered, so that a hold is not lifted by accident.

        Raises:
            MediaError: the session failed, or `like` has no formats to offer.
        """
        source = None if like is None else like.wish()
        wanted: Sequence[Format] | None = [entry.local for entry in self.agreement] or None
        direction = Direction.SENDRECV
        ptime_ms: int | None = PROMPT_PTIME_MS
        maxptime_ms: int | None = None
        if source is not None:
            remote, wanted = source
            direction, ptime_ms, maxptime_ms = remote.direction, remote.ptime_ms, remote.maxptime_ms
        elif peer is not None and peer.remote is not None:
            direction = peer.remote.direction
        formats = offered_formats(wanted, self._payload_types)
        self.advance(SessionInput.OFFERED)
        self._offered, self._offered_direction = formats, direction
        self._exchange_is_open = True
        return self._write(formats, direction, ptime_ms, maxptime_ms, self.crypto.offer())

    def begin(self, offer: RemoteAudio | None, like: MediaSession | None, past: Continuation | None) -> str:
        """Begin the first exchange, as the remote's `offer`, an offer of ours or a `past` elsewhere has it.

        Returns:
            Our offer; empty when the remote made one.

        Raises:
            MediaError: there is nothing to offer, or the remote's offer has no key that is required.
        """
        if past is not None:
            return self.go_on(past)
        if offer is None:
            return self.make_offer(like)
        self.take_offer(offer)
        return ""

    def go_on(self, past: Continuation) -> str:
        """Take the place of a session of another node, in use at once; return the offer that tells the remote.

        Raises:
            MediaError: both descriptions have no speech format in common.
        """
        local: RemoteAudio = past.local
        formats = past.formats()
        self.advance(SessionInput.OFFERED)
        self.advance(SessionInput.NEGOTIATED)
        self._offered, self._offered_direction = formats, local.direction
        self._exchange_is_open = True
        self._lines = local.lines
        self._index = local.audio_line
        self._direction = past.direction
        self._agree(past.agreement, past.remote)
        crypto = self.crypto.go_on(local.crypto, past.remote.crypto)
        return self._write(formats, local.direction, local.ptime_ms, local.maxptime_ms, crypto)

    def wish(self) -> tuple[RemoteAudio, Sequence[Format]] | None:
        """Return what this leg's remote wants of another: its open offer, else what was agreed; None for neither."""
        if self.offer_is_open and self.offer is not None:
            return self.offer, self.offer.formats
        if self.remote is not None:
            return self.remote, [entry.remote for entry in self.agreement]
        return None

    def make_answer(self, peer: MediaSession | None) -> str:
        """Return the answer to the remote's last offer, and put it into use.

        Args:
            peer: the other party, whose agreement limits ours; None: this node is the other party.

        Raises:
            MediaError: no offer, no common codec, or a peer that has not answered.
        """
        offer = self.offer
        if offer is None:
            raise invalid(Reason.WRONG_STATE, f"session {self.session_id} has no offer to answer")
        ptime_ms: int | None = PROMPT_PTIME_MS
        maxptime_ms: int | None = None
        far: RemoteAudio | None = None
        if peer is None:
            agreement = agree_on_playable(offer.formats)
        elif peer.remote is None:
            raise invalid(Reason.WRONG_STATE, f"peer {peer.session_id} has not answered")
        else:
            far = peer.remote
            agreement = agree_like_peer(offer.formats, peer.agreement)
            ptime_ms, maxptime_ms = far.ptime_ms, far.maxptime_ms
        self.advance(SessionInput.NEGOTIATED)
        if self._offer_refreshes:
            crypto = self.crypto.take_refresh(offer.crypto)
        else:
            crypto = self.crypto.answer(offer.crypto)
            self._lines, self._index = offer.lines, offer.audio_line
        self._direction = answer_direction(offer, far)
        self._agree(agreement, offer)
        self.offer_is_open = False
        formats = [entry.local for entry in agreement]
        return self._write(formats, self._direction, ptime_ms, maxptime_ms, crypto)

    def take_answer(self, answer: RemoteAudio) -> None:
        """Put the remote's answer to our last offer into use; it may come again or change (forking, 18x then 200).

        Raises:
            MediaError: no offer of ours, no common codec, or no key where one is needed.
        """
        agreement = agree_on_answer(self._offered, answer.formats)
        self.require(SessionInput.NEGOTIATED)
        is_secure = self._lines[self._index].protocol in SECURE_PROFILES
        self.crypto.take_answer(
            answer.crypto, is_secure=is_secure, names_keys=answer.names_keys, encrypts=answer.is_secure
        )
        self.advance(SessionInput.NEGOTIATED)
        self._direction = COMMON[self._offered_direction, MIRRORED[answer.direction]]
        self._agree(agreement, answer)
        self.offer_is_open = False

    def needs_remote(self, before: RemoteAudio | None) -> bool:
        """Tell, once per completed exchange or changed answer, that the engine must learn the remote's address.

        An answer that is merely repeated must not let the engine learn a source address once more.

        Args:
            before: `remote` as it was.
        """
        fresh = self._exchange_is_open or before != self.remote
        self._exchange_is_open = False
        return fresh

    def audio_index(self, *, refreshes: bool = False) -> int:
        """Return which media section is the audio of an answer, or of what `refreshes` our last description.

        Raises:
            MediaError: nothing was offered, or agreed on.
        """
        if not (self.agreement if refreshes else self._offered):
            raise invalid(Reason.WRONG_STATE, f"session {self.session_id} has made no offer")
        return self._index

    def _agree(self, agreement: Agreement, remote: RemoteAudio) -> None:
        self.agreement = agreement
        self.remote = remote
        for entry in agreement:
            self._payload_types.setdefault(entry.local.payload_type, entry.local.key)

    def _write(
        self,
        formats: Sequence[Format],
        direction: Direction,
        ptime_ms: int | None,
        maxptime_ms: int | None,
        crypto: tuple[CryptoLine, ...],
    ) -> str:
        return self.local.write(
            formats,
            direction=direction,
            ptime_ms=ptime_ms,
            maxptime_ms=maxptime_ms,
            lines=self._lines,
            index=self._index,
            crypto=crypto,
        )
