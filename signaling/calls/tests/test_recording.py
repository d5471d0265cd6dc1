# SPDX-License-Identifier: Apache-2.0
"""Calls that are recorded, in one part or in several; whatever becomes of a recording, the call goes on."""

import asyncio
from dataclasses import replace

import pytest

from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.events import Answer, HangUp, RecordingFailed, WantRecording
from signaling.calls.tests.test_move import ECHO, answered_call, ask, finish, follow
from signaling.calls.tests.test_move import world as world_of_three  # noqa: F401
from signaling.calls.tests.world import ACCOUNT, DIAL
from signaling.mediapool import ErrorCode, MediaError, Reason

RECORD = {"type": "record", "params": {}}


@pytest.fixture
def world(world_of_three):  # noqa: F811
    return world_of_three


async def recorded_call(world, actions=DIAL):
    """Set up a call that its route records."""
    world.start([RECORD, *actions])
    await world.settle()
    if world.legs:
        assert not world.node.asked(pb.StartRecordingRequest), "nobody talks yet"
        world.legs[0].reports(Answer("callee's answer"))
        await world.settle()


def parts(record):
    return record.metadata["recordings"]


def starts(node):
    return node.asked(pb.StartRecordingRequest)


def stops(node):
    return node.asked(pb.StopRecordingRequest)


async def test_a_route_records_the_callers_session_from_the_answer_to_the_end(world):
    events = []
    world.bus.subscribe(events.append)
    await recorded_call(world)
    (start,) = starts(world.node)
    assert start.session_id == world.call.media.caller_session
    assert start.file == f"account/2023-11-14/{start.recording_id}.wav"
    assert world.call.recording.is_on
    record = await finish(world)
    (part,) = parts(record)
    assert (part["id"], part["file"], part["node"]) == (start.recording_id, start.file, "rtp-1")
    assert (part["state"], part["ms"], part["bytes"]) == ("complete", 1500, 48_044)
    order = [type(request) for request in world.node.requests]
    assert order.index(pb.StopRecordingRequest) < order.index(pb.DestroySessionRequest)
    told = [event for event in events if event.event_type.startswith("call.recording_")]
    assert [event.event_type for event in told] == ["call.recording_started", "call.recording_stopped"]
    assert (told[1].state, told[1].duration_seconds, told[1].size_bytes) == ("complete", 1.5, 48_044)
    assert {event.recording_id for event in told} == {start.recording_id}


async def test_the_beginning_is_in_the_journal_before_anything_can_be_lost(world):
    await recorded_call(world)
    assert len(world.journal.answered) == 2, "the answer, then the recording"


async def test_an_account_that_wants_it_has_every_call_recorded(world):
    world.start(ECHO, account=replace(ACCOUNT, record_calls=True))
    await world.settle()
    assert len(starts(world.node)) == 1
    assert [part["state"] for part in parts(await finish(world))] == ["complete"]


async def test_a_call_that_nobody_wants_recorded_is_not(world):
    await answered_call(world)
    record = await finish(world)
    assert not starts(world.node) and "recordings" not in record.metadata


async def test_a_call_that_is_not_answered_is_not_recorded(world):
    world.start([RECORD, *DIAL])
    await world.settle()
    world.caller.reports(HangUp("canceled"))
    record = await world.ended()
    assert not starts(world.node) and "recordings" not in record.metadata


async def test_an_operator_begins_and_ends_recordings(world):
    await answered_call(world)
    for wanted in (True, True, False, False, True):
        world.call.post(WantRecording(wanted, "olivia"))
        await world.settle()
    assert (len(starts(world.node)), len(stops(world.node))) == (2, 1)
    assert [part["state"] for part in parts(await finish(world))] == ["complete", "complete"]


async def test_an_operators_wish_waits_for_the_answer(world):
    world.start(DIAL)
    await world.settle()
    world.call.post(WantRecording(True, "olivia"))
    await world.settle()
    assert not starts(world.node)
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    assert len(starts(world.node)) == 1


async def test_a_recording_that_is_refused_costs_the_call_nothing(world):
    refusal = MediaError(ErrorCode.INVALID_ARGUMENT, "a call in G722", Reason.NO_RECORDABLE_CODEC)
    world.node.errors[pb.StartRecordingRequest] = refusal
    await recorded_call(world)
    assert not world.call.recording.is_on
    record = await finish(world)
    assert record.hangup_cause == "normal"
    assert [(part["state"], part["detail"]) for part in parts(record)] == [("failed", "a call in G722")]
    assert not stops(world.node)


async def test_a_full_disk_ends_the_recording_and_not_the_call(world):
    await recorded_call(world)
    part = starts(world.node)[0].recording_id
    world.call.post(RecordingFailed("another", "x", 0, 0))
    world.call.post(RecordingFailed(part, "No space left on device", 900, 28_844))
    await world.settle()
    assert not world.call.recording.is_on and not world.task.done()
    record = await finish(world)
    (kept,) = parts(record)
    assert (kept["state"], kept["detail"], kept["ms"]) == ("failed", "No space left on device", 900)
    assert record.hangup_cause == "normal"


async def test_a_drain_ends_one_part_and_begins_another(world):
    await recorded_call(world)
    ask(world)
    await world.settle()
    await follow(world, world.caller)
    await follow(world, world.legs[0])
    (second,) = starts(world.other_nodes[0])
    assert len(stops(world.node)) == 1
    assert second.session_id == world.call.media.caller_session
    first, last = parts(await finish(world))
    assert (first["node"], first["state"]) == ("rtp-1", "complete")
    assert (last["node"], last["state"], last["id"]) == ("rtp-2", "complete", second.recording_id)


async def test_the_loss_of_an_rtp_manager_interrupts_a_part_and_begins_another(world):
    await recorded_call(world)
    world.node.lose()
    await world.settle()
    await follow(world, world.legs[0])
    await follow(world, world.caller)
    first, last = parts(await finish(world))
    assert (first["state"], first["detail"]) == ("interrupted", "the RTP manager was lost")
    assert "ms" not in first
    assert (last["node"], last["state"]) == ("rtp-2", "complete")


async def test_an_rtp_manager_that_says_nothing_keeps_nobody_waiting(world, monkeypatch):
    monkeypatch.setattr("signaling.calls.recording.STOP_WAIT_S", 0.01)
    await recorded_call(world)
    answer = world.node.execute

    def execute(*requests, **_options):
        is_stop = isinstance(requests[0], pb.StopRecordingRequest)
        return asyncio.get_running_loop().create_future() if is_stop else answer(*requests)

    monkeypatch.setattr(world.node, "execute", execute)
    (part,) = parts(await finish(world))
    assert (part["state"], part["detail"]) == ("interrupted", "the RTP manager did not answer")


async def test_a_call_has_a_bounded_number_of_parts(world):
    await answered_call(world)
    for _ in range(25):
        for wanted in (True, False):
            world.call.post(WantRecording(wanted, "olivia"))
            await world.settle()
    assert len(parts(await finish(world))) == 20


async def test_a_later_process_goes_on_with_the_part_that_is_open(world):
    await recorded_call(world)
    part = parts(world.call.record)[0]
    world.call.record.metadata["recordings"].insert(0, {**part, "id": "gone", "node": "rtp-9"})
    recording = world.call.recording
    recording._running = None
    recording.restore()
    assert recording.is_on and recording.is_wanted
    assert parts(world.call.record)[0]["state"] == "interrupted"
    assert [each["state"] for each in parts(await finish(world))] == ["interrupted", "complete"]
