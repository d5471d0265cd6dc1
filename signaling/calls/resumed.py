# SPDX-License-Identifier: Apache-2.0
"""A call that an earlier process of this node set up, and that this one goes on with.

Its phones and its RTP manager have not noticed anything. Invariant: it has the record that it had, and nothing that
has been reported of it is reported again.
"""

from __future__ import annotations

from collections.abc import Callable

from cdrs.record import CallRecord, EndReason, HangupBy
from signaling.calls.bridge import go_on
from signaling.calls.call import Call
from signaling.calls.leg import Leg
from signaling.calls.media import CallMedia, MediaRefused
from signaling.calls.over import Ending
from signaling.calls.ports import CallRequest, CallServices

PICKED_UP = "picked_up"
"""When that happened, each time, in the metadata of a record."""


class ResumedCall(Call):
    """A call that goes on.

    Args:
        services: what calls need of the node.
        caller: the caller's leg; it is up.
        request: who calls whom.
        record: of the call, as it was kept.
        media: makes the media of the call, with the sessions that it has.
        callee: the leg of who answered; None: the dialplan answers the caller itself, or rings somebody.
        last_sign: when the earlier process was last known to live, in seconds since the epoch.
    """

    def __init__(
        self,
        services: CallServices,
        caller: Leg,
        request: CallRequest,
        *,
        record: CallRecord,
        media: Callable[[Call], CallMedia],
        callee: Leg | None,
        last_sign: float,
    ) -> None:
        super().__init__(services, caller, request)
        now = services.wall()
        record.metadata.setdefault(PICKED_UP, []).append(round(now, 3))
        self.record = record
        self.callee = callee
        self.answered = True
        self.started_at -= now - record.invite_time
        since = now - (record.answer_time or record.invite_time)
        self.deadline = services.loop.time() + max(services.limits.max_call_s - since, 0.0)
        self.media = media(self)
        caller.session_id = self.media.caller_session
        self.recording.restore()
        if callee is not None:
            self.add_leg(callee, self.media.callee_session)
        self._last_sign = last_sign
        self._is_gone = False

    def begin(self) -> None:
        """Note in the journal who has the call now."""
        self.services.journal.call_answered(self.record)
        self.notify.picked_up()

    async def prepare(self) -> Ending | None:
        """Go on with the media; and with the talk, if there is one."""
        if self.media is None:
            return self._cut_off("it has no media")
        try:
            await self.media.reattach()
        except MediaRefused as refused:
            if not refused.elsewhere:
                return self._cut_off(refused.detail)
            self.mover.is_lost = True
        self.keep()
        if self.callee is not None:
            await go_on(self, self.callee)
        return None

    def ended_at(self) -> float:
        """Return the time at which the call ended: one that could not go on, when it was last known to be there."""
        return self._last_sign if self._is_gone else super().ended_at()

    def _cut_off(self, why: str) -> Ending:
        self.log.warning("call.cut_off", detail=why)
        self._is_gone = True
        self.record.metadata.pop(PICKED_UP, None)
        self.record.metadata["cut_off"] = True
        return Ending(EndReason.ERROR, HangupBy.SYSTEM)
