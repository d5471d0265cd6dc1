# SPDX-License-Identifier: Apache-2.0
"""Phones that are not answered, and phones that are not there."""

import pytest

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import EarlyMedia, Fail, HangUp, Ring
from signaling.calls.tests.world import BOB, World


async def test_nobody_answers_in_time():
    world = World()
    world.start([{"type": "dial", "params": {"target": "user/1002", "timeout": 1}}])
    await world.settle()
    world.legs[0].reports(Ring())
    record = await world.ended()
    assert world.legs[0].sent == [HangUp(EndReason.NO_ANSWER)]
    assert world.caller.sent == [Ring(), Fail(failures.NO_ANSWER)]
    assert (record.disposition, record.hangup_cause) == ("NO_ANSWER", "no_answer")


async def test_a_phone_that_gives_no_sign_of_life_in_time_is_unavailable():
    world = World(phones=2)
    world.start([{"type": "dial", "params": {"target": "user/1002", "timeout": 1}}])
    record = await world.ended()
    assert [leg.sent for leg in world.legs] == [[HangUp(EndReason.NO_ANSWER)]] * 2
    assert world.caller.sent == [Fail(failures.UNREACHABLE)]
    assert (record.disposition, record.hangup_cause, record.sip_status) == ("FAILED", "unavailable", 408)
    assert record.ring_time is None


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Fail(failures.BUSY), failures.BUSY),
        (Ring(), failures.NO_ANSWER),
        (EarlyMedia("x"), failures.NO_ANSWER),
    ],
)
async def test_a_phone_that_is_gone_does_not_hide_what_became_of_the_others(event, expected):
    world = World(phones=2)
    world.start([{"type": "dial", "params": {"target": "user/1002", "timeout": 1}}])
    await world.settle()
    world.legs[1].reports(event)
    await world.ended()
    assert world.caller.got(Fail) == [Fail(expected)]


async def test_a_called_user_without_a_phone_stands_in_the_record():
    world = World(target_failure=failures.NOT_REGISTERED, target_user=BOB)
    world.start([{"type": "dial", "params": {"target": "user/1002"}}])
    record = await world.ended()
    assert (record.callee_user_id, record.callee_name, record.sip_status) == (BOB.id, "Bob", 480)


async def test_a_number_that_nobody_has_names_no_callee():
    world = World(target_failure=failures.NO_SUCH_USER)
    world.start([{"type": "dial", "params": {"target": "user/1009"}}])
    record = await world.ended()
    assert (record.callee_user_id, record.callee_name, record.sip_status) == (None, "", 404)
