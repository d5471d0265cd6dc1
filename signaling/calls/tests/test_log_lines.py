# SPDX-License-Identifier: Apache-2.0
"""Every log line about a call names the call, its account and a leg."""

from structlog.testing import capture_logs

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import Acknowledged, Answer, Fail, HangUp, Ring
from signaling.calls.tests.world import DIAL, World


def told(lines: list) -> list[tuple[str, str]]:
    for line in lines:
        assert line["call_id"]
        assert line["account"] == "acme.test"
    return [(line["event"], line["leg"]) for line in lines]


async def test_an_answered_call():
    world = World()
    with capture_logs() as lines:
        world.start(DIAL)
        await world.settle()
        world.legs[0].reports(Ring())
        world.legs[0].reports(Answer("callee's answer"))
        await world.settle()
        world.caller.reports(Acknowledged(""))
        await world.settle()
        world.caller.reports(HangUp(EndReason.NORMAL))
        await world.ended()
    assert told(lines) == [
        ("call.received", "A"),
        ("call.dialing", "B"),
        ("call.ringing", "B"),
        ("call.answered", "B"),
        ("call.bridged", "A"),
        ("call.ended", "A"),
    ]


async def test_a_call_that_fails():
    world = World()
    with capture_logs() as lines:
        world.start(DIAL)
        await world.settle()
        world.legs[0].reports(Fail(failures.UNREACHABLE))
        await world.ended()
    assert told(lines) == [("call.received", "A"), ("call.dialing", "B"), ("call.ended", "A")]


async def test_a_call_with_a_bug(monkeypatch):
    world = World()

    async def crash(*args: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("signaling.calls.call.Call._run_route", crash)
    with capture_logs() as lines:
        world.start(DIAL)
        await world.ended()
    assert told(lines) == [("call.received", "A"), ("call.crashed", "A"), ("call.ended", "A")]
