# SPDX-License-Identifier: Apache-2.0
"""The events of calls: which, in which order, with what in them."""

from itertools import pairwise
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cdrs.record import EndReason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls import failures
from signaling.calls.events import (
    Acknowledged,
    Answer,
    EarlyMedia,
    Fail,
    HangUp,
    Ring,
    Update,
    UpdateAccepted,
)
from signaling.calls.tests.world import DIAL, World
from switchboard.events import CATALOGUE, to_json
from switchboard.events.schema import schema_of


def watched(**options: Any) -> tuple[World, list]:
    world = World(**options)
    events: list = []
    world.bus.subscribe(events.append)
    return world, events


def calls(events: list) -> list[str]:
    return [event.event_type for event in events if event.event_type.startswith("call.")]


async def answered_call(world: World) -> None:
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Ring())
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()


async def test_an_answered_call_is_told_from_its_beginning_to_its_end():
    world, events = watched()
    await answered_call(world)
    world.caller.reports(HangUp(EndReason.NORMAL))
    record = await world.ended()
    assert [(event.event_type, event.leg) for event in events] == [
        ("call.received", "A"),
        ("session.created", "A"),
        ("session.created", "B"),
        ("call.dialing", "B"),
        ("call.ringing", "B"),
        ("call.answered", "B"),
        ("call.bridged", None),
        ("session.destroyed", "A"),
        ("session.destroyed", "B"),
        ("call.ended", None),
    ]
    assert {event.call_uuid for event in events} == {record.id}
    assert {(event.tenant_id, event.sip_call_id, event.node_id) for event in events} == {
        ("account", "call-1", "sip-1")
    }
    ids = [event.event_id for event in events]
    assert ids == sorted(ids)


async def test_every_event_of_a_call_validates():
    world, events = watched()
    await answered_call(world)
    session = world.call.media.caller_session
    world.node.subscribers[session](pb.MediaStarted(session_id=session))
    world.node.subscribers[session](pb.MediaInactive(session_id=session))
    await world.ended()
    assert {"session.started", "session.inactive", "call.ended"} <= {event.event_type for event in events}
    for event in events:
        Draft202012Validator(schema_of(CATALOGUE[event.event_type])).validate(to_json(event))


async def test_the_bridge_is_named_from_its_beginning_to_the_end():
    world, events = watched()
    await answered_call(world)
    world.legs[0].reports(HangUp(EndReason.NORMAL))
    await world.ended()
    named = [event.bridge_id is not None for event in events]
    first = [event.event_type for event in events].index("call.bridged")
    assert named == [False] * first + [True] * (len(events) - first)
    assert all(one.bridge_id == other.bridge_id for one, other in pairwise(events[first:]))


async def test_the_end_tells_what_the_record_says():
    world, events = watched()
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Fail(failures.BUSY))
    await world.ended()
    ended = events[-1]
    assert (ended.reason, ended.disposition, ended.hangup_by) == ("busy", "BUSY", "callee")
    assert (ended.sip_status, ended.duration_seconds) == (486, 0.0)
    assert calls(events) == ["call.received", "call.dialing", "call.ended"]


async def test_a_refused_call_is_received_and_ended():
    world, events = watched()
    world.start(DIAL, refusal=failures.USER_LIMIT)
    await world.ended()
    assert calls(events) == ["call.received", "call.ended"]


async def test_a_call_that_the_dialplan_answers_itself_names_no_leg():
    world, events = watched()
    world.start([{"type": "echo", "params": {}}])
    await world.settle()
    (answered,) = [event for event in events if event.event_type == "call.answered"]
    assert answered.leg is None
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()
    assert calls(events) == ["call.received", "call.answered", "call.ended"]


async def test_early_media_counts_as_ringing_once():
    world, events = watched()
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(EarlyMedia("same"))
    world.legs[0].reports(Ring())
    await world.settle()
    assert calls(events).count("call.ringing") == 1
    world.caller.reports(HangUp(EndReason.CANCELED))
    await world.ended()


@pytest.mark.parametrize("leg", ["A", "B"])
async def test_hold_and_resume_are_told_once_with_the_leg_that_holds(leg):
    world, events = watched()
    await answered_call(world)
    holder, other = (world.caller, world.legs[0]) if leg == "A" else (world.legs[0], world.caller)
    for on_hold in (True, True, False, False):
        world.node.offers_hold = on_hold
        holder.reports(Update("offer"))
        await world.settle()
        other.reports(UpdateAccepted("answer"))
        await world.settle()
    assert [
        (event.event_type, event.leg) for event in events if event.event_type in ("call.hold", "call.resumed")
    ] == [
        ("call.hold", leg),
        ("call.resumed", leg),
    ]
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_nothing_is_made_while_nobody_listens(monkeypatch):
    world = World()
    monkeypatch.setattr(world.bus, "stamp", None)
    await answered_call(world)
    world.caller.reports(HangUp(EndReason.NORMAL))
    assert (await world.ended()).disposition == "ANSWERED"


async def test_the_sessions_of_phones_that_did_not_get_the_call_end_too():
    world, events = watched(phones=3)
    await answered_call(world)
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()
    made = {event.session_id for event in events if event.event_type == "session.created"}
    gone = [event.session_id for event in events if event.event_type == "session.destroyed"]
    assert (len(made), sorted(made)) == (4, sorted(gone))
