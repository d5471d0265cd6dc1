# SPDX-License-Identifier: Apache-2.0
"""Calls from their first event to their record."""

import pytest

from cdrs.record import EndReason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls import failures
from signaling.calls.events import (
    Acknowledged,
    Answer,
    EarlyMedia,
    Fail,
    Gone,
    HangUp,
    Info,
    MediaInactive,
    MediaLost,
    Refreshed,
    Ring,
    Terminate,
    Update,
    UpdateAccepted,
    UpdateRefused,
)
from signaling.calls.tests.world import DIAL, World
from signaling.mediapool import ErrorCode, MediaError


async def answered_call(world: World) -> None:
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Ring())
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()


async def test_a_call_rings_is_answered_and_ends_when_the_caller_hangs_up():
    world = World()
    await answered_call(world)
    assert [type(event) for event in world.caller.sent] == [Ring, Answer]
    world.caller.reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert world.legs[0].sent == [HangUp(EndReason.NORMAL)]
    assert (record.disposition, record.hangup_cause, record.hangup_by) == ("ANSWERED", "normal", "caller")
    assert (record.caller_number, record.callee_number, record.callee_user_id) == ("1001", "1002", "bob-id")
    assert record.ring_time is not None
    assert record.duration_s > 0
    assert (record.rtp_packets_recv, record.codec, record.rtp_manager) == (50, "PCMA", "rtp-1")
    assert record.mos_score is not None


@pytest.mark.parametrize("jump_s", [-3600.0, 3600.0])
async def test_a_clock_that_is_set_during_a_call_changes_nothing_about_it(jump_s):
    world = World()
    clock = [1_700_000_000.0]
    world.wall = lambda: clock[0]
    await answered_call(world)
    clock[0] += jump_s
    world.caller.reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert record.invite_time == 1_700_000_000.0
    assert record.invite_time <= record.ring_time <= record.answer_time <= record.end_time
    assert record.duration_s < 5


async def test_a_hang_up_by_the_callee_reaches_the_caller():
    world = World()
    await answered_call(world)
    world.legs[0].reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert world.caller.sent[-1] == HangUp(EndReason.NORMAL)
    assert record.hangup_by == "callee"
    assert world.legs[0].confirmed


async def test_the_bye_is_confirmed_only_after_the_record_is_on_disk():
    world = World()
    world.journal.delay_s = 0.05
    await answered_call(world)
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.settle()
    assert not world.caller.confirmed
    await world.ended()
    assert world.caller.confirmed


async def test_a_broken_disk_does_not_keep_the_call_up():
    world = World()
    world.journal.on_disk = False
    await answered_call(world)
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()
    assert world.caller.confirmed


async def test_every_media_session_is_released():
    world = World(phones=3)
    world.start(DIAL)
    await world.settle()
    world.legs[1].reports(Answer("answer"))
    await world.settle()
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()
    made = {request.session_id for request in world.node.asked(pb.CreateSessionRequest)}
    gone = {request.session_id for request in world.node.asked(pb.DestroySessionRequest)}
    assert made == gone
    assert len(made) == 4
    assert world.node.subscribers == {}


async def test_the_first_phone_to_answer_gets_the_call_and_the_others_are_canceled():
    world = World(phones=3)
    world.start(DIAL)
    await world.settle()
    world.legs[1].reports(Answer("answer"))
    await world.settle()
    assert world.legs[0].sent == [HangUp(EndReason.CANCELED)]
    assert world.legs[1].sent == []
    assert world.legs[2].sent == [HangUp(EndReason.CANCELED)]
    assert len(world.caller.got(Answer)) == 1
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_a_caller_that_gives_up_cancels_every_phone():
    world = World(phones=2)
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Ring())
    world.caller.reports(HangUp(EndReason.CANCELED))
    record = await world.ended()
    assert [leg.sent for leg in world.legs] == [[HangUp(EndReason.CANCELED)]] * 2
    assert (record.disposition, record.hangup_by, record.sip_status) == ("CANCELED", "caller", 487)
    assert world.caller.got(Fail) == []


async def test_busy_reaches_the_caller_as_busy():
    world = World()
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Fail(failures.BUSY))
    record = await world.ended()
    assert world.caller.sent == [Fail(failures.BUSY)]
    assert (record.disposition, record.hangup_cause, record.hangup_by) == ("BUSY", "busy", "callee")
    assert record.sip_status == 486


