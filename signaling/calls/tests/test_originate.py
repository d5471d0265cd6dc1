# SPDX-License-Identifier: Apache-2.0
"""Calls that the API asks for: the caller's own phones first, then the route."""

import pytest

from cdrs.record import EndReason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls import failures
from signaling.calls.events import Answer, Fail, HangUp, Ring, Terminate, Update, UpdateAccepted
from signaling.calls.tests.world import DIAL, World
from signaling.mediapool import ErrorCode, MediaError

ECHO = [{"type": "echo", "params": {}}]


async def caller_answers(world: World, actions=DIAL, **options) -> list:
    events: list = []
    world.bus.subscribe(events.append)
    world.originate(actions, **options)
    await world.settle()
    world.own_phones[0].reports(Ring())
    world.own_phones[0].reports(Answer("caller's answer"))
    await world.settle()
    return events


async def test_nobody_is_called_before_the_caller_has_answered():
    world = World()
    world.originate(DIAL, phones=2)
    await world.settle()
    assert (len(world.own_phones), world.legs) == (2, [])
    world.own_phones[1].reports(Answer("caller's answer"))
    await world.settle()
    assert world.own_phones[0].sent == [HangUp(EndReason.CANCELED)]
    assert len(world.legs) == 1
    world.own_phones[1].reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_the_call_goes_on_like_any_other_and_its_record_names_both():
    world = World()
    events = await caller_answers(world)
    world.legs[0].reports(Ring())
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    (bridge,) = world.node.asked(pb.BridgeMediaRequest)
    assert {bridge.session_id, bridge.peer_session_id} == {
        world.own_phones[0].session_id,
        world.legs[0].session_id,
    }
    world.legs[0].reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert world.own_phones[0].sent == [HangUp(EndReason.NORMAL)]
    assert (record.disposition, record.hangup_by, record.sip_status) == ("ANSWERED", "callee", 200)
    assert (record.caller_number, record.callee_user_id, record.caller_ip) == ("1001", "bob-id", "192.0.2.50")
    assert record.invite_time < record.ring_time < record.answer_time < record.end_time
    assert [(event.event_type, event.leg) for event in events if event.event_type.startswith("call.")] == [
        ("call.received", "A"),
        ("call.dialing", "A"),
        ("call.ringing", "A"),
        ("call.answered", "A"),
        ("call.dialing", "B"),
        ("call.ringing", "B"),
        ("call.answered", "B"),
        ("call.bridged", None),
        ("call.ended", None),
    ]
    assert events[0].origin == "api"


async def test_the_callee_is_offered_what_the_caller_has_chosen():
    world = World()
    await caller_answers(world)
    *_, offer = world.node.asked(pb.CreateSessionRequest)
    assert (offer.leg, offer.offer_like) == ("B", world.own_phones[0].session_id)
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_the_caller_hears_that_it_rings_until_somebody_answers():
    world = World()
    await caller_answers(world)
    world.legs[0].reports(Ring())
    world.legs[0].reports(Ring())
    await world.settle()
    (play,) = world.node.asked(pb.PlayAudioRequest)
    assert (play.file, play.repeat, play.session_id) == ("ringback.wav", True, world.own_phones[0].session_id)
    assert world.node.asked(pb.StopAudioRequest) == []
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    assert len(world.node.asked(pb.StopAudioRequest)) == 1
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_a_missing_ringback_tone_is_no_reason_to_fail():
    world = World()
    world.node.errors[pb.PlayAudioRequest] = MediaError(ErrorCode.NOT_FOUND, "no such file")
    await caller_answers(world)
    world.legs[0].reports(Ring())
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    assert (await world.ended()).disposition == "ANSWERED"


@pytest.mark.parametrize(
    ("failure", "disposition", "by"),
    [
        (failures.BUSY, "BUSY", "caller"),
        (failures.REJECTED, "FAILED", "caller"),
        (failures.UNREACHABLE, "FAILED", "system"),
    ],
)
async def test_a_caller_that_does_not_answer_ends_the_call(failure, disposition, by):
    world = World()
    world.originate(DIAL)
    await world.settle()
    world.own_phones[0].reports(Fail(failure))
    record = await world.ended()
    assert world.legs == []
    assert (record.disposition, record.hangup_by, record.sip_status) == (disposition, by, failure.status)


