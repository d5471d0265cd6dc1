# SPDX-License-Identifier: Apache-2.0
"""What the manager leaves behind of a call that is over: nothing."""

import asyncio
import gc
import weakref

from cdrs.record import EndReason
from signaling.calls.events import Acknowledged, Answer, HangUp
from signaling.calls.manager import CallCaps, CallManager
from signaling.calls.tests.world import DIAL, World


async def test_a_call_that_is_over_is_freed_without_the_cycle_collector():
    world = World()
    manager = CallManager(world.services(), CallCaps(node=10, per_user=0))
    caller = world.make_caller()
    call = weakref.ref(manager.start(caller, world.request(DIAL, sdp="offer", caller_ip="192.0.2.1")))
    caller.on_event = call().on_leg_event
    await world.settle()
    world.legs[0].reports(Answer("answer"))
    await world.settle()
    caller.reports(Acknowledged(""))
    gc.disable()
    try:
        caller.reports(HangUp(EndReason.NORMAL))
        async with asyncio.timeout(5):
            while manager.calls:
                await world.settle()
        for leg in (caller, *world.legs):
            leg.call = leg.on_event = None
        assert call() is None
    finally:
        gc.enable()
