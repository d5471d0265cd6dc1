# SPDX-License-Identifier: Apache-2.0
"""Calls that are asked to leave their RTP manager."""

import pytest

from cdrs.record import EndReason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls import failures
from signaling.calls.events import (
    Acknowledged,
    Answer,
    HangUp,
    Info,
    MediaInactive,
    MoveGranted,
    MoveMedia,
    Ring,
    Update,
    UpdateAccepted,
    UpdateRefused,
)
from signaling.calls.failures import CallFailure
from signaling.calls.move_request import MoveOutcome, MoveRequest
from signaling.calls.tests.world import DIAL, ScriptedNode, World
from signaling.mediapool import ErrorCode, MediaError, Reason

ECHO = [{"type": "echo", "params": {}}]
PROMPTS = [
    {"type": "play_audio", "params": {"file": "one.wav"}},
    {"type": "play_audio", "params": {"file": "two.wav"}},
]
REFUSED_488 = CallFailure(488, "Not Acceptable Here", EndReason.MEDIA_ERROR, 88)


@pytest.fixture
def world(monkeypatch):
    monkeypatch.setattr("signaling.mediapool.release.GATHER_S", 0)
    monkeypatch.setattr("signaling.calls.move.LINGER_S", 0)
    monkeypatch.setattr("signaling.calls.asking.NOT_READY_S", 0)
    monkeypatch.setattr("signaling.calls.asking.GLARE_MIN_S", 0)
    monkeypatch.setattr("signaling.calls.asking.GLARE_MAX_S", 0)
    return World(other_nodes=[ScriptedNode("rtp-2"), ScriptedNode("rtp-3")])


def grant(world, request):
    if request.is_ready and not request.is_granted:
        request.is_granted = True
        world.call.post(MoveGranted())


def ask(world, *, granted=True):
    """Ask the call to move; it may as soon as it can, unless `granted` is false."""
    on_change = (lambda request: grant(world, request)) if granted else (lambda request: None)
    request = MoveRequest(world.node, "drain", on_change)
    world.call.post(MoveMedia(request))
    return request


async def answered_call(world):
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Ring())
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()


async def follow(world, leg, sdp="moved"):
    """Have a party accept the offer that it was sent last."""
    assert isinstance(leg.sent[-1], Update)
    leg.reports(UpdateAccepted(sdp))
    await world.settle()


async def finish(world):
    world.caller.reports(HangUp(EndReason.NORMAL))
    return await world.ended()


def sessions_left(node):
    made = {request.session_id for request in node.asked(pb.CreateSessionRequest)}
    return made - {request.session_id for request in node.asked(pb.DestroySessionRequest)}


async def test_both_parties_are_asked_to_follow_one_after_the_other(world):
    await answered_call(world)
    request = ask(world)
    await world.settle()
    assert world.caller.got(Update) == [Update("rtp-2 goes on after: our answer")]
    assert world.legs[0].got(Update) == []
    await follow(world, world.caller, "caller at rtp-2")
    assert world.legs[0].got(Update) == [Update("rtp-2 goes on after: offer of B")]
    await follow(world, world.legs[0], "callee at rtp-2")
    assert (request.outcome, request.sessions) == (MoveOutcome.MOVED, 2)
    assert [
        (call.remote_sdp, call.kind) for call in world.other_nodes[0].asked(pb.UpdateSessionRemoteRequest)
    ] == [
        ("caller at rtp-2", pb.SDP_KIND_ANSWER),
        ("callee at rtp-2", pb.SDP_KIND_ANSWER),
    ]
    await finish(world)