async def test_a_decline_of_one_phone_ends_the_ringing_of_all():
    world = World(phones=2)
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Fail(failures.REJECTED))
    record = await world.ended()
    assert world.legs[1].sent == [HangUp(EndReason.REJECTED)]
    assert record.hangup_cause == "rejected"


async def test_the_best_failure_of_several_phones_is_passed_on():
    world = World(phones=3)
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Fail(failures.UNREACHABLE))
    world.legs[1].reports(Fail(failures.BUSY))
    world.legs[2].reports(Fail(failures.NOT_REGISTERED))
    await world.ended()
    assert world.caller.sent == [Fail(failures.BUSY)]


async def test_the_route_goes_on_after_a_dial_that_failed():
    world = World(target_failure=failures.NOT_REGISTERED)
    world.start([*DIAL, {"type": "play_audio", "params": {"file": "sorry.wav"}}])
    await world.settle()
    (play,) = world.node.asked(pb.PlayAudioRequest)
    assert play.file == "sorry.wav"
    assert len(world.caller.got(Answer)) == 1
    callback = world.node.subscribers[play.session_id]
    callback(
        pb.PlaybackEvent(session_id=play.session_id, play_id=play.play_id, state=pb.PLAYBACK_STATE_COMPLETED)
    )
    record = await world.ended()
    assert world.caller.sent[-1] == HangUp(EndReason.NORMAL)
    assert (record.disposition, record.hangup_by) == ("ANSWERED", "system")


async def test_a_missing_prompt_ends_the_call_with_a_media_error():
    world = World()
    world.node.errors[pb.PlayAudioRequest] = MediaError(ErrorCode.NOT_FOUND, "no such file")
    world.start([{"type": "play_audio", "params": {"file": "gone.wav"}}])
    record = await world.ended()
    assert record.hangup_cause == "media_error"
    assert isinstance(world.caller.sent[-1], HangUp)


async def test_echo_sends_the_caller_back_to_itself():
    world = World()
    world.start([{"type": "echo", "params": {}}])
    await world.settle()
    (bridge,) = world.node.asked(pb.BridgeMediaRequest)
    assert bridge.session_id == bridge.peer_session_id
    world.caller.reports(HangUp(EndReason.NORMAL))
    assert (await world.ended()).disposition == "ANSWERED"


@pytest.mark.parametrize(
    ("reason", "status", "cause"),
    [
        ("busy", 486, "busy"),
        ("rejected", 603, "rejected"),
        ("unavailable", 480, "unavailable"),
        ("normal", 480, "unavailable"),
    ],
)
async def test_hangup_before_an_answer_gives_a_fitting_status(reason, status, cause):
    world = World()
    world.start([{"type": "hangup", "params": {"reason": reason}}])
    record = await world.ended()
    (fail,) = world.caller.got(Fail)
    assert (fail.failure.status, record.hangup_cause, record.sip_status) == (status, cause, status)


async def test_a_refused_call_has_a_record_and_no_media():
    world = World()
    world.start(DIAL, refusal=failures.USER_LIMIT)
    record = await world.ended()
    assert world.caller.sent == [Fail(failures.USER_LIMIT)]
    assert world.node.requests == []
    assert (record.disposition, record.sip_status, record.hangup_by) == ("BUSY", 486, "system")


async def test_no_common_codec_gives_488():
    world = World()
    world.node.errors[pb.CreateSessionRequest] = MediaError(ErrorCode.INVALID_ARGUMENT, "no common codec")
    world.start(DIAL)
    record = await world.ended()
    assert world.caller.sent == [Fail(failures.NOT_ACCEPTABLE)]
    assert (record.disposition, record.hangup_cause) == ("FAILED", "media_error")


async def test_no_port_left_gives_503():
    world = World()
    world.node.errors[pb.CreateSessionRequest] = MediaError(ErrorCode.RESOURCE_EXHAUSTED, "no port left")
    world.start(DIAL)
    await world.ended()
    assert world.caller.sent == [Fail(failures.NO_MEDIA)]


