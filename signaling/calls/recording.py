# SPDX-License-Identifier: Apache-2.0
"""The recording of one call: one file after another, as its media move from RTP manager to RTP manager.

What is recorded is the caller's session: the caller on the left, what the caller is given to hear on the right. Each
file is a *part* in the metadata of the call's record, so that it is as durable as the record. It runs in the call's
own task. Invariant: whatever happens to a recording, the call goes on.
"""

from __future__ import annotations

import asyncio
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from cdrs.record import new_record_id
from cdrs.recorded import MAX_PARTS, PARTS, PartState, parts_of
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.events import RecordingFailed, WantRecording
from signaling.calls.node_sessions import NodeSessions
from signaling.mediapool import MediaError

if TYPE_CHECKING:
    from signaling.calls.call import Call

STOP_WAIT_S = 1.0
"""Longest time that the end of a call waits to hear how long its recording is."""

MAX_DETAIL_CHARS = 200

Part = dict[str, Any]


class _Running(NamedTuple):
    """A part that goes on."""

    part: Part
    session_id: str
    where: NodeSessions


class CallRecording:
    """Begins and ends the parts of one call's recording.

    Args:
        call: what is recorded.
    """

    __slots__ = ("_call", "_running", "is_wanted")

    def __init__(self, call: Call) -> None:
        self.is_wanted = call.request.account.record_calls
        # Without a cycle the call is freed as soon as it is over.
        self._call: Call = weakref.proxy(call)
        self._running: _Running | None = None

    @property
    def is_on(self) -> bool:
        """Whether a part is being recorded."""
        return self._running is not None

    @property
    def state(self) -> str:
        """How it is told live: ``on``, ``waiting`` until the call is answered, or ``off``."""
        if self.is_on:
            return "on"
        return "waiting" if self.is_wanted and not self._call.answered else "off"

    async def keep_up(self) -> None:
        """Begin if the call is to be recorded and somebody is up to be heard; nothing when it is being recorded."""
        call, media = self._call, self._call.media
        if not self.is_wanted or self.is_on or media is None or not call.answered:
            return
        parts: list[Part] = call.record.metadata.setdefault(PARTS, [])
        if len(parts) >= MAX_PARTS:
            self.is_wanted = False
            call.log.warning("call.recording_given_up", parts=len(parts))
            return
        part = self._new_part(media.node_id)
        parts.append(part)
        running = self._running = _Running(part, media.caller_session, media.here)
        request = pb.StartRecordingRequest(
            session_id=running.session_id, recording_id=part["id"], file=part["file"]
        )
        (reply,) = await running.where.ask([request])
        if self._running is not running:
            return
        if isinstance(reply, MediaError):
            self._running, self.is_wanted = None, False
            self._close(part, PartState.FAILED, detail=reply.detail)
            return
        call.notify.recording_started(part)
        self._keep()

    async def wish(self, event: WantRecording) -> None:
        """Do what an operator asks for."""
        self._call.log.info("call.recording_asked", on=event.is_wanted, by=event.asked_by)
        self.is_wanted = event.is_wanted
        if event.is_wanted:
            await self.keep_up()
        else:
            await self.stop()
        self._call.notify.changed()

    def failed(self, event: RecordingFailed) -> None:
        """Note that a part could not go on; it is not tried again."""
        running = self._running
        if running is not None and running.part["id"] == event.recording_id:
            self._running, self.is_wanted = None, False
            written = (event.duration_ms, event.size_bytes) if event.duration_ms else None
            self._close(running.part, PartState.FAILED, written, event.error)

    async def moved(self, *, lost: bool) -> None:
        """Go on where the media of the call are now."""
        former, self._running = self._running, None
        if former is None:
            return
        if lost:
            self._close(former.part, PartState.INTERRUPTED, detail="the RTP manager was lost")
        await self.keep_up()
        if not lost:
            await self._stop(former)

    async def stop(self) -> None:
        """End the part that goes on, if one does, and learn how long it is."""
        running, self._running = self._running, None
        if running is not None:
            await self._stop(running)

    def restore(self) -> None:
        """Go on with the part that an earlier process began; its RTP manager records on meanwhile."""
        self.is_wanted = False
        media = self._call.media
        for part in parts_of(self._call.record.metadata):
            if "state" in part:
                continue
            if media is not None and part.get("node") == media.node_id:
                self._running = _Running(part, media.caller_session, media.here)
                self.is_wanted = True
            else:
                part["state"] = str(PartState.INTERRUPTED)

    # --- Inside -----------------------------------------------------------------------------------------------------

    def _new_part(self, node_id: str) -> Part:
        call = self._call
        now = call.wall()
        recording_id = new_record_id(now, call.services.random_bytes(10))
        day = datetime.fromtimestamp(now, UTC).date()
        file = f"{call.request.account.id}/{day}/{recording_id}.wav"
        return {"id": recording_id, "file": file, "node": node_id, "began": round(now, 3)}

    async def _stop(self, running: _Running) -> None:
        request = pb.StopRecordingRequest(session_id=running.session_id, recording_id=running.part["id"])
        replies = running.where.node.execute(request, deadline_s=STOP_WAIT_S, is_impatient=True)
        try:
            (reply,) = await asyncio.wait_for(replies, STOP_WAIT_S)
        except TimeoutError:
            self._close(running.part, PartState.INTERRUPTED, detail="the RTP manager did not answer")
            return
        if isinstance(reply, MediaError):
            self._close(running.part, PartState.INTERRUPTED, detail=reply.detail)
        else:
            self._close(running.part, PartState.COMPLETE, (reply.duration_ms, reply.bytes))

    def _close(
        self, part: Part, state: PartState, written: tuple[int, int] | None = None, detail: str = ""
    ) -> None:
        part["state"] = str(state)
        if written is not None:
            part["ms"], part["bytes"] = written
        if detail:
            part["detail"] = detail[:MAX_DETAIL_CHARS]
        self._call.notify.recording_stopped(part)
        self._keep()

    def _keep(self) -> None:
        self._call.services.journal.call_answered(self._call.record)
