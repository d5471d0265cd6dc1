# SPDX-License-Identifier: Apache-2.0
"""The one place that tells the world about a call: log lines, counters, events on the bus, notes for the live feed.

One method per event. Decides nothing. Invariants: the events of a call come in the order in which they happened, and
the stage is that of the last one; none is made when nobody wants it.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog

from media.control.gen import rtpmanager_pb2 as pb
from switchboard.events import catalogue

if TYPE_CHECKING:
    from signaling.calls.call import Call
    from signaling.calls.sessions import MediaSession

log = structlog.get_logger("switchboard.calls")

NO_STATS = pb.SessionStats()


class CallStage(StrEnum):
    """How far a call has come."""

    RECEIVED = "received"
    DIALING = "dialing"
    RINGING = "ringing"
    ANSWERED = "answered"
    """A leg is up, and talks to nobody yet but this server."""
    BRIDGED = "bridged"
    ENDED = "ended"


class CallNotifier:
    """Reports one call.

    Args:
        call: whose record, request and services are read.
    """

    __slots__ = (
        "_about",
        "_bus",
        "_call",
        "_changes",
        "_counter",
        "_log",
        "_parties",
        "bridge_id",
        "held_by",
        "stage",
    )

    def __init__(self, call: Call) -> None:
        self._call = call
        self._bus = call.services.bus
        self._changes = call.services.changes
        self._counter = call.services.counter
        self._log: Any = None
        self.stage = CallStage.RECEIVED
        self.bridge_id: str | None = None
        self.held_by: tuple[str, ...] = ()
        """Labels of the legs that put the other one on hold."""
        self._about: dict[str, Any] = {}
        self._parties: dict[str, Any] = {}

    @property
    def log(self) -> Any:
        """Writes log lines. Every line names a leg: A, the caller's, also stands for the call as a whole."""
        if self._log is None:
            request = self._call.request
            self._log = log.bind(call_id=request.sip_call_id, account=request.account.domain, leg="A")
        return self._log

    def restore(self, stage: CallStage, bridge_id: str | None, held_by: tuple[str, ...]) -> None:
        """Go on where an earlier process was; nothing of it is reported again."""
        self.stage, self.bridge_id, self.held_by = stage, bridge_id, held_by

    # --- The call -------------------------------------------------------------------------------------------------

    def received(self) -> None:
        """The call begins."""
        request = self._call.request
        record = self._call.record
        self._counter.call_received(record.id, request.origin, record.invite_time)
        self.log.info("call.received", caller=record.caller_number, callee=request.destination)
        self._enter(CallStage.RECEIVED)
        if self._bus.active:
            self._publish(
                catalogue.CallReceived,
                "A",
                origin=request.origin,
                caller_ip=request.caller_ip or None,
                route_id="" if request.route is None else request.route.id,
            )

    def dialing(self, target: object, phones: int, leg: str = "B") -> None:
        """Phones of a leg are being called."""
        dialled = str(target)
        self._counter.call_dialing(self._call.record.id, dialled)
        self.log.info("call.dialing", target=dialled, phones=phones, leg=leg)
        self._enter(CallStage.DIALING)
        if self._bus.active:
            self._publish(catalogue.CallDialing, leg, target=dialled, phones=phones)

    def ringing(self, leg: str = "B") -> None:
        """The first phone of a leg rings."""
        record = self._call.record
        self._counter.call_ringing(record.id, leg, record.ring_time or record.invite_time)
        self.log.info("call.ringing", leg=leg)
        self._enter(CallStage.RINGING)
        if self._bus.active:
            self._publish(catalogue.CallRinging, leg)

    def answered(self, leg: str | None) -> None:
        """A leg was answered; None: the dialplan answers the caller itself."""
        record = self._call.record
        self._counter.call_answered(record.id, leg, record.answer_time or record.invite_time)
        self.log.info("call.answered", callee=record.callee_number, leg=leg or "A")
        self._enter(CallStage.ANSWERED)
        if self._bus.active:
            setup_s = max(self._call.services.loop.time() - self._call.started_at, 0.0)
            self._publish(
                catalogue.CallAnswered, leg, callee_name=record.callee_name, setup_seconds=round(setup_s, 6)
            )

    def bridged(self, codec: str, rtp_manager: str) -> None:
        """Both legs hear each other."""
        self.bridge_id = self._bus.new_id()
        self._about = {}
        self._counter.call_bridged(self._call.record.id)
        self.log.info("call.bridged")
        self._enter(CallStage.BRIDGED)
        if self._bus.active:
            self._publish(catalogue.CallBridged, None, codec=codec, rtp_manager=rtp_manager)

    def holds(self, leg: str, *, holding: bool) -> None:
        """A leg made a new offer that holds the other one, or does not; reports what that changes."""
        if holding == (leg in self.held_by):
            return
        self.held_by = (
            (*self.held_by, leg) if holding else tuple(each for each in self.held_by if each != leg)
        )
        self.log.info("call.hold" if holding else "call.resumed", leg=leg)
        self.changed()
        if self._bus.active:
            self._publish(catalogue.CallHold if holding else catalogue.CallResumed, leg)

    def moved(self, former: str, rtp_manager: str, reason: str) -> None:
        """The media are on another RTP manager now."""
        self.log.info("call.media_moved", former=former, rtp_manager=rtp_manager, reason=reason)
        self.changed()

    def recording_started(self, part: Mapping[str, Any]) -> None:
        """The call is being recorded."""
        self.log.info("call.recording_started", recording=part["id"], rtp_manager=part["node"])
        self.changed()
        if self._bus.active:
            about = {"recording_id": part["id"], "rtp_manager": part["node"]}
            self._publish(catalogue.CallRecordingStarted, None, **about)

    def recording_stopped(self, part: Mapping[str, Any]) -> None:
        """A recording ended, however it did."""
        state, detail, milliseconds = part["state"], part.get("detail", ""), part.get("ms")
        write = self.log.info if state == "complete" else self.log.warning
        write("call.recording_stopped", recording=part["id"], state=state, detail=detail)
        self.changed()
        if self._bus.active:
            self._publish(
                catalogue.CallRecordingStopped,
                None,
                recording_id=part["id"],
                rtp_manager=part["node"],
                state=state,
                detail=detail,
                duration_seconds=None if milliseconds is None else milliseconds / 1000,
                size_bytes=part.get("bytes"),
            )

    def picked_up(self) -> None:
        """The call goes on in this process; its sessions are those that it had."""
        call, record = self._call, self._call.record
        self.log.info("call.picked_up", callee=record.callee_number)
        target = (
            ""
            if call.callee is None
            else f"user/{record.callee_user_id}"
            if record.callee_user_id
            else "sip:"
        )
        self._counter.call_picked_up(record.id, str(self.stage), target, record.invite_time)
        self.changed()
        for session in () if call.media is None else call.media.sessions.values():
            self._changes.session(session)

    def ended(self) -> None:
        """The record is finished."""
        record = self._call.record
        reason, disposition = str(record.hangup_cause), str(record.disposition)
        self._counter.call_ended(record.id, disposition, reason, record.duration_s)
        self.log.info("call.ended", reason=reason, by=record.hangup_by, disposition=disposition)
        self._enter(CallStage.ENDED)
        if self._bus.active:
            self._publish(
                catalogue.CallEnded,
                None,
                reason=reason,
                disposition=disposition,
                hangup_by=str(record.hangup_by),
                sip_status=record.sip_status,
                duration_seconds=round(record.duration_s, 6),
                ring_duration_seconds=round(record.ring_duration_s, 6),
            )

    def changed(self) -> None:
        """Note that something about the call is to be shown anew."""
        self._changes.call(self._call)

    def let_go(self) -> None:
        """Keep the call no longer, which is over and reported: with the cycle it would not be freed for long."""
        self._call = weakref.proxy(self._call)

    # --- Its media sessions ---------------------------------------------------------------------------------------

    def session_created(self, session: MediaSession) -> None:
        """The RTP manager made a session."""
        self._changes.total_sessions += 1
        self._counter.session_created()
        self._changes.session(session)
        if self._bus.active:
            self._publish_session(
                catalogue.SessionCreated,
                session,
                local_addr=session.local_addr,
                local_port=session.local_port,
            )

    def session_changed(self, session: MediaSession) -> None:
        """A session got other addresses, another codec or another state."""
        self._changes.session(session)

    def session_started(self, session: MediaSession) -> None:
        """The first packet of the phone came."""
        self._counter.session_started(self._call.record.id, self._call.services.wall())
        if self._bus.active:
            self._publish_session(catalogue.SessionStarted, session)

    def session_inactive(self, session: MediaSession) -> None:
        """The phone has sent nothing for the configured time."""
        self._counter.session_silent()
        if self._bus.active:
            self._publish_session(catalogue.SessionInactive, session)

    def session_destroyed(self, session: MediaSession, stats: pb.SessionStats | None) -> None:
        """The session was given back."""
        self._counter.session_ended(stats)
        self._changes.session(session)
        if self._bus.active:
            counted = NO_STATS if stats is None else stats
            self._publish_session(
                catalogue.SessionDestroyed,
                session,
                packets_received=counted.packets_received,
                packets_sent=counted.packets_sent,
                packets_lost=counted.packets_lost,
                jitter_ms=round(counted.jitter_ms, 3),
            )

    # --- Inside ---------------------------------------------------------------------------------------------------

    def _enter(self, stage: CallStage) -> None:
        self.stage = stage
        self._changes.call(self._call)

    def _publish(self, event: type[catalogue.CallEvent], leg: str | None, **fields: Any) -> None:
        about = self._about or self._describe()
        fields["leg"] = leg
        self._bus.publish(event(**self._bus.stamp(), **about, **self._parties, **fields))

    def _publish_session(
        self, event: type[catalogue.SessionEvent], session: MediaSession, **fields: Any
    ) -> None:
        about = self._about or self._describe()
        fields["leg"] = session.leg
        self._bus.publish(
            event(
                **self._bus.stamp(),
                **about,
                session_id=session.session_id,
                rtp_manager=session.rtp_manager,
                **fields,
            )
        )

    def _describe(self) -> dict[str, Any]:
        """Return what all events of the call have in common, made once and again when the bridge is there."""
        record = self._call.record
        self._parties = {
            "caller_number": record.caller_number,
            "caller_name": record.caller_name,
            "callee_number": record.callee_number,
        }
        self._about = {
            "tenant_id": record.account_id,
            "call_uuid": record.id,
            "sip_call_id": record.call_id,
            "bridge_id": self.bridge_id,
        }
        return self._about
