# SPDX-License-Identifier: Apache-2.0
"""The media of one call: what its parties agree on, in few and rich requests.

"SDP in, SDP out": descriptions pass through here unread. Session ids are chosen here, so requests that depend on
each other travel in one batch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from google.protobuf.message import Message

from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls import failures
from signaling.calls.call_sessions import CallSessions
from signaling.calls.events import Update, UpdateAccepted
from signaling.calls.node_sessions import MediaRefused
from signaling.calls.sessions import MediaSession
from signaling.mediapool import ErrorCode, MediaError, MediaNode

__all__ = ["CallMedia", "MediaRefused"]

RINGBACK = "ringback.wav"
"""What a caller hears while it rings elsewhere and its own leg is up already."""


@dataclass(slots=True)
class _Negotiation:
    """Where the description of the caller's leg stands."""

    offered_by_us: bool = False
    described: bool = False
    """Whether the caller has been sent a final description."""
    answer: str = ""
    is_called: bool = False
    """Whether the caller was called itself: it has answered our offer before any callee was asked."""
    answer_for: tuple[str, str] = field(default=("", ""))
    """Callee session and description that `answer` was made from."""
    pending_bridge: str = ""
    """Callee session to bridge to once the caller has answered our offer."""


class CallMedia(CallSessions):
    """What the parties of one call agree on.

    Args:
        node: the RTP manager to begin with.
        caller_sdp: the caller's offer; empty when it wants ours.
        caller_ip: where the caller's signalling comes from.
        options: as `CallSessions`.
    """

    def __init__(self, node: MediaNode, *, caller_sdp: str, caller_ip: str, **options: Any) -> None:
        super().__init__(node, **options)
        self._rings_back = False
        self._caller_sdp = caller_sdp
        self._caller_ip = caller_ip
        self._state = _Negotiation()

    # --- Going on where an earlier process was -----------------------------------------------------------------------

    @property
    def is_settled(self) -> bool:
        """Whether the caller has agreed on its media, so that another process could go on from here."""
        state = self._state
        return self._is_open and (state.described or bool(state.answer)) and not state.pending_bridge

    def go_on(self, sessions: Sequence[MediaSession], callee_session: str) -> None:
        """Take over the sessions of a call that talks already, the caller's first; nothing is asked of anybody."""
        self.caller_session, self.callee_session = sessions[0].session_id, callee_session
        for session in sessions:
            self.here.own(session.session_id, session.leg)
            session.call = self.sessions[session.session_id].call
            self.sessions[session.session_id] = session
        self._is_open = True
        self._state.is_called = self._state.described = True

    async def reattach(self) -> None:
        """Have the RTP manager tell this process of the sessions from now on; what they relay goes on untouched.

        Raises:
            MediaRefused: it has them no more, or is away.
        """
        caller = self.caller_session
        peer = caller if self.echoes else self.callee_session
        if peer:
            await self._execute(pb.BridgeMediaRequest(session_id=caller, peer_session_id=peer))
        else:
            await self._execute(pb.StopAudioRequest(session_id=caller))

    # --- Answering the caller without a callee -------------------------------------------------------------------

    async def answer_locally(self) -> str:
        """Return the description that answers the caller from our own media (or offers, when it made no offer)."""
        state = self._state
        requests = self._open_caller()
        if self._caller_sdp:
            requests.append(pb.CreateAnswerRequest(session_id=self.caller_session))
        elif not requests:
            requests.append(pb.CreateOfferRequest(session_id=self.caller_session))
        replies = await self._send(requests)
        state.described = True
        self.codec = replies[-1].codec if hasattr(replies[-1], "codec") else self.codec
        return str(replies[-1].local_sdp)

    async def caller_answered(self, sdp: str) -> None:
        """Take the caller's answer to our offer; join it to the callee that waits for it.

        Raises:
            MediaRefused: the answer cannot be used.
        """
        requests: list[Message] = [
            pb.UpdateSessionRemoteRequest(
                session_id=self.caller_session,
                remote_sdp=sdp,
                kind=pb.SDP_KIND_ANSWER,
                signaling_ip=self._caller_ip,
            )
        ]
        if self._state.pending_bridge:
            requests.append(
                pb.BridgeMediaRequest(
                    session_id=self.caller_session, peer_session_id=self._state.pending_bridge
                )
            )
        self._state.pending_bridge = ""
        await self._execute(*requests)

    async def update_locally(self, update: Update) -> UpdateAccepted:
        """Answer the caller's new offer, or make the offer that it asks for, without a callee.

        Raises:
            MediaRefused: the offer cannot be used.
        """
        return await self._update_alone(self.caller_session, update)

    def offers_hold(self, of_caller: bool) -> bool:
        """Whether the last new offer of a party asks to be sent nothing: it holds the other one."""
        session = self.sessions.get(self.caller_session if of_caller else self.callee_session)
        return session is not None and session.offers_hold

    # --- Callees ------------------------------------------------------------------------------------------------

    async def offer_callees(self, addresses: Sequence[str]) -> list[tuple[str, str]]:
        """Open one session per callee; return (session id, offer) for each.

        Args:
            addresses: where each callee's signalling goes, as IP text.

        Raises:
            MediaRefused: the caller's offer cannot be used, or no ports are left.
        """
        known = bool(self._caller_sdp) or self._state.is_called
        return await self._offer("B", addresses, self._open_caller(), self.caller_session if known else "")

    async def connect(self, session_id: str, sdp: str, signaling_ip: str) -> str:
        """Take a callee's answer, join both parties and return the description for the caller.

        It is the answer to the caller's offer, or an offer when the caller made none; empty when the caller has
        been answered before, as after a prompt.

        Raises:
            MediaRefused: the callee's answer cannot be used.
        """
        state = self._state
        if state.answer and state.answer_for == (session_id, sdp):
            return state.answer
        caller = self.caller_session
        requests: list[Message] = [
            pb.UpdateSessionRemoteRequest(
                session_id=session_id,
                remote_sdp=sdp,
                kind=pb.SDP_KIND_ANSWER,
                signaling_ip=signaling_ip,
            )
        ]
        describe = not state.described
        if describe and state.offered_by_us:
            requests.append(pb.CreateOfferRequest(session_id=caller, offer_like=session_id))
            state.pending_bridge = session_id
        elif describe:
            requests.append(pb.CreateAnswerRequest(session_id=caller, peer_session_id=session_id))
        if not state.pending_bridge:
            requests.append(pb.BridgeMediaRequest(session_id=caller, peer_session_id=session_id))
        replies = await self._execute(*requests)
        self.codec = replies[0].codec
        self.callee_session = session_id
        if describe:
            state.answer = replies[1].local_sdp
            state.answer_for = (session_id, sdp)
        return state.answer

    def caller_described(self) -> None:
        """Note that the caller has got its final description: later callees must fit it."""
        self._state.described = True

    async def echo(self) -> None:
        """Send the caller's audio back to it."""
        self.echoes = True
        await self._execute(
            pb.BridgeMediaRequest(session_id=self.caller_session, peer_session_id=self.caller_session)
        )

    async def stop_echo(self) -> None:
        """Stop sending the caller's audio back."""
        self.echoes = False
        await self._execute(pb.UnbridgeMediaRequest(session_id=self.caller_session))

    async def relay_update(
        self, from_caller: bool, update: Update, ask_peer: Callable[[str], Awaitable[str]]
    ) -> UpdateAccepted:
        """Carry a new offer of one party to the other and its answer back.

        Args:
            from_caller: which party offers.
            update: the offer; an empty one asks for an offer, which is made without the other party.
            ask_peer: sends an offer to the other party and returns an awaitable of its answer; it raises what the
                call wants to abort with.

        Raises:
            MediaRefused: a description cannot be used.
        """
        here = self.caller_session if from_caller else self.callee_session
        there = self.callee_session if from_caller else self.caller_session
        if not update.sdp:
            return await self._update_alone(here, update)
        _, offer = await self._execute(
            pb.UpdateSessionRemoteRequest(session_id=here, remote_sdp=update.sdp, kind=pb.SDP_KIND_OFFER),
            pb.CreateOfferRequest(session_id=there, offer_like=here),
        )
        answer = await ask_peer(offer.local_sdp)
        replies = await self._execute(
            pb.UpdateSessionRemoteRequest(session_id=there, remote_sdp=answer, kind=pb.SDP_KIND_ANSWER),
            pb.CreateAnswerRequest(session_id=here, peer_session_id=there),
            pb.BridgeMediaRequest(session_id=here, peer_session_id=there),
        )
        return UpdateAccepted(replies[1].local_sdp)

    async def answered_offer(self, from_caller: bool, sdp: str) -> None:
        """Take a party's answer to the offer that it had asked for."""
        here = self.caller_session if from_caller else self.callee_session
        await self._execute(
            pb.UpdateSessionRemoteRequest(session_id=here, remote_sdp=sdp, kind=pb.SDP_KIND_ANSWER)
        )

    async def refreshed(self, of_caller: bool, sdp: str) -> None:
        """Take what a party says of its media once more; nothing is asked of anybody when it says nothing new.

        Raises:
            MediaRefused: it cannot be used; what was agreed on stands.
        """
        here = self.caller_session if of_caller else self.callee_session
        there = self.callee_session if of_caller else self.caller_session
        agreed = self.descriptions.agreed(here)
        if agreed is None or _without_origin(agreed[1]) == _without_origin(sdp):
            return
        # One after the other: the answer to an earlier offer must not be made again when this one is refused.
        await self._execute(
            pb.UpdateSessionRemoteRequest(
                session_id=here, remote_sdp=sdp, kind=pb.SDP_KIND_OFFER, refreshes=True
            )
        )
        await self._execute(
            pb.CreateAnswerRequest(session_id=here, peer_session_id=there if self.callee_session else "")
        )

    # --- A caller that is called first ----------------------------------------------------------------------------

    async def offer_callers(self, addresses: Sequence[str]) -> list[tuple[str, str]]:
        """Open one session per phone of a caller that is called before anybody else; as `offer_callees`.

        Raises:
            MediaRefused: no ports are left.
        """
        return await self._offer("A", addresses, [], "")

    async def take_caller(self, session_id: str, sdp: str, signaling_ip: str) -> None:
        """Take the answer of one of those phones: it is the caller from now on.

        Raises:
            MediaRefused: the answer cannot be used.
        """
        (reply,) = await self._execute(
            pb.UpdateSessionRemoteRequest(
                session_id=session_id, remote_sdp=sdp, kind=pb.SDP_KIND_ANSWER, signaling_ip=signaling_ip
            )
        )
        self.caller_session, self._caller_ip = session_id, signaling_ip
        self.codec = reply.codec
        self._state.is_called = self._state.described = True

    # --- Prompts ------------------------------------------------------------------------------------------------

    async def play(self, file: str, *, repeat: bool = False) -> str:
        """Start a prompt to the caller; return the id that its `PlaybackEnded` will carry.

        Raises:
            MediaRefused: there is no such prompt.
        """
        play_id = token_hex(16)
        (reply,) = await self.here.ask(
            [pb.PlayAudioRequest(session_id=self.caller_session, play_id=play_id, file=file, repeat=repeat)]
        )
        if isinstance(reply, MediaError):
            elsewhere = reply.code is ErrorCode.UNAVAILABLE
            raise MediaRefused(failures.PROMPT_MISSING, reply.detail, elsewhere=elsewhere)
        return play_id

    async def stop_prompt(self) -> None:
        """Stop the prompt that plays to the caller, if one does."""
        await self.here.ask([pb.StopAudioRequest(session_id=self.caller_session)])

    async def ring_back(self) -> None:
        """Let a caller whose leg is up hear that it rings; nothing when it does, or there is no such prompt."""
        if not self._rings_back:
            self._rings_back = True
            with contextlib.suppress(MediaRefused):
                await self.play(RINGBACK, repeat=True)

    async def stop_ring_back(self) -> None:
        """End that."""
        if self._rings_back:
            self._rings_back = False
            await self.stop_prompt()

    # --- Inside -------------------------------------------------------------------------------------------------

    async def _offer(
        self, leg: str, addresses: Sequence[str], before: list[Message], offer_like: str
    ) -> list[tuple[str, str]]:
        """Open one session for each phone of a leg, after what has to come before; return (id, offer) for each."""
        requests, skipped = before, len(before)
        for address in addresses:
            session_id = token_hex(16)
            self.here.own(session_id, leg)
            requests.append(
                pb.CreateSessionRequest(
                    session_id=session_id,
                    call_id=self.call_id,
                    leg=leg,
                    signaling_ip=address,
                    offer_like=offer_like,
                    encryption=self.encryption,
                )
            )
        replies = await self._send(requests)
        return [(reply.session_id, reply.local_sdp) for reply in replies[skipped:]]

    def _open_caller(self) -> list[Message]:
        if self._is_open:
            return []
        self._state.offered_by_us = not self._caller_sdp
        self.here.own(self.caller_session, "A")
        return [
            pb.CreateSessionRequest(
                session_id=self.caller_session,
                call_id=self.call_id,
                leg="A",
                remote_sdp=self._caller_sdp,
                signaling_ip=self._caller_ip,
                encryption=self.encryption,
            )
        ]

    async def _update_alone(self, session_id: str, update: Update) -> UpdateAccepted:
        if not update.sdp:
            (reply,) = await self._execute(pb.CreateOfferRequest(session_id=session_id))
            return UpdateAccepted(reply.local_sdp)
        _, reply = await self._execute(
            pb.UpdateSessionRemoteRequest(
                session_id=session_id, remote_sdp=update.sdp, kind=pb.SDP_KIND_OFFER
            ),
            pb.CreateAnswerRequest(session_id=session_id),
        )
        return UpdateAccepted(reply.local_sdp)


def _without_origin(sdp: str) -> list[str]:
    """Return the lines of a description but the one that counts its versions, which some phones raise each time."""
    return [line for line in sdp.splitlines() if not line.startswith("o=")]
