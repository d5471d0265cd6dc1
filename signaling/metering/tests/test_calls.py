# SPDX-License-Identifier: Apache-2.0
"""What is counted of calls as they happen."""

from typing import Any

import pytest

from cdrs.record import EndReason
from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.events import Acknowledged, Answer, HangUp, Ring
from signaling.calls.tests.world import DIAL, World
from signaling.location import BindingEvent
from signaling.metering.calls import CallMeter
from switchboard.metrics.exposition import render


def metered() -> tuple[World, CallMeter]:
    world = World()
    return world, world.counter


def read(meter: CallMeter, name: str) -> dict[tuple, Any]:
    """Return the samples of a figure that are not zero."""
    return {labels: value for labels, value in meter.read()[f"switchboard_{name}"].items() if value}


def test_what_is_not_there_is_shown_as_zero():
    shown = CallMeter().read()
    assert {direction for _, direction in shown["switchboard_calls"]} == {"internal", "outbound", "service"}
    assert set(shown["switchboard_calls"].values()) == {0}
    assert shown["switchboard_calls_started_total"] == {("phone",): 0, ("api",): 0}


async def test_a_call_is_shown_where_it_stands_and_gone_when_it_ended():
    world, meter = metered()
    world.start(DIAL)
    await world.settle()
    assert read(meter, "calls") == {("dialing", "internal"): 1}
    world.legs[0].reports(Ring())
    await world.settle()
    assert read(meter, "calls") == {("ringing", "internal"): 1}
    world.legs[0].reports(Answer("callee's answer"))
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()
    assert read(meter, "calls") == {("bridged", "internal"): 1}
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()
    assert read(meter, "calls") == {}
    assert read(meter, "calls_ended_total") == {("internal", "ANSWERED", "normal"): 1}
    assert read(meter, "calls_started_total") == {("phone",): 1}
    assert sum(read(meter, "call_duration_seconds")[()].counts) == 1


async def test_a_call_that_nobody_answered_has_no_duration():
    world, meter = metered()
    world.start(DIAL)
    await world.settle()
    world.caller.reports(HangUp(EndReason.CANCELED))
    await world.ended()
    assert read(meter, "calls_ended_total") == {("internal", "CANCELED", "canceled"): 1}
    assert sum(read(meter, "call_duration_seconds")[()].counts) == 0


async def test_a_caller_that_is_rung_first_answers_nothing():
    world, meter = metered()
    world.originate(DIAL)
    await world.settle()
    world.own_phones[0].reports(Ring())
    world.own_phones[0].reports(Answer("caller's answer"))
    await world.settle()
    world.own_phones[0].reports(HangUp(EndReason.NORMAL))
    await world.ended()
    assert read(meter, "calls_started_total") == {("api",): 1}
    assert read(meter, "calls_ended_total") == {("internal", "CANCELED", "canceled"): 1}
    for stage in ("ringing", "answer"):
        assert sum(meter.setup[stage].counts) == 0
    assert sum(read(meter, "call_duration_seconds")[()].counts) == 0


def test_each_stage_of_the_setup_is_measured_once():
    meter = CallMeter()
    meter.call_received("call", "phone", 100.0)
    meter.call_dialing("call", "sip:bob@elsewhere.test")
    meter.call_ringing("call", "B", 100.5)
    meter.call_ringing("call", "B", 101.0)
    meter.call_answered("call", "B", 104.0)
    meter.call_answered("call", "B", 105.0)
    meter.session_started("call", 104.25)
    meter.session_started("call", 106.0)
    setup = read(meter, "call_setup_seconds")
    assert {stage: each.total for (stage,), each in setup.items()} == pytest.approx(
        {"trying": 0.0, "ringing": 0.5, "answer": 4.0, "media": 4.25}
    )
    assert read(meter, "calls") == {("answered", "outbound"): 1}


def test_a_clock_that_steps_back_measures_nothing_below_zero():
    meter = CallMeter()
    meter.call_received("call", "phone", 100.0)
    meter.call_ringing("call", "B", 90.0)
    assert read(meter, "call_setup_seconds")["ringing",].total == 0


def test_packets_loss_and_jitter_of_ended_sessions_add_up():
    meter = CallMeter()
    for jitter_ms in (4.0, 40.0):
        meter.session_ended(
            pb.SessionStats(packets_received=50, packets_sent=40, packets_lost=2, jitter_ms=jitter_ms)
        )
    meter.session_ended(pb.SessionStats())
    meter.session_ended(None)
    assert read(meter, "session_packets_total") == {("received",): 100, ("sent",): 80}
    assert read(meter, "session_packets_lost_total") == {(): 4}
    jitter = read(meter, "session_jitter_seconds")[()]
    assert (sum(jitter.counts), jitter.total) == (2, pytest.approx(0.044))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("call_dialing", ("user/1001",)),
        ("call_ringing", ("B", 1.0)),
        ("call_answered", (None, 1.0)),
        ("call_bridged", ()),
        ("call_ended", ("ANSWERED", "normal", 1.0)),
        ("session_started", (1.0,)),
    ],
)
def test_anything_may_be_told_of_a_call_that_nobody_knows(name, told):
    meter = CallMeter()
    getattr(meter, name)("never heard of", *told)
    assert read(meter, "calls") == {}
    assert render(meter.read())


def test_changes_of_bindings_are_counted_by_kind():
    meter = CallMeter()
    for event in (*BindingEvent, BindingEvent.REFRESHED):
        meter.binding_changed(event, None)
    assert read(meter, "registration_events_total") == {
        ("registered",): 1,
        ("refreshed",): 2,
        ("unregistered",): 1,
        ("expired",): 1,
    }


async def test_it_counts_without_a_reader_of_events():
    world, meter = metered()
    world.start(DIAL)
    await world.settle()
    assert not world.bus.active
    assert read(meter, "sessions_created_total") == {(): 2}


@pytest.mark.parametrize(
    ("target", "direction"), [("", "service"), ("user/7", "internal"), ("sip:", "outbound")]
)
def test_a_call_of_an_earlier_process_counts_as_one_that_is_and_ends_but_not_as_begun(target, direction):
    meter = CallMeter()
    meter.call_picked_up("id", "bridged", target, 0.0)
    assert read(meter, "calls") == {("bridged", direction): 1}
    meter.session_started("id", 100.0)
    meter.call_ended("id", "ANSWERED", "normal", 200.0)
    assert read(meter, "calls_ended_total") == {(direction, "ANSWERED", "normal"): 1}
    assert read(meter, "calls_started_total") == {}
    assert all(sum(histogram.counts) == 0 for histogram in read(meter, "call_setup_seconds").values())
