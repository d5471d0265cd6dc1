# SPDX-License-Identifier: Apache-2.0
"""Calls whose RTP manager is gone, or fails when they begin."""

import pytest

from cdrs.record import EndReason
from media.control.gen import rtpmanager_pb2 as pb
from media.control.tests.harness import until
from signaling.calls import failures
from signaling.calls.events import Acknowledged, Answer, Fail, HangUp, Update, UpdateRefused
from signaling.calls.move_request import MoveOutcome
from signaling.calls.tests.test_move import (
    ECHO,
    PROMPTS,
    REFUSED_488,
    answered_call,
    ask,
    finish,
    follow,
    sessions_left,
)
from signaling.calls.tests.test_move import world as world_of_three  # noqa: F401
from signaling.calls.tests.world import DIAL
from signaling.mediapool import ErrorCode, MediaError, Reason


@pytest.fixture
def world(world_of_three, monkeypatch):  # noqa: F811
    monkeypatch.setattr("signaling.calls.move.RETRY_S", 0.001)
    return world_of_three


async def test_both_parties_are_asked_at_once_to_follow_to_another_rtp_manager(world):
    await answered_call(world)
    world.node.lose()
    await world.settle()
    assert world.caller.got(Update) == [Update("rtp-2 goes on after: our answer")]
    assert world.legs[0].got(Update) == [Update("rtp-2 goes on after: offer of B")]
    await follow(world, world.legs[0], "callee at rtp-2")
    await follow(world, world.caller, "caller at rtp-2")
    record = await finish(world)
    assert (record.hangup_cause, record.rtp_manager) == ("normal", "rtp-2")
    assert record.metadata["media_moves"][0]["reason"] == "lost"
    assert record.rtp_packets_recv == 50
    assert sessions_left(world.other_nodes[0]) == set()


@pytest.mark.parametrize("refusing", ["caller", "callee"])
async def test_a_party_that_refuses_ends_the_call(world, refusing):
    await answered_call(world)
    world.node.lose()
    await world.settle()
    other = world.legs[0] if refusing == "caller" else world.caller
    await follow(world, other)
    (world.caller if refusing == "caller" else world.legs[0]).reports(UpdateRefused(REFUSED_488))
    record = await world.ended()
    assert (record.hangup_cause, record.hangup_by) == ("media_error", "system")
    assert world.caller.sent[-1] == world.legs[0].sent[-1] == HangUp(EndReason.MEDIA_ERROR)
    assert sessions_left(world.other_nodes[0]) == set()


async def test_a_call_waits_a_little_for_an_rtp_manager(world):
    for node in world.other_nodes:
        node.is_up = False
    await answered_call(world)
    world.node.lose()
    await world.settle()
    assert world.caller.got(Update) == []
    world.node.is_up = True
    await until(lambda: world.caller.got(Update))
    assert world.caller.got(Update) == [Update("rtp-1 goes on after: our answer")]
    await finish(world)


async def test_a_call_without_an_rtp_manager_ends_in_the_end(world):
    world.media_recovery_s = 0.02
    for node in world.other_nodes:
        node.is_up = False
    await answered_call(world)
    world.node.lose()
    record = await world.ended()
    assert (record.hangup_cause, record.disposition) == ("media_error", "ANSWERED")


async def test_a_hang_up_is_heard_while_the_call_waits(world):
    for node in world.other_nodes:
        node.is_up = False
    await answered_call(world)
    world.node.lose()
    await world.settle()
    assert (await finish(world)).hangup_cause == "normal"


async def test_the_next_rtp_manager_may_be_lost_as_well(world):
    await answered_call(world)
    world.node.lose()
    await world.settle()
    second, third = world.other_nodes
    second.errors[pb.UpdateSessionRemoteRequest] = MediaError(ErrorCode.UNAVAILABLE, "gone", Reason.LOST)
    second.lose()
    await follow(world, world.caller, "caller")
    await follow(world, world.legs[0], "callee")
    await world.settle()
    offer = "rtp-3 goes on after: rtp-2 goes on after: our answer"
    assert world.caller.sent[-1] == Update(offer)
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    record = await finish(world)
    assert (record.hangup_cause, record.rtp_manager) == ("normal", "rtp-3")
    assert len(third.asked(pb.CreateSessionRequest)) == 2