async def test_an_answer_that_the_rtp_manager_refuses_hangs_up_that_phone():
    world = World()
    world.node.errors[pb.UpdateSessionRemoteRequest] = MediaError(ErrorCode.INVALID_ARGUMENT, "bad")
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Answer("rubbish"))
    await world.ended()
    assert world.legs[0].sent == [HangUp(EndReason.MEDIA_ERROR)]
    assert world.caller.sent == [Fail(failures.NOT_ACCEPTABLE)]


async def test_early_media_reaches_the_caller_and_the_answer_is_the_same():
    world = World()
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(EarlyMedia("same"))
    await world.settle()
    world.legs[0].reports(Answer("same"))
    await world.settle()
    assert world.caller.sent == [EarlyMedia("our answer"), Answer("our answer")]
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_early_media_of_another_phone_is_heard_when_that_of_the_first_is_over():
    world = World(phones=2)
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(EarlyMedia("first"))
    world.legs[1].reports(EarlyMedia("second"))
    await world.settle()
    assert len(world.node.asked(pb.BridgeMediaRequest)) == 1
    world.legs[0].reports(Fail(failures.BUSY))
    world.legs[1].reports(EarlyMedia("second"))
    await world.settle()
    bridged = world.node.asked(pb.BridgeMediaRequest)
    assert [request.peer_session_id for request in bridged] == [leg.session_id for leg in world.legs]
    world.caller.reports(HangUp(EndReason.CANCELED))
    await world.ended()


async def test_a_caller_without_an_offer_gets_ours_in_the_answer():
    world = World()
    world.start(DIAL, sdp="")
    await world.settle()
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    assert world.caller.got(Answer) == [Answer("our offer")]
    assert world.node.asked(pb.BridgeMediaRequest) == []
    world.caller.reports(Acknowledged("caller's answer"))
    await world.settle()
    assert len(world.node.asked(pb.BridgeMediaRequest)) == 1
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_hold_is_carried_to_the_other_party_and_its_answer_back():
    world = World()
    await answered_call(world)
    world.caller.reports(Update("hold"))
    await world.settle()
    assert world.legs[0].sent == [Update("our offer")]
    world.legs[0].reports(UpdateAccepted("held"))
    await world.settle()
    assert world.caller.sent[-1] == UpdateAccepted("our answer")
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_a_refused_hold_leaves_the_call_as_it_was():
    world = World()
    await answered_call(world)
    world.legs[0].reports(Update("hold"))
    await world.settle()
    world.caller.reports(UpdateRefused(failures.NOT_ACCEPTABLE))
    await world.settle()
    assert world.legs[0].sent[-1] == UpdateRefused(failures.NOT_ACCEPTABLE)
    world.caller.reports(HangUp(EndReason.NORMAL))
    assert (await world.ended()).hangup_cause == "normal"


async def test_an_offer_that_crosses_another_gets_glare():
    world = World()
    await answered_call(world)
    world.caller.reports(Update("one"))
    await world.settle()
    world.legs[0].reports(Update("other"))
    await world.settle()
    assert world.legs[0].sent[-1] == UpdateRefused(failures.GLARE)
    world.legs[0].reports(HangUp(EndReason.NORMAL))
    assert (await world.ended()).hangup_by == "callee"


async def test_a_key_press_is_carried_to_the_other_party():
    world = World()
    await answered_call(world)
    press = Info("application/dtmf-relay", b"Signal=5")
    world.caller.reports(press)
    await world.settle()
    assert world.legs[0].sent == [press]
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_silent_media_ends_an_answered_call():
    world = World()
    await answered_call(world)
    session = world.call.media.caller_session
    world.node.subscribers[session](pb.MediaInactive(session_id=session))
    record = await world.ended()
    assert (record.hangup_cause, record.hangup_by, record.disposition) == (
        "media_error",
        "system",
        "ANSWERED",
    )
    assert world.caller.sent[-1] == HangUp(EndReason.MEDIA_ERROR)
    assert world.legs[0].sent[-1] == HangUp(EndReason.MEDIA_ERROR)


async def test_a_bye_of_the_caller_while_it_rings_is_giving_up():
    world = World()
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Ring())
    world.caller.reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert (record.disposition, record.hangup_cause, record.hangup_by) == ("CANCELED", "canceled", "caller")


