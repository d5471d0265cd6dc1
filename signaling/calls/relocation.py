# SPDX-License-Identifier: Apache-2.0
"""The media half of a move: sessions on another RTP manager that take the place of those of a call.

Make before break: the new sessions relay as soon as they exist, to where the parties were last, and the old ones go
on relaying, so that each party is heard whichever of them it sends to. It must not know legs. Invariant: until
`commit` the call is as it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.media import CallMedia, MediaRefused
from signaling.calls.tally import CALLEE, CALLER
from signaling.mediapool import MediaNode


class NotMovable(Exception):
    """A party has not agreed on anything yet that could be moved."""


@dataclass(slots=True, kw_only=True)
class Party:
    """One party of the call and its sessions."""

    label: str
    """"A" or "B"."""
    signaling_ip: str
    former: str
    """Its session until now."""
    session_id: str
    """Its session on the other RTP manager."""
    agreed: tuple[str, str]
    """Our last description and its own."""
    offer: str = ""
    """What it is to be offered; known once the sessions are open."""


class Relocation:
    """Sessions of a call on another RTP manager.

    Args:
        media: of the call.
        node: where to.
        addresses: where the signalling of the caller, and of the callee if there is one, comes from.

    Raises:
        NotMovable: see there.
    """

    def __init__(self, media: CallMedia, node: MediaNode, addresses: Sequence[str]) -> None:
        sessions = (media.caller_session, media.callee_session)
        self.parties = [
            _party(media, label, session, address)
            for label, session, address in zip((CALLER, CALLEE), sessions, addresses, strict=False)
        ]
        self._media = media
        self._there = media.here.on(node)

    @property
    def node(self) -> MediaNode:
        """Where the call is to move to."""
        return self._there.node

    def has(self, session_id: str) -> bool:
        """Tell whether a session is one of the new ones."""
        return session_id in self._there.ids

    async def open(self) -> None:
        """Open the sessions and let them relay.

        Raises:
            MediaRefused: the RTP manager cannot; it has none of them then.
        """
        there, media = self._there, self._media
        requests = [self._creation(party) for party in self.parties]
        ids = [party.session_id for party in self.parties]
        if len(ids) > 1 or media.echoes:
            requests.append(pb.BridgeMediaRequest(session_id=ids[0], peer_session_id=ids[-1]))
        for party in self.parties:
            there.own(party.session_id, party.label)
        media.others.append(there)
        try:
            replies = await there.open(*requests)
        except MediaRefused:
            media.others.remove(there)
            there.abandon()
            raise
        for party, reply in zip(self.parties, replies, strict=False):
            party.offer = reply.local_sdp
            media.tally.parties |= {party.former: party.label, party.session_id: party.label}

    async def answered(self, party: Party, sdp: str) -> None:
        """Take a party's answer to its offer.

        Raises:
            MediaRefused: the answer cannot be used, or the RTP manager failed.
        """
        await self._there.execute(_answer(party.session_id, sdp, party.signaling_ip))

    def commit(self) -> None:
        """Have the call use the new sessions; the old ones go on until `CallMedia.leave_others`."""
        media = self._media
        media.others.remove(self._there)
        media.others.append(media.here)
        media.here = self._there
        media.caller_session = self.parties[0].session_id
        if len(self.parties) > 1:
            media.callee_session = self.parties[1].session_id

    # --- The way back -----------------------------------------------------------------------------------------------

    async def offer_back(self, party: Party) -> str:
        """Return what asks a party that has moved to come back.

        Raises:
            MediaRefused: its old session is gone.
        """
        request = pb.CreateOfferRequest(session_id=party.former, previous_sdp=party.offer)
        (reply,) = await self._media.here.execute(request)
        return str(reply.local_sdp)

    async def answered_back(self, party: Party, sdp: str) -> None:
        """Take a party's answer to the offer that asked it to come back.

        Raises:
            MediaRefused: it cannot be used.
        """
        await self._media.here.execute(_answer(party.former, sdp, party.signaling_ip))

    # --- Inside -------------------------------------------------------------------------------------------------

    def _creation(self, party: Party) -> Message:
        local, remote = party.agreed
        return pb.CreateSessionRequest(
            session_id=party.session_id,
            call_id=self._media.call_id,
            leg=party.label,
            signaling_ip=party.signaling_ip,
            continues=pb.Continuation(local_sdp=local, remote_sdp=remote),
            encryption=self._media.encryption,
        )


def _party(media: CallMedia, label: str, session_id: str, signaling_ip: str) -> Party:
    agreed = media.descriptions.agreed(session_id)
    if agreed is None:
        raise NotMovable(f"leg {label} has not agreed on any media yet")
    return Party(
        label=label,
        signaling_ip=signaling_ip,
        former=session_id,
        session_id=uuid.uuid4().hex,
        agreed=agreed,
    )


def _answer(session_id: str, sdp: str, signaling_ip: str) -> Message:
    return pb.UpdateSessionRemoteRequest(
        session_id=session_id, remote_sdp=sdp, kind=pb.SDP_KIND_ANSWER, signaling_ip=signaling_ip
    )
