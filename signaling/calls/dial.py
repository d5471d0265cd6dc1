# SPDX-License-Identifier: Apache-2.0
"""The verb ``dial``: ring every phone of a target at once, join the first that answers, cancel the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdrs.record import EndReason
from dialplan.engine import Dial
from signaling.calls import failures
from signaling.calls.bridge import talk
from signaling.calls.call import Call, FromLeg
from signaling.calls.events import Answer, EarlyMedia, Fail, HangUp, Ring
from signaling.calls.failures import CallFailure
from signaling.calls.leg import Leg
from signaling.calls.media import CallMedia, MediaRefused
from signaling.calls.ports import Destination
from signaling.calls.targets import TargetFailed
from signaling.configuration import UserInfo


@dataclass(slots=True)
class Branch:
    """One ringing phone."""

    leg: Leg
    session_id: str
    destination: Destination
    rang: bool = False
    """Whether it was heard to ring, or more."""


async def dial(call: Call, action: Dial) -> None:
    """Run ``dial``; returns when nobody answered, so that the route's next action runs.

    Raises:
        CallOver: the call was answered and has ended, or the caller gave up.
    """
    deadline = call.services.loop.time() + action.timeout_s
    try:
        destinations = await call.services.targets.resolve(action.target, call.request)
    except TargetFailed as failed:
        _note_callee(call, failed.user)
        call.failure = failed.failure
        return
    _note_callee(call, destinations[0].user)
    media = await call.open_media()
    await call.mover.between_actions()
    addresses = [destination.remote_ip for destination in destinations]
    offers = await call.mover.persist(lambda: media.offer_callees(addresses))
    branches = _ring_all(call, destinations, offers)
    call.notify.dialing(action.target, len(branches))
    await _wait_for_answer(call, media, branches, deadline)
    await media.stop_ring_back()


def _note_callee(call: Call, user: UserInfo | None) -> None:
    """Record who is called, whether or not a phone of theirs is there."""
    if user is not None:
        call.record.callee_user_id = user.id
        call.record.callee_name = user.display_name


def _ring_all(
    call: Call, destinations: Sequence[Destination], offers: list[tuple[str, str]]
) -> dict[Leg, Branch]:
    branches = {}
    for destination, (session_id, offer) in zip(destinations, offers, strict=True):
        leg = call.services.make_leg(destination, call.request, offer, call.on_leg_event)
        call.add_leg(leg, session_id)
        branches[leg] = Branch(leg, session_id, destination)
    return branches


async def _wait_for_answer(
    call: Call, media: CallMedia, branches: dict[Leg, Branch], deadline: float
) -> None:
    failure: CallFailure | None = None
    while branches:
        item = await call.next(deadline)
        if item is None:
            failed = failure_at_the_deadline(branches, failure)
            await cancel(call, media, branches, EndReason.NO_ANSWER)
            call.failure = failed
            return
        branch = branches.get(item.leg) if item.leg is not None else None
        if branch is None:
            continue
        refused = await _on_branch_event(call, media, branches, branch, item)
        if refused is None:
            continue
        failure = failures.better(failure, refused)
        await drop(call, media, branches, branch)
        if refused.status >= 600:
            await cancel(call, media, branches, EndReason.REJECTED)
    call.failure = failure or failures.UNREACHABLE


async def _on_branch_event(
    call: Call, media: CallMedia, branches: dict[Leg, Branch], branch: Branch, item: FromLeg
) -> CallFailure | None:
    """Handle one event of a ringing phone; return its failure when it is out of the race."""
    event = item.event
    if isinstance(event, Fail):
        return event.failure
    if isinstance(event, HangUp):
        return failures.UNREACHABLE
    branch.rang = True
    if isinstance(event, Ring):
        if call.answered:
            await media.ring_back()
        call.send_ring()
    elif isinstance(event, EarlyMedia):
        await _early_media(call, media, branch, event)
    elif isinstance(event, Answer):
        return await _answered(call, media, branches, branch, event)
    return None


async def _early_media(call: Call, media: CallMedia, branch: Branch, event: EarlyMedia) -> None:
    if call.answered or media.callee_session not in ("", branch.session_id):
        return
    try:
        sdp = await media.connect(branch.session_id, event.sdp, branch.leg.remote_ip)
    except MediaRefused as refused:
        call.log.warning("call.early_media_refused", leg=branch.leg.label, detail=refused.detail)
        return
    if call.record.ring_time is None:
        call.record.ring_time = call.wall()
        call.notify.ringing()
    if call.request.sdp:
        call.caller.send(EarlyMedia(sdp))
    else:
        call.caller.send(Ring())


async def _answered(
    call: Call, media: CallMedia, branches: dict[Leg, Branch], branch: Branch, event: Answer
) -> CallFailure | None:
    del branches[branch.leg]
    await cancel(call, media, branches, EndReason.CANCELED)
    await media.stop_ring_back()
    try:
        sdp = await media.connect(branch.session_id, event.sdp, branch.leg.remote_ip)
    except MediaRefused as refused:
        call.log.warning("call.answer_refused", leg=branch.leg.label, detail=refused.detail)
        branch.leg.send(HangUp(EndReason.MEDIA_ERROR))
        branches[branch.leg] = branch
        return refused.failure
    call.callee = branch.leg
    _note_callee(call, branch.destination.user)
    if call.answered:
        call.note_answer(branch.leg.label)
    else:
        call.send_answer(sdp, branch.leg.label)
        media.caller_described()
    await talk(call, branch.leg)
    return None


def failure_at_the_deadline(branches: dict[Leg, Branch], failure: CallFailure | None) -> CallFailure:
    """Return why nobody answered in time: a phone that was never heard was not there to be answered.

    Args:
        branches: the phones that are left; at least one.
        failure: the best of what the others said.
    """
    if any(branch.rang for branch in branches.values()):
        return failures.NO_ANSWER
    return failures.better(failure, failures.UNREACHABLE)


async def drop(call: Call, media: CallMedia, branches: dict[Leg, Branch], branch: Branch) -> None:
    """Forget a phone that is out of the race."""
    branches.pop(branch.leg, None)
    call.drop_leg(branch.leg)
    await media.release([branch.session_id])


async def cancel(call: Call, media: CallMedia, branches: dict[Leg, Branch], reason: EndReason) -> None:
    """Stop every phone that still rings."""
    session_ids = []
    for branch in list(branches.values()):
        branch.leg.send(HangUp(reason))
        call.drop_leg(branch.leg)
        session_ids.append(branch.session_id)
    branches.clear()
    await media.release(session_ids)