async def test_the_new_sessions_relay_before_anybody_is_asked(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    kinds = [type(request) for request in world.other_nodes[0].requests]
    assert kinds == [pb.CreateSessionRequest, pb.CreateSessionRequest, pb.BridgeMediaRequest]
    a, b = world.other_nodes[0].asked(pb.CreateSessionRequest)
    assert (a.continues.local_sdp, a.continues.remote_sdp) == ("our answer", "caller's offer")
    assert (b.continues.local_sdp, b.continues.remote_sdp) == ("offer of B", "callee's answer")
    assert (a.leg, a.signaling_ip, a.call_id) == ("A", "192.0.2.1", "call-1")
    assert sessions_left(world.node)
    await finish(world)


async def test_the_old_sessions_end_only_after_both_have_followed(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    await follow(world, world.caller)
    assert world.node.asked(pb.DestroySessionRequest) == []
    await follow(world, world.legs[0])
    assert sessions_left(world.node) == set()
    await finish(world)
    assert sessions_left(world.other_nodes[0]) == set()


async def test_the_record_has_the_sum_of_both_and_says_where_the_call_went(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    record = await finish(world)
    assert record.rtp_manager == "rtp-2"
    assert record.rtp_packets_recv == 100
    (move,) = record.metadata["media_moves"]
    assert (move["from"], move["to"], move["reason"]) == ("rtp-1", "rtp-2", "drain")
    assert record.hangup_cause == "normal"


async def test_those_who_show_legs_and_sessions_learn_of_the_new_ones(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    a, b = world.other_nodes[0].asked(pb.CreateSessionRequest)
    assert (world.caller.session_id, world.legs[0].session_id) == (a.session_id, b.session_id)
    assert {session.rtp_manager for session in world.call.media.sessions.values()} == {"rtp-2"}
    await finish(world)


async def test_a_caller_that_refuses_leaves_everything_as_it_was(world):
    await answered_call(world)
    request = ask(world)
    await world.settle()
    world.caller.reports(UpdateRefused(REFUSED_488))
    await world.settle()
    assert request.outcome is MoveOutcome.REFUSED
    assert request.detail == "leg A refused: 488 Not Acceptable Here"
    assert world.legs[0].got(Update) == []
    assert sessions_left(world.other_nodes[0]) == set()
    assert world.node.asked(pb.DestroySessionRequest) == []
    record = await finish(world)
    assert (record.rtp_manager, record.metadata) == ("rtp-1", {})


async def test_a_callee_that_refuses_has_the_caller_brought_back(world):
    await answered_call(world)
    request = ask(world)
    await world.settle()
    await follow(world, world.caller)
    world.legs[0].reports(UpdateRefused(REFUSED_488))
    await world.settle()
    (back,) = world.node.asked(pb.CreateOfferRequest)
    assert back.previous_sdp == "rtp-2 goes on after: our answer"
    assert world.caller.sent[-1] == Update("our offer")
    await follow(world, world.caller, "caller back at rtp-1")
    assert (request.outcome, request.detail) == (
        MoveOutcome.REFUSED,
        "leg B refused: 488 Not Acceptable Here",
    )
    assert world.node.asked(pb.UpdateSessionRemoteRequest)[-1].remote_sdp == "caller back at rtp-1"
    assert sessions_left(world.other_nodes[0]) == set()
    assert (await finish(world)).hangup_cause == "normal"


async def test_a_caller_that_does_not_come_back_ends_the_call(world):
    await answered_call(world)
    request = ask(world)
    await world.settle()
    await follow(world, world.caller)
    world.legs[0].reports(UpdateRefused(REFUSED_488))
    await world.settle()
    world.caller.reports(UpdateRefused(REFUSED_488))
    record = await world.ended()
    assert (record.hangup_cause, record.hangup_by) == ("media_error", "system")
    assert request.outcome is MoveOutcome.ENDED


async def test_an_answer_that_the_rtp_manager_refuses_counts_as_a_refusal(world):
    error = MediaError(ErrorCode.INVALID_ARGUMENT, "bad", Reason.MALFORMED_SDP)
    world.other_nodes[0].errors[pb.UpdateSessionRemoteRequest] = error
    await answered_call(world)
    request = ask(world)
    await world.settle()
    await follow(world, world.caller, "rubbish")
    assert world.caller.sent[-1] == Update("our offer")
    await follow(world, world.caller, "back")
    assert request.outcome is MoveOutcome.REFUSED
    assert world.legs[0].got(Update) == []
    await finish(world)


@pytest.mark.parametrize("code", [ErrorCode.RESOURCE_EXHAUSTED, ErrorCode.UNAVAILABLE])
async def test_the_next_rtp_manager_is_taken_when_one_cannot(world, code):
    world.other_nodes[0].errors[pb.CreateSessionRequest] = MediaError(code, "cannot")
    await answered_call(world)
    ask(world)
    await world.settle()
    assert world.caller.got(Update) == [Update("rtp-3 goes on after: our answer")]
    await finish(world)


async def test_without_another_rtp_manager_nobody_is_asked(world):
    world.other_nodes.clear()
    await answered_call(world)
    request = ask(world)
    await world.settle()
    assert request.outcome is MoveOutcome.NOT_NOW
    assert world.caller.got(Update) == []
    await finish(world)


@pytest.mark.parametrize("failure", [failures.GLARE, CallFailure(491, "Pending", EndReason.ERROR, 41)])
async def test_glare_is_tried_again(world, failure):
    await answered_call(world)
    request = ask(world)
    await world.settle()
    world.caller.reports(UpdateRefused(failure))
    await world.settle()
    assert len(world.caller.got(Update)) == 2
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    assert request.outcome is MoveOutcome.MOVED
    await finish(world)


async def test_an_offer_that_crosses_the_move_is_refused_for_now(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    world.legs[0].reports(Update("hold"))
    await world.settle()
    assert world.legs[0].sent[-1] == UpdateRefused(failures.GLARE)
    await finish(world)


async def test_key_presses_are_carried_during_a_move(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    press = Info("application/dtmf-relay", b"Signal=5")
    world.legs[0].reports(press)
    await world.settle()
    assert world.caller.sent[-1] == press
    await finish(world)


async def test_a_hold_after_the_move_uses_the_new_sessions(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    world.caller.reports(Update("hold"))
    await world.settle()
    assert world.legs[0].sent[-1] == Update("our offer")
    assert world.other_nodes[0].asked(pb.UpdateSessionRemoteRequest)[-1].remote_sdp == "hold"
    await finish(world)


@pytest.mark.parametrize("who", ["caller", "callee"])
async def test_a_hang_up_during_a_move_ends_the_call_and_all_sessions(world, who):
    await answered_call(world)
    request = ask(world)
    await world.settle()
    leg = world.caller if who == "caller" else world.legs[0]
    leg.reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert (record.hangup_by, record.hangup_cause) == (who, "normal")
    assert request.outcome is MoveOutcome.ENDED
    assert sessions_left(world.node) == sessions_left(world.other_nodes[0]) == set()


async def test_silence_during_a_move_is_no_reason_to_end(world):
    await answered_call(world)
    ask(world)
    await world.settle()
    world.call.post(MediaInactive(world.call.media.caller_session))
    await world.settle()
    assert not world.task.done()
    await finish(world)


async def test_a_call_waits_until_it_may(world):
    await answered_call(world)
    request = ask(world, granted=False)
    await world.settle()
    assert request.is_ready
    assert world.caller.got(Update) == []
    grant(world, request)
    await world.settle()
    assert len(world.caller.got(Update)) == 1
    await finish(world)


async def test_a_withdrawn_request_is_not_carried_out(world):
    await answered_call(world)
    request = ask(world, granted=False)
    await world.settle()
    request.is_withdrawn = True
    grant(world, request)
    await world.settle()
    assert request.outcome is MoveOutcome.NOT_NOW
    assert world.caller.got(Update) == []
    await finish(world)


async def test_a_ringing_call_moves_once_it_is_answered(world):
    world.start(DIAL)
    await world.settle()
    request = ask(world)
    await world.settle()
    assert not request.is_ready
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    assert world.caller.got(Update) == [Update("rtp-2 goes on after: our answer")]
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    assert request.outcome is MoveOutcome.MOVED
    await finish(world)


async def test_an_echo_moves_alone_and_goes_on(world):
    world.start(ECHO)
    await world.settle()
    world.caller.reports(Acknowledged(""))
    request = ask(world)
    await world.settle()
    (bridge,) = world.other_nodes[0].asked(pb.BridgeMediaRequest)
    assert bridge.session_id == bridge.peer_session_id
    await follow(world, world.caller)
    assert (request.outcome, request.sessions) == (MoveOutcome.MOVED, 1)
    await finish(world)


def complete(world, node):
    play = node.asked(pb.PlayAudioRequest)[-1]
    ended = pb.PlaybackEvent(
        session_id=play.session_id, play_id=play.play_id, state=pb.PLAYBACK_STATE_COMPLETED
    )
    node.subscribers[play.session_id](ended)


async def test_a_prompt_is_waited_for_and_the_next_one_plays_on_the_new_rtp_manager(world):
    world.start(PROMPTS)
    await world.settle()
    world.caller.reports(Acknowledged(""))
    request = ask(world)
    await world.settle()
    assert world.call.mover.is_playing
    assert (request.is_ready, world.caller.got(Update)) == (False, [])
    complete(world, world.node)
    await world.settle()
    await follow(world, world.caller)
    assert request.outcome is MoveOutcome.MOVED
    assert [play.file for play in world.other_nodes[0].asked(pb.PlayAudioRequest)] == ["two.wav"]
    complete(world, world.other_nodes[0])
    assert (await world.ended()).hangup_cause == "normal"


async def test_a_call_that_ends_after_its_prompt_is_not_moved(world):
    world.start([PROMPTS[0], {"type": "hangup", "params": {"reason": "normal"}}])
    await world.settle()
    request = ask(world)
    await world.settle()
    complete(world, world.node)
    await world.ended()
    assert world.caller.got(Update) == []
    assert request.outcome is MoveOutcome.ENDED


async def test_the_target_dying_during_the_move_brings_the_caller_back(world):
    await answered_call(world)
    request = ask(world)
    await world.settle()
    await follow(world, world.caller)
    gone = MediaError(ErrorCode.UNAVAILABLE, "gone", Reason.LOST)
    world.other_nodes[0].errors[pb.UpdateSessionRemoteRequest] = gone
    world.other_nodes[0].lose()
    await follow(world, world.legs[0])
    for leg in (world.legs[0], world.caller):
        await follow(world, leg, "back")
    assert request.outcome is MoveOutcome.REFUSED
    assert (await finish(world)).hangup_cause == "normal"
