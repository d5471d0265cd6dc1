# SPDX-License-Identifier: Apache-2.0
"""Moves the media of an established call to another RTP manager by re-INVITE of its parties.

Two occasions: somebody asks for it (`MoveRequest`; one party after the other, and back when one refuses), or the RTP
manager is gone (both parties at once; there is no way back). It runs in the call's own task, called by the verbs at
the points where a call can move. Invariant: a call whose move failed is where it was, or it is over.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from cdrs.record import CallRecord, EndReason, HangupBy
from signaling.calls import asking, failures
from signaling.calls.events import CallEvent, LegEvent, MediaMoved, MoveGranted, MoveMedia, NodeGone
from signaling.calls.leg import Leg
from signaling.calls.media import CallMedia
from signaling.calls.move_request import MoveOutcome, MoveRequest
from signaling.calls.node_sessions import MediaRefused
from signaling.calls.over import CallOver
from signaling.calls.relocation import NotMovable, Party, Relocation
from signaling.calls.tally import CALLEE, CALLER
from signaling.mediapool import MediaNode, NoMediaNode

if TYPE_CHECKING:
    from signaling.calls.call import Call

T = TypeVar("T")

LINGER_S = 0.2
"""How long the old sessions relay on after a move, for packets that are on their way."""
GRANT_WAIT_S = 2.0
"""Longest time that a call stands still between two actions, so that it can be moved."""
RETRY_S = 0.25
"""How often a call without an RTP manager looks for one."""
MAX_NOTED_MOVES = 20
"""In the record of a call; later ones are counted by the log alone."""


class Mover:
    """The moves of one call.

    Args:
        call: whose media move.

    Attributes:
        is_playing: whether the call waits for the end of a prompt.
        is_lost: whether the RTP manager is gone, so that `work` has something to do at once.
        is_moving: whether parties are being asked to move just now.
    """

    def __init__(self, call: Call) -> None:
        self.is_playing = False
        self.is_lost = False
        self.is_moving = False
        # Without a cycle the call is freed as soon as it is over.
        self._call: Call = weakref.proxy(call)
        self._request: MoveRequest | None = None
        self._relocation: Relocation | None = None
        self._rests = 0
        self._is_settling = False
        self._is_target_lost = False

    # --- Events ---------------------------------------------------------------------------------------------------

    async def take(self, event: LegEvent | CallEvent) -> bool:
        """Take note of an event; tell whether it was about moving. Most of what follows from it is done by `work`.

        Raises:
            CallOver: the RTP manager is gone in a moment in which the call cannot move.
        """
        if isinstance(event, MoveMedia):
            self._asked(event.request)
        elif isinstance(event, NodeGone):
            self._gone(event.session_id)
        elif isinstance(event, MediaMoved):
            await self._tidy_up()
        else:
            return isinstance(event, MoveGranted)
        return True

    def _asked(self, request: MoveRequest) -> None:
        media = self._call.media
        if media is None or media.node is not request.node:
            request.finish(MoveOutcome.NOT_NOW, detail="the call is not there")
            return
        self._finish(MoveOutcome.NOT_NOW, detail="asked anew")
        self._request = request

    def _gone(self, session_id: str) -> None:
        media, relocation = self._call.media, self._relocation
        if relocation is not None and relocation.has(session_id):
            self._is_target_lost = True
        elif media is not None and session_id in media.here.ids:
            if not self._rests:
                raise _over()
            self.is_lost = True

    def call_ended(self) -> None:
        """Tell whoever asked that there is nothing left to move."""
        self._finish(MoveOutcome.ENDED)

    # --- For the verbs --------------------------------------------------------------------------------------------

    @contextmanager
    def resting(self, *, playing: bool = False) -> Iterator[None]:
        """Declare that the call is established and does `work` when it is woken; or, playing, when it is lost."""
        self._rests += 1
        self.is_playing = playing
        try:
            yield
        finally:
            self._rests -= 1
            self.is_playing = False

    async def work(self) -> None:
        """Do what is due now: find another RTP manager for a call that lost its own, or move.

        Raises:
            CallOver: the call could not go on.
        """
        if self.is_lost:
            await self._recover()
        request = self._request
        if request is None or self._is_settling:
            return
        if request.is_withdrawn:
            self._finish(MoveOutcome.NOT_NOW)
            return
        request.ready()
        if request.is_granted:
            await self._move(request)

    async def between_actions(self) -> None:
        """Move now if that is wanted, before the next action makes it wait again.

        Raises:
            CallOver: the call ended meanwhile, or could not go on.
        """
        if not self._call.answered:
            return
        deadline = self._call.services.loop.time() + GRANT_WAIT_S
        with self.resting():
            await self.work()
            while self._request is not None and not self._is_settling:
                if await self._call.next(deadline) is None:
                    return
                await self.work()

    async def persist(self, act: Callable[[], Awaitable[T]]) -> T:
        """Ask something of the RTP manager; if it fails for its own sake, find another one and ask that.

        Raises:
            MediaRefused: the request cannot be granted, or the call is not answered yet.
            CallOver: the call could not go on.
        """
        try:
            return await act()
        except MediaRefused as refused:
            if not refused.elsewhere or not self._call.answered:
                raise
            self.is_lost = True
        with self.resting():
            await self._recover([self._media.node])
        return await act()

    # --- A move that was asked for ----------------------------------------------------------------------------------

    async def _move(self, request: MoveRequest) -> None:
        """Move one party after the other; whoever has moved is brought back when the other one refuses."""
        with self._moving():
            relocation = await self._open([request.node])
            if relocation is None:
                self._finish(MoveOutcome.NOT_NOW, detail="no other RTP manager can take it now")
                return
            sessions = len(relocation.parties)
            moved: list[Party] = []
            for party in relocation.parties:
                refusal = (await self._ask([party], relocation)).get(self._leg(party))
                if refusal is None or refusal.has_followed:
                    moved.append(party)
                if refusal is not None:
                    await self._go_back(relocation, moved)
                    failure = refusal.failure
                    detail = f"leg {party.label} refused: {failure.status} {failure.phrase}"
                    self._call.log.warning("call.move_refused", leg=party.label, status=failure.status)
                    self._finish(MoveOutcome.REFUSED, sessions=sessions, detail=detail)
                    return
            request.sessions = sessions
            self._commit(relocation, request.reason)
            await self._call.recording.moved(lost=False)
        self._is_settling = True
        loop = self._call.services.loop
        loop.call_later(LINGER_S, self._call.post, MediaMoved())

    async def _go_back(self, relocation: Relocation, moved: list[Party]) -> None:
        for party in reversed(moved):
            leg = self._leg(party)

            async def take(leg: Leg, sdp: str, party: Party = party) -> None:
                await relocation.answered_back(party, sdp)

            try:
                back = await relocation.offer_back(party)
            except MediaRefused as refused:
                raise _over() from refused
            if await asking.offer(self._call, {leg: back}, take):
                raise _over()
        self._relocation = None
        await self._media.leave_others()

    async def _tidy_up(self) -> None:
        """Release what the parties have left."""
        await self._media.leave_others()
        self._is_settling = False
        request = self._request
        if request is not None and request.is_granted:
            self._finish(MoveOutcome.MOVED, sessions=request.sessions)

    # --- A move without a way back ----------------------------------------------------------------------------------

    async def _recover(self, but_rather_not: Sequence[MediaNode] = ()) -> None:
        """Have both parties follow to an RTP manager that is there; wait a little for one if need be."""
        services = self._call.services
        now = services.loop.time()
        deadline = now + services.limits.media_recovery_s
        with self._moving():
            await asking.pause(self._call, services.recovery_pace.turn(now) - now)
            while self.is_lost:
                relocation = await self._open(but_rather_not) or await self._open(())
                if relocation is None:
                    if services.loop.time() >= deadline:
                        raise _over()
                    await asking.pause(self._call, RETRY_S)
                    continue
                refused = await self._ask(relocation.parties, relocation)
                if any(not _for_want_of_media(refusal) for refusal in refused.values()):
                    raise _over()
                self._is_target_lost |= bool(refused)
                lost = self._media.here
                self._commit(relocation, "lost")
                self._media.others.remove(lost)
                lost.abandon()
                await self._call.recording.moved(lost=True)
        if self._request is not None and self._request.node is not self._media.node:
            self._finish(MoveOutcome.MOVED, sessions=len(self._legs()))

    # --- Inside -------------------------------------------------------------------------------------------------

    @property
    def _media(self) -> CallMedia:
        media = self._call.media
        if media is None:
            raise _over()
        return media

    @contextmanager
    def _moving(self) -> Iterator[None]:
        self.is_moving = True
        try:
            yield
        finally:
            self.is_moving = False

    def _legs(self) -> list[Leg]:
        call = self._call
        return [call.caller] if call.callee is None else [call.caller, call.callee]

    def _leg(self, party: Party) -> Leg:
        return self._legs()[(CALLER, CALLEE).index(party.label)]

    async def _open(self, but_not: Sequence[MediaNode]) -> Relocation | None:
        """Open the sessions of all parties on another RTP manager; None when there is none that can."""
        tried = list(but_not)
        addresses = [leg.remote_ip for leg in self._legs()]
        while True:
            try:
                node = self._media.pick(tried)
                relocation = Relocation(self._media, node, addresses)
                self._relocation, self._is_target_lost = relocation, False
                await relocation.open()
            except (NoMediaNode, NotMovable):
                self._relocation = None
                return None
            except MediaRefused as refused:
                self._call.log.warning("call.move_failed", rtp_manager=node.node_id, detail=refused.detail)
                tried.append(node)
            else:
                return relocation

    async def _ask(self, parties: Sequence[Party], relocation: Relocation) -> dict[Leg, asking.Refusal]:
        by_leg = {self._leg(party): party for party in parties}

        async def take(leg: Leg, sdp: str) -> None:
            await relocation.answered(by_leg[leg], sdp)

        offers = {leg: party.offer for leg, party in by_leg.items()}
        return await asking.offer(self._call, offers, take)

    def _commit(self, relocation: Relocation, reason: str) -> None:
        call, media = self._call, self._media
        former = media.node_id
        relocation.commit()
        self._relocation = None
        self.is_lost = self._is_target_lost
        for leg, party in zip(self._legs(), relocation.parties, strict=False):
            leg.session_id = party.session_id
            call.services.changes.leg(leg)
        note_move(call.record, former, media.node_id, reason, call.wall())
        call.notify.moved(former, media.node_id, reason)
        call.services.journal.call_answered(call.record)
        call.keep()

    def _finish(self, outcome: MoveOutcome, *, sessions: int = 0, detail: str = "") -> None:
        request, self._request = self._request, None
        if request is not None:
            request.finish(outcome, sessions=sessions, detail=detail)


def note_move(record: CallRecord, former: str, node_id: str, reason: str, now: float) -> None:
    """Note in the record of a call that its media moved; `rtp_manager` is the one that has it last."""
    record.rtp_manager = node_id
    moves = record.metadata.setdefault("media_moves", [])
    if len(moves) < MAX_NOTED_MOVES:
        moves.append({"from": former, "to": node_id, "reason": reason, "time": round(now, 3)})


def _over() -> CallOver:
    return CallOver(EndReason.MEDIA_ERROR, HangupBy.SYSTEM)


def _for_want_of_media(refusal: asking.Refusal) -> bool:
    """Tell whether a party followed, and the RTP manager failed it."""
    return refusal.has_followed and refusal.failure is failures.NO_MEDIA
