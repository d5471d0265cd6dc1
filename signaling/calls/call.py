# SPDX-License-Identifier: Apache-2.0
"""One call: a caller's leg, the route that the dialplan picked, the legs that its verbs make, and the record.

A call is run by one task that reads one mailbox, so nothing in it needs a lock. It only routes neutral events;
what a verb does lives in the verb's own module. Invariant: however a call ends, its legs are told, its media
sessions are released and its record is in the journal before a peer's BYE is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from cdrs.record import CallRecord, EndReason, HangupBy
from dialplan.engine import ActionError
from signaling.calls import failures
from signaling.calls.events import (
    Acknowledged,
    Answer,
    CallEvent,
    Fail,
    HangUp,
    Info,
    LegEvent,
    MediaInactive,
    MediaLost,
    MediaStarted,
    RecordingFailed,
    Refreshed,
    Ring,
    Terminate,
    Update,
    UpdateRefused,
    WantRecording,
)
from signaling.calls.failures import CallFailure
from signaling.calls.leg import Leg
from signaling.calls.mailbox import Mailbox
from signaling.calls.media import CallMedia, MediaRefused
from signaling.calls.move import Mover
from signaling.calls.notifier import CallNotifier
from signaling.calls.over import CallOver, Ending
from signaling.calls.ports import CallRequest, CallServices
from signaling.calls.recording import CallRecording
from signaling.calls.report import apply_media, start_record

PEER_GONE = "peer_gone"
"""Which leg was not there any more and how that was noticed, in the metadata of a record."""


@dataclass(frozen=True, slots=True)
class FromLeg:
    """One event with the leg that reported it; the leg is None for what comes from elsewhere."""

    leg: Leg | None
    event: LegEvent | CallEvent


class Call:
    """One call from its INVITE to its record.

    Args:
        services: what calls need of the node.
        caller: the caller's leg; its events must go to `on_leg_event`.
        request: who calls whom.
    """

    def __init__(self, services: CallServices, caller: Leg, request: CallRequest) -> None:
        self.services = services
        self.caller = caller
        self.request = request
        self.record: CallRecord = start_record(request, services)
        self.media: CallMedia | None = None
        self.callee: Leg | None = None
        self.answered = False
        """Whether the caller's leg is up; the record tells whether anybody answered it."""
        self._awaits_ack = False
        """Whether the caller has yet to confirm the answer: until it does or is given up, silence means nothing."""
        self.failure: CallFailure = failures.NOT_REGISTERED
        self.position = 0
        """Which of the route's actions runs."""
        self.started_at = services.loop.time()
        self.deadline = self.started_at + services.limits.max_ringing_s
        self.notify = CallNotifier(self)
        self.mover = Mover(self)
        self.recording = CallRecording(self)
        self._mailbox: Mailbox[FromLeg] = Mailbox(services.loop)
        self._legs: list[Leg] = []
        self._hung_up: set[Leg] = set()
        self.add_leg(caller)

    @property
    def log(self) -> Any:
        """Writes log lines about the call."""
        return self.notify.log

    def wall(self) -> float:
        """Return the time for the record: since the epoch, by the clock as it was when the call began.

        So a clock that is set meanwhile makes no call longer, shorter or end before its answer.
        """
        return self.record.invite_time + self.services.loop.time() - self.started_at

    # --- What the world reports ---------------------------------------------------------------------------------

    def on_leg_event(self, leg: Leg, event: LegEvent) -> None:
        """Take one event of a leg; never blocks."""
        if isinstance(event, HangUp | Fail):
            self._hung_up.add(leg)
            if isinstance(event, HangUp) and event.gone is not None:
                self.record.metadata[PEER_GONE] = {"leg": leg.label, "why": str(event.gone)}
        self._mailbox.put(FromLeg(leg, event))

    def post(self, event: CallEvent) -> None:
        """Take one event from elsewhere: media, an operator, the node."""
        self._mailbox.put(FromLeg(None, event))

    # --- What verbs use -----------------------------------------------------------------------------------------

    async def next(self, deadline: float | None = None) -> FromLeg | None:
        """Return the next event that concerns a verb, or None when ``deadline`` (loop time) passes first.

        Raises:
            CallOver: the caller hung up, media died, a limit was reached, or somebody ended the call.
        """
        while True:
            limit = self.deadline if deadline is None else min(deadline, self.deadline)
            item = await self._mailbox.get(limit)
            if item is None:
                if deadline is None or self.deadline <= deadline:
                    raise CallOver(EndReason.TIMEOUT, HangupBy.SYSTEM)
                return None
            if not await self._handle_common(item):
                return item

    async def _handle_common(self, item: FromLeg) -> bool:
        """Deal with what every verb treats alike; return whether that was all."""
        event = item.event
        if isinstance(event, Terminate):
            raise CallOver(event.reason, HangupBy.SYSTEM)
        if isinstance(event, MediaLost):
            raise CallOver(EndReason.MEDIA_ERROR, HangupBy.SYSTEM)
        if isinstance(event, MediaInactive):
            if self.answered and not self._awaits_ack and self._is_used(event.session_id):
                raise CallOver(EndReason.MEDIA_ERROR, HangupBy.SYSTEM)
            return True
        if isinstance(event, MediaStarted):
            return True
        if isinstance(event, Refreshed):
            await self._refreshed(item.leg, event)
            return True
        if isinstance(event, RecordingFailed):
            self.recording.failed(event)
            return True
        if isinstance(event, WantRecording):
            await self.recording.wish(event)
            return True
        if item.leg is not self.caller:
            if item.leg is None:
                await self.mover.take(event)
            return False
        if isinstance(event, HangUp):
            by_person = event.reason in (EndReason.NORMAL, EndReason.CANCELED)
            gave_up = self.record.answer_time is None and event.reason is EndReason.NORMAL
            reason = EndReason.CANCELED if gave_up else event.reason
            raise CallOver(reason, HangupBy.CALLER if by_person else HangupBy.SYSTEM)
        if isinstance(event, Acknowledged):
            self._awaits_ack = False
            if event.sdp and self.media is not None:
                await self.media.caller_answered(event.sdp)
            self.keep()
            return True
        if isinstance(event, Update) and self.callee is None:
            await self.update_caller(event)
            return True
        return isinstance(event, Info) and self.callee is None

    async def _refreshed(self, leg: Leg | None, event: Refreshed) -> None:
        """Take what a party says that was asked whether it is there: mostly what it said before."""
        if self.media is None or self.mover.is_moving or leg is None or leg not in (self.caller, self.callee):
            return
        try:
            await self.media.refreshed(leg is self.caller, event.sdp)
        except MediaRefused as refused:
            self.log.warning("call.refresh_ignored", leg=leg.label, detail=refused.detail)

    def _is_used(self, session_id: str) -> bool:
        """Whether a party sends to a media session; while parties move, nobody can tell."""
        return self.media is not None and session_id in self.media.here.ids and not self.mover.is_moving

    def check_callee(self, item: FromLeg) -> None:
        """End the call when an event is the hang-up of who was called.

        Raises:
            CallOver: it is.
        """
        event = item.event
        if item.leg is self.callee and isinstance(event, HangUp | Fail):
            reason = event.reason if isinstance(event, HangUp) else event.failure.reason
            raise CallOver(reason, HangupBy.CALLEE if reason is EndReason.NORMAL else HangupBy.SYSTEM)

    async def open_media(self) -> CallMedia:
        """Return the media of this call; pick an RTP manager for it first if there is none yet.

        Raises:
            MediaRefused: no RTP manager can take the call.
        """
        if self.media is None:
            self.media = self.services.media(self)
            self.record.rtp_manager = self.media.node_id
            self.caller.session_id = self.media.caller_session
        return self.media

    async def answer_caller(self) -> None:
        """Answer the caller from our own media, for verbs that play or echo; nothing when it is answered."""
        if self.answered:
            self.note_answer(None)
            return
        media = await self.open_media()
        sdp = await media.answer_locally()
        self.send_answer(sdp, None)

    def send_answer(self, sdp: str, leg: str | None) -> None:
        """Send the answer to the caller and note the time; ``leg`` is the one that answered, None: this server."""
        self._awaits_ack = True
        self.caller.send(Answer(sdp))
        self.caller_is_up()
        self.note_answer(leg)

    def caller_is_up(self) -> None:
        """Note that the caller's leg is answered, so that the limit of calls counts instead of that of ringing."""
        self.answered = True
        self.deadline = self.services.loop.time() + self.services.limits.max_call_s

    def note_answer(self, leg: str | None) -> None:
        """Note the time at which whoever was called answered, or this server did; the first answer counts."""
        if self.record.answer_time is not None:
            return
        self.record.answer_time = self.wall()
        if self.media is not None:
            self.record.rtp_manager = self.media.node_id
        self.services.journal.call_answered(self.record)
        self.notify.answered(leg)
        self.keep()

    def send_ring(self) -> None:
        """Tell the caller that it rings, unless its leg is up; the first time is noted."""
        if self.record.ring_time is None and self.record.answer_time is None:
            self.record.ring_time = self.wall()
            self.notify.ringing()
        if not self.answered:
            self.caller.send(Ring())

    async def update_caller(self, update: Update) -> None:
        """Answer the caller's new offer from our own media."""
        if self.media is None or self.mover.is_moving:
            self.caller.send(UpdateRefused(failures.GLARE))
            return
        try:
            self.caller.send(await self.media.update_locally(update))
            self.notify.holds(self.caller.label, holding=self.media.offers_hold(True))
            self.keep()
        except MediaRefused as refused:
            self.caller.send(UpdateRefused(refused.failure))

    def keep(self) -> None:
        """Have the state of the call kept soon, for a later process to go on with; cheap, and may come too often."""
        self.services.keeper.changed(self)

    def add_leg(self, leg: Leg, session_id: str = "") -> None:
        """Remember a leg that a verb made, so that the end of the call reaches it."""
        leg.session_id = session_id
        leg.call = self
        self._legs.append(leg)

    def drop_leg(self, leg: Leg) -> None:
        """Forget a leg that ended before the call did."""
        self._legs.remove(leg)
        leg.release()

    def let_go(self) -> None:
        """Drop what refers to this call in turn, once it is over, so that it is freed without the cycle collector."""
        self.media = None
        self.notify.let_go()

    # --- The run ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the route to its end and leave nothing behind."""
        self.begin()
        # The exception itself is not kept: with its traceback it would be a cycle of every frame of the call.
        try:
            ending = await self.prepare() or await self._run_route()
        except CallOver as over:
            ending = over.ending
        except MediaRefused as refused:
            self.log.warning("call.media_refused", detail=refused.detail)
            self.failure = refused.failure
            ending = Ending(refused.failure.reason, HangupBy.SYSTEM)
        except Exception:
            self.log.exception("call.crashed")
            self.failure = failures.INTERNAL
            ending = Ending(EndReason.ERROR, HangupBy.SYSTEM)
        await self._finish(ending)

    def begin(self) -> None:
        """Make the call known."""
        self.services.journal.call_started(self.record)
        self.notify.received()

    async def prepare(self) -> Ending | None:
        """Do what comes before the route; an ending of it is that of the call."""
        return None

    async def _run_route(self) -> Ending:
        route = self.request.route
        if self.request.refusal is not None or route is None:
            self.failure = self.request.refusal or failures.NO_ROUTE
            return Ending(self.failure.reason, HangupBy.SYSTEM)
        self.record.route_id = route.id
        try:
            verbs = route.verbs(self.request.facts)
        except ActionError as error:
            self.log.warning("call.bad_action", route=route.id, error=str(error))
            self.failure = failures.BAD_TARGET
            return Ending(self.failure.reason, HangupBy.SYSTEM)
        for position in range(self.position, len(verbs)):
            self.position, verb = position, verbs[position]
            await self.services.verbs[type(verb)](self, verb)
        if self.record.answer_time is not None:
            return Ending(EndReason.NORMAL, HangupBy.SYSTEM)
        return Ending(self.failure.reason, HangupBy.CALLEE if self.failure.by_callee else HangupBy.SYSTEM)

    async def _finish(self, ending: Ending) -> None:
        self.services.keeper.ended(self)
        for leg in self._legs:
            if leg in self._hung_up:
                continue
            if leg is self.caller and not self.answered:
                leg.send(Fail(self._final_failure(ending)))
            else:
                leg.send(HangUp(ending.reason))
        if self.media is not None:
            self.record.rtp_manager = self.media.node_id
            await self.recording.stop()
            apply_media(self.record, await self.media.close())
        self.mover.call_ended()
        self.record.finish(self.ended_at(), ending.reason, ending.by, self._final_status(ending))
        await self._journal()
        for leg in self._legs:
            leg.confirm_hang_up()
            leg.release()
        self.notify.ended()
        self._legs.clear()

    def ended_at(self) -> float:
        """Return the time at which the call ended, in seconds since the epoch: now."""
        return self.wall()

    def _final_status(self, ending: Ending) -> int:
        if self.record.answer_time is not None:
            return 200
        return 487 if self.caller in self._hung_up else self._final_failure(ending).status

    def _final_failure(self, ending: Ending) -> CallFailure:
        if (
            ending.reason is EndReason.TIMEOUT
            and ending.by is HangupBy.SYSTEM
            and self.failure.reason is not ending.reason
        ):
            return failures.NO_ANSWER
        if ending.reason is EndReason.MEDIA_ERROR and self.failure.reason is not EndReason.MEDIA_ERROR:
            return failures.NO_MEDIA
        if ending.reason is not self.failure.reason:
            return replace(self.failure, reason=ending.reason)
        return self.failure

    async def _journal(self) -> None:
        if not await self.services.journal.call_ended(self.record):
            self.log.error("cdr.not_on_disk", record=self.record.id)


Verb = Callable[[Call, object], Awaitable[None]]
"""Runs one action of a route. Returning goes on to the next action; `CallOver` ends the route."""