async def test_phones_of_the_caller_ring_only_so_long():
    world = World()
    world.originate(DIAL, timeout_s=0.02, phones=2)
    await world.settle()
    world.own_phones[1].reports(Ring())
    record = await world.ended()
    assert [leg.sent for leg in world.own_phones] == [[HangUp(EndReason.NO_ANSWER)]] * 2
    assert (record.disposition, record.hangup_cause) == ("NO_ANSWER", "no_answer")


async def test_a_caller_whose_phones_never_rang_is_unavailable():
    world = World()
    world.originate(DIAL, timeout_s=0.02, phones=2)
    record = await world.ended()
    assert [leg.sent for leg in world.own_phones] == [[HangUp(EndReason.NO_ANSWER)]] * 2
    assert (record.disposition, record.hangup_cause, record.sip_status) == ("FAILED", "unavailable", 408)


async def test_one_phone_that_declines_leaves_the_others_ringing():
    world = World()
    world.originate(DIAL, phones=2)
    await world.settle()
    world.own_phones[0].reports(Fail(failures.BUSY))
    await world.settle()
    assert world.own_phones[1].sent == []
    world.own_phones[1].reports(Answer("caller's answer"))
    await world.settle()
    assert len(world.legs) == 1
    world.own_phones[1].reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_a_callee_that_is_busy_is_the_end_and_no_answer():
    world = World()
    await caller_answers(world)
    world.legs[0].reports(Fail(failures.BUSY))
    record = await world.ended()
    assert isinstance(world.own_phones[0].sent[-1], HangUp)
    assert (record.disposition, record.hangup_by, record.sip_status) == ("BUSY", "callee", 486)


async def test_a_caller_that_hangs_up_while_it_rings_has_canceled():
    world = World()
    await caller_answers(world)
    world.legs[0].reports(Ring())
    await world.settle()
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert world.legs[0].sent == [HangUp(EndReason.CANCELED)]
    assert (record.disposition, record.hangup_by, record.sip_status) == ("CANCELED", "caller", 487)
    assert world.own_phones[0].confirmed


async def test_the_dialplan_may_answer():
    world = World()
    await caller_answers(world, ECHO)
    (bridge,) = world.node.asked(pb.BridgeMediaRequest)
    assert bridge.session_id == bridge.peer_session_id == world.own_phones[0].session_id
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    assert (await world.ended()).disposition == "ANSWERED"


async def test_the_caller_may_hold_and_resume():
    world = World()
    await caller_answers(world)
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.own_phones[0].reports(Update("hold"))
    await world.settle()
    world.legs[0].reports(UpdateAccepted("held"))
    await world.settle()
    assert world.own_phones[0].sent[-1] == UpdateAccepted("our answer")
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_an_operator_may_end_it_while_the_caller_s_phones_ring():
    world = World()
    world.originate(DIAL, phones=2)
    await world.settle()
    world.call.post(Terminate(EndReason.CANCELED))
    record = await world.ended()
    assert [leg.sent for leg in world.own_phones] == [[HangUp(EndReason.CANCELED)]] * 2
    assert (record.disposition, record.hangup_by) == ("CANCELED", "system")


async def test_an_answer_of_the_caller_that_cannot_be_used_ends_that_leg():
    world = World()
    world.node.errors[pb.UpdateSessionRemoteRequest] = MediaError(ErrorCode.INVALID_ARGUMENT, "bad")
    world.originate(DIAL)
    await world.settle()
    world.own_phones[0].reports(Answer("rubbish"))
    await world.ended()
    assert world.own_phones[0].sent == [HangUp(EndReason.MEDIA_ERROR)]
    assert world.legs == []


async def test_every_media_session_is_released():
    world = World(phones=2)
    await caller_answers(world, phones=3)
    world.legs[1].reports(Answer("callee's answer"))
    await world.settle()
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    await world.ended()
    made = {request.session_id for request in world.node.asked(pb.CreateSessionRequest)}
    gone = {request.session_id for request in world.node.asked(pb.DestroySessionRequest)}
    assert (len(made), made) == (5, gone)
    assert world.node.subscribers == {}
