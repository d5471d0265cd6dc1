# SPDX-License-Identifier: Apache-2.0
"""What is counted of real calls as their events tell of them."""

from typing import Any

import pytest

from cdrs.record import EndReason
from signaling.calls.events import Acknowledged, Answer, HangUp, Ring
from signaling.calls.tests.world import DIAL, World
from signaling.metering.calls import CallMeter
from switchboard.events import CATALOGUE
from switchboard.events.tests.samples import sample
from switchboard.metrics.exposition import render


def metered() -> tuple[World, CallMeter]:
    world, meter = World(), CallMeter()
    world.bus.subscribe(meter)
    return world, meter


def read(meter: CallMeter, name: str) -> dict[tuple, Any]:
    return dict(meter.read()[f"switchboard_{name}"])


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


def at(event_type: str, time_s: float, **given: Any) -> Any:
    return sample(event_type, call_uuid="call", event_time=time_s, **given)


def test_each_stage_of_the_setup_is_measured_once():
    meter = CallMeter()
    for event in (
        at("call.received", 100.0),
        at("call.dialing", 100.1, target="sip:bob@elsewhere.test"),
        at("call.ringing", 100.5),
        at("call.ringing", 101.0),
        at("call.answered", 104.0),
        at("call.answered", 105.0),
        at("session.started", 104.25),
        at("session.started", 106.0),
    ):
        meter(event)
    setup = read(meter, "call_setup_seconds")
    assert {stage: each.total for (stage,), each in setup.items()} == pytest.approx(
        {"trying": 0.0, "ringing": 0.5, "answer": 4.0, "media": 4.25}
    )
    assert read(meter, "calls") == {("answered", "outbound"): 1}


def test_a_clock_that_steps_back_measures_nothing_below_zero():
    meter = CallMeter()
    meter(at("call.received", 100.0))
    meter(at("call.ringing", 90.0))
    assert read(meter, "call_setup_seconds")["ringing",].total == 0


def test_packets_loss_and_jitter_of_ended_sessions_add_up():
    meter = CallMeter()
    for jitter_ms in (4.0, 40.0):
        meter(
            at(
                "session.destroyed",
                1.0,
                packets_received=50,
                packets_sent=40,
                packets_lost=2,
                jitter_ms=jitter_ms,
            )
        )
    meter(at("session.destroyed", 1.0, packets_received=0, packets_sent=0, packets_lost=0, jitter_ms=0.0))
    assert read(meter, "session_packets_total") == {("received",): 100, ("sent",): 80}
    assert read(meter, "session_packets_lost_total") == {(): 4}
    jitter = read(meter, "session_jitter_seconds")[()]
    assert (sum(jitter.counts), jitter.total) == (2, pytest.approx(0.044))


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_any_event_may_come_at_any_time(event_type):
    meter = CallMeter()
    meter(sample(event_type, call_uuid="never heard of"))
    assert render(meter.read())
