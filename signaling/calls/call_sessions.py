# SPDX-License-Identifier: Apache-2.0
"""The media sessions of one call, wherever they are: which RTP manager has them, and what they counted in the end.

It must not know what the parties agree on (`media`), nor how a call moves (`relocation`). Invariant: every session
that was ever asked for is released by `close`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from secrets import token_hex
from typing import Any

from google.protobuf.message import Message

from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.descriptions import Descriptions
from signaling.calls.events import CallEvent
from signaling.calls.node_sessions import MediaRefused, NodeSessions
from signaling.calls.sessions import SessionBook
from signaling.calls.tally import CALLEE, CALLER, MediaReport, Tally
from signaling.configuration import MEDIA_AS_OFFERED, MEDIA_OPTIONAL, MEDIA_REQUIRED
from signaling.mediapool import MediaNode, NoMediaNode

ENCRYPTION: dict[str, pb.Encryption.ValueType] = {
    MEDIA_AS_OFFERED: pb.ENCRYPTION_AS_OFFERED,
    MEDIA_OPTIONAL: pb.ENCRYPTION_OPTIONAL,
    MEDIA_REQUIRED: pb.ENCRYPTION_REQUIRED,
}
"""What an account's setting asks of an RTP manager."""

PickNode = Callable[[Container[MediaNode]], MediaNode]
"""Returns an RTP manager that is none of the given ones; raises `NoMediaNode`."""


def no_other_node(but_not: Container[MediaNode]) -> MediaNode:
    """Be the choice of a call that has one RTP manager and no other.

    Raises:
        NoMediaNode: always.
    """
    raise NoMediaNode("there is no other RTP manager")


class CallSessions:
    """The sessions of one call.

    Args:
        node: the RTP manager to begin with.
        sip_call_id: for correlation.
        report: gets the media events of this call.
        pick: finds another RTP manager when one fails or is to be left.
        book: keeps what is known of the sessions; None: one that tells nobody.
        encryption: what the account asks of its phones: off, optional or required.
    """

    def __init__(
        self,
        node: MediaNode,
        *,
        sip_call_id: str,
        report: Callable[[CallEvent], None],
        pick: PickNode = no_other_node,
        book: SessionBook | None = None,
        encryption: str = MEDIA_AS_OFFERED,
    ) -> None:
        self.book = SessionBook(None) if book is None else book
        self.sessions = self.book.sessions
        self.pick = pick
        self.encryption = ENCRYPTION[encryption]
        """What the phones are asked for."""
        self.call_id = sip_call_id
        self.caller_session = token_hex(16)
        self.callee_session = ""
        self.codec = ""
        self.echoes = False
        """Whether the caller hears itself."""
        self.descriptions = Descriptions()
        self.here = NodeSessions(
            node, book=self.book, descriptions=self.descriptions, call_id=sip_call_id, report=report
        )
        """The sessions that the parties use."""
        self.others: list[NodeSessions] = []
        """Sessions on other RTP managers: of a move that is not complete, or left behind by one that is."""
        self.tally = Tally()
        self._is_open = False

    @property
    def node(self) -> MediaNode:
        """The RTP manager."""
        return self.here.node

    @property
    def node_id(self) -> str:
        """Name of the RTP manager."""
        return self.here.node.node_id

    async def release(self, session_ids: Sequence[str]) -> None:
        """Release sessions of phones that did not get the call."""
        ids = [session_id for session_id in session_ids if session_id in self.here.ids]
        if self.callee_session in ids:
            # Its early media is over: that of another phone may be heard now.
            self.callee_session = ""
        if ids:
            await self.here.destroy(ids)

    async def leave_others(self) -> None:
        """Release what the call has on RTP managers that it does not use, and keep the counters."""
        while self.others:
            sessions = self.others.pop()
            self.tally.add(await sessions.destroy(list(sessions.ids), together=True))

    async def close(self) -> MediaReport:
        """Release every session and return what they counted; a silent RTP manager is not waited for."""
        srtp = self._suites()
        await self.leave_others()
        self.tally.parties |= {self.caller_session: CALLER, self.callee_session: CALLEE}
        if self.here.ids:
            self.tally.add(await self.here.destroy(list(self.here.ids), together=True))
        return MediaReport(self.tally.caller, self.tally.callee, self.codec, srtp)

    # --- Inside -------------------------------------------------------------------------------------------------

    def _suites(self) -> dict[str, str]:
        parties = {CALLER: self.caller_session, CALLEE: self.callee_session}
        known = {leg: self.sessions.get(session_id) for leg, session_id in parties.items()}
        return {leg: session.srtp for leg, session in known.items() if session is not None and session.srtp}

    async def _execute(self, *requests: Message) -> list[Any]:
        return await self.here.execute(*requests)

    async def _send(self, requests: Sequence[Message]) -> list[Any]:
        """Send a batch that may be the first of the call: when an RTP manager fails it, the next one gets it."""
        if self._is_open:
            return await self._execute(*requests)
        tried: list[MediaNode] = []
        while True:
            try:
                replies = await self.here.open(*requests)
            except MediaRefused as refused:
                tried.append(self.node)
                if not refused.elsewhere or not self._go_on_to_next(tried):
                    raise
            else:
                self._is_open = True
                return replies

    def _go_on_to_next(self, tried: Sequence[MediaNode]) -> bool:
        """Turn to an RTP manager that has not been tried; tell whether there is one."""
        try:
            following = self.here.on(self.pick(tried))
        except NoMediaNode:
            return False
        legs = dict(self.here.ids)
        self.here.abandon()
        self.here = following
        for session_id, leg in legs.items():
            self.here.own(session_id, leg)
        return True