async def test_a_prompt_begins_anew(world):
    world.start(PROMPTS[:1])
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()
    world.node.lose()
    await world.settle()
    await follow(world, world.caller)
    (play,) = world.other_nodes[0].asked(pb.PlayAudioRequest)
    assert play.file == "one.wav"
    await finish(world)


async def test_a_prompt_that_cannot_begin_for_want_of_an_rtp_manager_begins_elsewhere(world):
    world.node.errors[pb.PlayAudioRequest] = MediaError(ErrorCode.UNAVAILABLE, "gone", Reason.LOST)
    world.start(PROMPTS[:1])
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()
    await follow(world, world.caller)
    assert len(world.other_nodes[0].asked(pb.PlayAudioRequest)) == 1
    await finish(world)


async def test_an_echo_goes_on_elsewhere(world):
    world.start(ECHO)
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()
    world.node.lose()
    await world.settle()
    await follow(world, world.caller)
    (bridge,) = world.other_nodes[0].asked(pb.BridgeMediaRequest)
    assert bridge.session_id == bridge.peer_session_id
    await finish(world)


async def test_a_call_that_still_rings_ends(world):
    world.start(DIAL)
    await world.settle()
    world.node.lose()
    record = await world.ended()
    assert world.caller.sent == [Fail(failures.NO_MEDIA)]
    assert record.disposition == "FAILED"


async def test_a_request_to_move_is_met_by_the_loss(world):
    await answered_call(world)
    request = ask(world, granted=False)
    world.node.lose()
    await world.settle()
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    assert (request.outcome, request.sessions) == (MoveOutcome.MOVED, 2)
    await finish(world)


async def test_the_old_node_dying_during_a_move_does_not_stop_it(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    await follow(world, world.caller)
    world.node.lose()
    await follow(world, world.legs[0])
    record = await finish(world)
    assert (record.hangup_cause, record.rtp_manager) == ("normal", "rtp-2")
    assert len(world.caller.got(Update)) == 1


@pytest.mark.parametrize(
    "error",
    [
        MediaError(ErrorCode.RESOURCE_EXHAUSTED, "no port", Reason.NO_PORT),
        MediaError(ErrorCode.UNAVAILABLE, "late", Reason.TIMEOUT),
        MediaError(ErrorCode.INTERNAL, "broken"),
    ],
)
async def test_a_call_does_not_notice_that_the_first_rtp_manager_fails_it(world, error):
    world.node.errors[pb.CreateSessionRequest] = error
    await answered_call(world)
    assert world.caller.sent[-1] == Answer("our answer")
    assert world.call.media.node_id == "rtp-2"
    record = await finish(world)
    assert (record.hangup_cause, record.rtp_manager) == ("normal", "rtp-2")
    assert record.metadata == {}
    assert sessions_left(world.node) == sessions_left(world.other_nodes[0]) == set()
    assert world.node.subscribers == {}


async def test_a_call_is_refused_when_no_rtp_manager_is_left(world):
    for node in (world.node, *world.other_nodes):
        node.errors[pb.CreateSessionRequest] = MediaError(ErrorCode.UNAVAILABLE, "gone", Reason.LOST)
    world.start(DIAL)
    await world.ended()
    assert world.caller.sent == [Fail(failures.NO_MEDIA)]
    assert all(node.asked(pb.CreateSessionRequest) for node in world.other_nodes)


async def test_what_no_rtp_manager_can_do_is_asked_of_one_alone(world):
    world.node.errors[pb.CreateSessionRequest] = MediaError(ErrorCode.INVALID_ARGUMENT, "no common codec")
    world.start(DIAL)
    await world.ended()
    assert world.caller.sent == [Fail(failures.NOT_ACCEPTABLE)]
    assert world.other_nodes[0].requests == []


async def test_a_prompt_answers_at_the_next_rtp_manager(world):
    world.node.errors[pb.CreateSessionRequest] = MediaError(ErrorCode.UNAVAILABLE, "gone", Reason.LOST)
    world.start(PROMPTS[:1])
    await world.settle()
    assert world.caller.sent == [Answer("our answer")]
    assert len(world.other_nodes[0].asked(pb.PlayAudioRequest)) == 1
    await finish(world)