async def test_silence_before_the_ack_leaves_it_to_the_missing_ack_to_end_the_call():
    world = World()
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.call.post(MediaInactive(world.call.media.caller_session))
    await world.settle()
    assert not world.task.done()
    world.caller.reports(HangUp(EndReason.TIMEOUT))
    assert (await world.ended()).hangup_cause == "timeout"


async def test_silence_before_the_answer_is_no_reason_to_end():
    world = World()
    world.start(DIAL)
    await world.settle()
    world.call.post(MediaInactive(world.call.media.caller_session))
    await world.settle()
    assert not world.task.done()
    world.caller.reports(HangUp(EndReason.CANCELED))
    await world.ended()


async def test_a_session_that_the_rtp_manager_ended_ends_the_call():
    world = World()
    await answered_call(world)
    world.call.post(MediaLost())
    assert (await world.ended()).hangup_cause == "media_error"


async def test_an_operator_ends_the_call():
    world = World()
    await answered_call(world)
    world.call.post(Terminate(EndReason.NORMAL))
    record = await world.ended()
    assert (record.hangup_cause, record.hangup_by) == ("normal", "system")
    assert isinstance(world.caller.sent[-1], HangUp)
    assert isinstance(world.legs[0].sent[-1], HangUp)


async def test_a_call_that_lasts_too_long_is_hung_up():
    world = World(max_call_s=0.05)
    await answered_call(world)
    assert (await world.ended()).hangup_cause == "timeout"


async def test_ringing_that_lasts_too_long_is_ended_with_a_clear_status():
    world = World(max_ringing_s=0.05)
    world.start(DIAL)
    record = await world.ended()
    assert world.caller.sent == [Fail(failures.NO_ANSWER)]
    assert record.disposition == "NO_ANSWER"


async def test_a_bug_in_a_verb_ends_the_call_alone_with_a_record():
    world = World()
    world.make_leg = None
    world.start(DIAL)
    record = await world.ended()
    assert world.caller.sent == [Fail(failures.INTERNAL)]
    assert (record.hangup_cause, record.disposition) == ("error", "FAILED")


async def test_a_phone_that_is_gone_is_named_in_the_record():
    world = World()
    await answered_call(world)
    world.legs[0].reports(HangUp(EndReason.TIMEOUT, Gone.NOT_REFRESHED))
    record = await world.ended()
    assert world.caller.sent[-1] == HangUp(EndReason.TIMEOUT)
    assert (record.hangup_cause, record.hangup_by) == ("timeout", "system")
    assert record.metadata["peer_gone"] == {"leg": "B", "why": "not_refreshed"}


async def test_what_a_phone_repeats_when_it_is_asked_whether_it_is_there_changes_nothing():
    world = World()
    await answered_call(world)
    before = len(world.node.requests)
    world.legs[0].reports(Refreshed("callee's answer"))
    world.caller.reports(Refreshed("o=- 1 2 IN IP4 192.0.2.1\r\ncaller's offer"))
    await world.settle()
    assert len(world.node.requests) == before


async def test_what_a_phone_says_anew_when_it_is_asked_is_taken():
    world = World()
    await answered_call(world)
    before = len(world.node.requests)
    world.legs[0].reports(Refreshed("callee has moved"))
    await world.settle()
    update, answer = world.node.requests[before:]
    assert isinstance(update, pb.UpdateSessionRemoteRequest)
    assert (update.session_id, update.remote_sdp) == (world.call.media.callee_session, "callee has moved")
    assert update.refreshes, "our side stays as the phone was told"
    assert isinstance(answer, pb.CreateAnswerRequest)
    assert answer.peer_session_id == world.call.media.caller_session
    assert [type(event) for event in world.legs[0].sent] == []


async def test_what_cannot_be_used_of_it_is_ignored_and_the_call_goes_on():
    world = World()
    await answered_call(world)
    world.node.errors[pb.UpdateSessionRemoteRequest] = MediaError(
        ErrorCode.INVALID_ARGUMENT, "no common codec"
    )
    before = len(world.node.requests)
    world.legs[0].reports(Refreshed("nonsense"))
    await world.settle()
    assert len(world.node.requests) == before + 1, "nothing is answered"
    world.caller.reports(HangUp(EndReason.NORMAL))
    assert (await world.ended()).hangup_cause == "normal"
