# SPDX-License-Identifier: Apache-2.0
"""Two answered legs: their hang-ups, new offers and application data go from one to the other."""

from __future__ import annotations

from signaling.calls import failures
from signaling.calls.call import Call, FromLeg
from signaling.calls.events import (
    Acknowledged,
    Info,
    Update,
    UpdateAccepted,
    UpdateRefused,
)
from signaling.calls.failures import CallFailure
from signaling.calls.leg import Leg
from signaling.calls.media import MediaRefused


class PeerRefused(Exception):
    """The other party refused a new offer."""

    def __init__(self, failure: CallFailure) -> None:
        super().__init__(failure)
        self.failure = failure


async def talk(call: Call, callee: Leg) -> None:
    """Route events between caller and callee until the call is over; never returns.

    Raises:
        CallOver: always.
    """
    if call.media is not None:
        call.notify.bridged(call.media.codec, call.media.node_id)
    await call.recording.keep_up()
    call.keep()
    await go_on(call, callee)


async def go_on(call: Call, callee: Leg) -> None:
    """Do what `talk` does with parties that talk already; never returns.

    Raises:
        CallOver: always.
    """
    with call.mover.resting():
        while True:
            await call.mover.work()
            item = await call.next()
            if item is not None and item.leg is not None:
                await _route(call, callee, item.leg, item)


async def _route(call: Call, callee: Leg, leg: Leg, item: FromLeg) -> None:
    call.check_callee(item)
    other = callee if leg is call.caller else call.caller
    event = item.event
    if isinstance(event, Update):
        await _relay_update(call, leg, other, event)
    elif isinstance(event, Acknowledged):
        if event.sdp and call.media is not None:
            await call.media.answered_offer(False, event.sdp)
        call.keep()
    elif isinstance(event, Info):
        other.send(event)


async def _relay_update(call: Call, leg: Leg, other: Leg, update: Update) -> None:
    """Carry a new offer to the other party and its answer back; a refusal leaves the call as it was."""
    if call.media is None:
        leg.send(UpdateRefused(failures.GLARE))
        return

    async def ask_peer(offer: str) -> str:
        other.send(Update(offer))
        return await _answer_of(call, other)

    try:
        leg.send(await call.media.relay_update(leg is call.caller, update, ask_peer))
        call.notify.holds(leg.label, holding=call.media.offers_hold(leg is call.caller))
        call.keep()
    except MediaRefused as refused:
        call.log.warning("call.update_refused", leg=leg.label, detail=refused.detail)
        leg.send(UpdateRefused(refused.failure))
    except PeerRefused as refused:
        leg.send(UpdateRefused(refused.failure))


async def _answer_of(call: Call, other: Leg) -> str:
    """Wait for the other party's answer to an offer.

    Raises:
        PeerRefused: it refused, or did not answer in the time of a transaction.
        CallOver: the call ended meanwhile.
    """
    deadline = call.services.loop.time() + 35.0
    while True:
        item = await call.next(deadline)
        if item is None:
            raise PeerRefused(failures.UNREACHABLE)
        event = item.event
        if item.leg is other and isinstance(event, UpdateAccepted):
            return event.sdp
        if item.leg is other and isinstance(event, UpdateRefused):
            raise PeerRefused(event.failure)
        call.check_callee(item)
        if isinstance(event, Update) and item.leg is not None:
            item.leg.send(UpdateRefused(failures.GLARE))
