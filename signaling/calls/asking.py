# SPDX-License-Identifier: Apache-2.0
"""Makes offers of our own to the parties of an established call, and keeps the call alive while they think.

It must not know media. Invariant: whatever else happens in the call meanwhile is dealt with at once: a hang-up ends
it, key presses are carried on, a crossing offer is refused, so that the peer tries again (RFC 3261 14.2).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from signaling.calls import failures
from signaling.calls.events import (
    Acknowledged,
    Info,
    Update,
    UpdateAccepted,
    UpdateRefused,
)
from signaling.calls.failures import CallFailure
from signaling.calls.leg import Leg
from signaling.calls.node_sessions import MediaRefused

if TYPE_CHECKING:
    from signaling.calls.call import Call, FromLeg

ANSWER_S = 35.0
"""Longest wait for an answer: a transaction without one ends after 32 s (timer B, RFC 3261 17.1.1.2)."""
TRIES = 5
NOT_READY_S = 0.25
"""Before the next try at a leg that had not confirmed its last exchange."""
GLARE_MIN_S, GLARE_MAX_S = 2.1, 4.0
"""Before the next try after 491 (RFC 3261 14.1, the longer of its two ranges)."""


class Refusal(NamedTuple):
    """Why a party did not follow."""

    failure: CallFailure
    has_followed: bool = False
    """The party itself accepted; its answer could not be put into use."""


TakeAnswer = Callable[[Leg, str], Awaitable[None]]
"""Takes a party's answer; raises `MediaRefused` when it cannot be used."""


async def offer(call: Call, offers: Mapping[Leg, str], take: TakeAnswer) -> dict[Leg, Refusal]:
    """Offer a description to each party, all at once, and take their answers as they come.

    Returns:
        Why which party did not follow; empty when all did.

    Raises:
        CallOver: the call ended meanwhile.
    """
    wanted = dict(offers)
    refused: dict[Leg, Refusal] = {}
    for _ in range(TRIES):
        for leg, sdp in wanted.items():
            leg.send(Update(sdp))
        refused = await _answers(call, set(wanted), take)
        wanted = {leg: sdp for leg, sdp in wanted.items() if _is_glare(refused.get(leg))}
        if not wanted or len(wanted) < len(refused):
            break
        not_ready = all(refused[leg].failure is failures.GLARE for leg in wanted)
        await pause(call, NOT_READY_S if not_ready else _glare_s(call))
    return refused


async def pause(call: Call, seconds: float) -> None:
    """Let time pass in a call.

    Raises:
        CallOver: the call ended meanwhile.
    """
    deadline = call.services.loop.time() + seconds
    while (item := await call.next(deadline)) is not None:
        await _pass_on(call, item)


async def _answers(call: Call, waiting: set[Leg], take: TakeAnswer) -> dict[Leg, Refusal]:
    refused: dict[Leg, Refusal] = {}
    deadline = call.services.loop.time() + ANSWER_S
    while waiting:
        item = await call.next(deadline)
        if item is None:
            return refused | dict.fromkeys(waiting, Refusal(failures.UNREACHABLE))
        leg, event = item.leg, item.event
        if leg not in waiting or leg is None or not isinstance(event, UpdateAccepted | UpdateRefused):
            await _pass_on(call, item)
            continue
        waiting.discard(leg)
        if isinstance(event, UpdateRefused):
            refused[leg] = Refusal(event.failure)
            continue
        try:
            await take(leg, event.sdp)
        except MediaRefused as error:
            call.log.warning("call.answer_refused", leg=leg.label, detail=error.detail)
            refused[leg] = Refusal(error.failure, has_followed=True)
    return refused


async def _pass_on(call: Call, item: FromLeg) -> None:
    leg, event = item.leg, item.event
    if leg is None:
        return
    call.check_callee(item)
    if isinstance(event, Update):
        leg.send(UpdateRefused(failures.GLARE))
    elif isinstance(event, Info) and call.callee is not None:
        (call.callee if leg is call.caller else call.caller).send(event)
    elif isinstance(event, Acknowledged) and event.sdp and call.media is not None:
        await call.media.answered_offer(leg is call.caller, event.sdp)


def _is_glare(refusal: Refusal | None) -> bool:
    return (
        refusal is not None and not refusal.has_followed and refusal.failure.status == failures.GLARE.status
    )


def _glare_s(call: Call) -> float:
    chance = int.from_bytes(call.services.random_bytes(2), "big") / 0xFFFF
    return GLARE_MIN_S + chance * (GLARE_MAX_S - GLARE_MIN_S)
