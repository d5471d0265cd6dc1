# SPDX-License-Identifier: Apache-2.0
"""A call that the API asked for: the caller's own phones ring first, then its route runs as if it had dialled.

Everything after the caller's answer is an ordinary call whose caller's leg happens to be one that this server made.
Invariant: until a phone of the caller answers, nobody else is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cdrs.record import EndReason, HangupBy
from signaling.calls import failures
from signaling.calls.call import Call, FromLeg
from signaling.calls.dial import Branch, cancel, drop, failure_at_the_deadline
from signaling.calls.events import Answer, EarlyMedia, Fail, HangUp, LegEvent, Ring
from signaling.calls.failures import CallFailure
from signaling.calls.leg import Leg
from signaling.calls.media import CallMedia, MediaRefused
from signaling.calls.over import Ending
from signaling.calls.ports import CallRequest, CallServices, Destination


class NoLeg:
    """Stands for the caller's leg until one of its phones answers: whatever it is told, nobody is there."""

    label = "A"
    remote_ip = ""
    call: Any = None
    session_id = ""

    def send(self, event: LegEvent) -> None:
        """Tell nobody."""

    def confirm_hang_up(self) -> None:
        """Confirm nothing."""

    def release(self) -> None:
        """Let go of the call."""
        self.call = None


class OriginatedCall(Call):
    """A call that rings its caller first.

    Args:
        services: what calls need of the node.
        request: who is to call whom.
        phones: the caller's phones; at least one.
        timeout_s: how long they ring.
    """

    def __init__(
        self, services: CallServices, request: CallRequest, phones: Sequence[Destination], timeout_s: float
    ) -> None:
        super().__init__(services, NoLeg(), request)
        self._phones = phones
        self._timeout_s = timeout_s

    async def prepare(self) -> Ending | None:
        """Ring the caller's phones; an ending when none of them was answered."""
        if self.request.refusal is not None:
            return None
        deadline = self.services.loop.time() + self._timeout_s
        media = await self.open_media()
        offers = await media.offer_callers([phone.remote_ip for phone in self._phones])
        branches: dict[Leg, Branch] = {}
        for phone, (session_id, offer) in zip(self._phones, offers, strict=True):
            leg = self.services.make_caller_leg(phone, self.request, offer, self.on_leg_event)
            self.add_leg(leg, session_id)
            branches[leg] = Branch(leg, session_id, phone)
        self.notify.dialing(f"user/{self.request.caller.extension}", len(branches), "A")
        failure = await self._wait_for_answer(media, branches, deadline)
        if failure is None:
            return None
        self.failure = failure
        return Ending(failure.reason, HangupBy.CALLER if failure.by_callee else HangupBy.SYSTEM)

    # --- Inside ---------------------------------------------------------------------------------------------------

    async def _wait_for_answer(
        self, media: CallMedia, branches: dict[Leg, Branch], deadline: float
    ) -> CallFailure | None:
        """Return why no phone of the caller was answered; None when one was."""
        failure: CallFailure | None = None
        rings = False
        while branches:
            item = await self.next(deadline)
            if item is None:
                late = failure_at_the_deadline(branches, failure)
                await cancel(self, media, branches, EndReason.NO_ANSWER)
                return late
            branch = branches.get(item.leg) if item.leg is not None else None
            if branch is None:
                continue
            branch.rang |= isinstance(item.event, Ring | EarlyMedia)
            if isinstance(item.event, Ring) and not rings:
                rings = True
                self.notify.ringing("A")
            if isinstance(item.event, Answer) and await self._took(media, branches, branch, item.event):
                return None
            failed = _failure_of(item)
            if failed is not None:
                failure = failures.better(failure, failed)
                await drop(self, media, branches, branch)
        return failure or failures.UNREACHABLE

    async def _took(
        self, media: CallMedia, branches: dict[Leg, Branch], branch: Branch, answer: Answer
    ) -> bool:
        """Make a phone that was answered the caller's leg; False when its answer cannot be used."""
        leg = branch.leg
        try:
            await media.take_caller(branch.session_id, answer.sdp, leg.remote_ip)
        except MediaRefused as refused:
            self.log.warning("call.answer_refused", leg=leg.label, detail=refused.detail)
            leg.send(HangUp(EndReason.MEDIA_ERROR))
            await drop(self, media, branches, branch)
            return False
        del branches[leg]
        await cancel(self, media, branches, EndReason.CANCELED)
        self.drop_leg(self.caller)
        self.caller = leg
        self.request = replace(self.request, caller_ip=leg.remote_ip)
        self.record.caller_ip = leg.remote_ip
        self.record.rtp_manager = media.node_id
        self.caller_is_up()
        self.notify.answered("A")
        self.keep()
        return True


def _failure_of(item: FromLeg) -> CallFailure | None:
    """Return why a phone is out of the race, None when it is not."""
    if isinstance(item.event, Fail):
        return item.event.failure
    return failures.UNREACHABLE if isinstance(item.event, HangUp) else None
