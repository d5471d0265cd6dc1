# SPDX-License-Identifier: Apache-2.0
"""What the manager allows at once and a second, and leaves behind of a call that is over: nothing."""

import asyncio
import gc
import weakref

import pytest

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import Acknowledged, Answer, HangUp
from signaling.calls.manager import CallCaps, CallManager
from signaling.calls.tests.world import ACCOUNT, ALICE, DIAL, World


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


@pytest.mark.parametrize(
    ("caps", "failure"),
    [
        ({"per_second_per_user": 2}, failures.USER_RATE),
        ({"per_second_per_account": 2}, failures.ACCOUNT_RATE),
        ({}, None),
    ],
)
async def test_calls_a_second_are_bounded_for_a_user_and_an_account(caps, failure):
    world = World()
    manager = CallManager(world.services(), CallCaps(node=10, per_user=0, **caps))
    for _ in range(2):
        assert manager.refusal(ACCOUNT, ALICE) is None
        manager.start(world.make_caller(), world.request(DIAL, sdp="offer", caller_ip="192.0.2.1"))
    assert manager.refusal(ACCOUNT, ALICE) is failure
    await manager.shut_down(1.0)


async def test_a_call_that_is_refused_uses_up_no_rate():
    world = World()
    manager = CallManager(world.services(), CallCaps(node=10, per_user=0, per_second_per_user=1))
    refused = world.request(DIAL, sdp="offer", caller_ip="192.0.2.1", refusal=failures.USER_LIMIT)
    manager.start(world.make_caller(), refused)
    assert manager.refusal(ACCOUNT, ALICE) is None
    await manager.shut_down(1.0)
