# SPDX-License-Identifier: Apache-2.0
"""Rows of real calls, legs, sessions and bindings, as they change."""

from types import SimpleNamespace
from typing import Any

import pytest

from cdrs.record import EndReason
from signaling.calls.events import Acknowledged, Answer, HangUp, Ring, Update, UpdateAccepted, WantRecording
from signaling.calls.tests.world import DIAL, World
from signaling.changes import Changes
from signaling.legs.states import LegState
from signaling.legs.tests.line import Line
from signaling.legs.tests.test_callee import Callee
from signaling.live.mirror import Mirror
from signaling.live.source import NodeSource
from signaling.live.tables import CALLS, DIALOGS, REGISTRATIONS, RTPMANAGERS, SESSIONS, VERSION, Kind
from signaling.location import Location
from signaling.tests.test_announce import binding


class Watched:
    """A source over whatever a test puts into it, and a mirror of it."""

    def __init__(self, changes: Changes | None = None) -> None:
        self.calls: dict[str, Any] = {}
        self.legs: list[Any] = []
        self.nodes: list[Any] = []
        self.location = Location()
        self.woken = 0
        self.source = NodeSource(
            changes or Changes(),
            self.location,
            calls=lambda: self.calls,
            legs=lambda: self.legs,
            nodes=self.nodes,
            now=lambda: 0.0,
        )
        self.mirror = Mirror()
        self.mirror.apply((Kind.HELLO, VERSION, {}))
        self.mirror.apply((Kind.READY,))

    def begin(self) -> None:
        def wake() -> None:
            self.woken += 1

        self.source.begin(wake)

    def update(self) -> None:
        for message in [*self.source.changed(), *self.source.polled()]:
            self.mirror.apply(message)

    def fresh(self) -> Mirror:
        """A mirror that sees everything at once, as a new reader does."""
        mirror = Mirror()
        mirror.apply((Kind.HELLO, VERSION, {}))
        for table, row in self.source.everything():
            mirror.apply((Kind.ROWS, table, [row]))
        mirror.apply((Kind.READY,))
        return mirror

    def row(self, table: Any) -> dict[str, Any]:
        self.update()
        (row,) = self.mirror.rows(table)
        return row


async def test_a_call_says_whether_it_is_recorded():
    world = World()
    watched = Watched(world.changes)
    watched.begin()
    world.start(DIAL)
    watched.calls[world.call.record.id] = world.call
    await world.settle()
    assert watched.row(CALLS)["recording"] == "off"
    for is_wanted, state in ((True, "waiting"), (False, "off"), (True, "waiting")):
        world.call.post(WantRecording(is_wanted, "anna"))
        await world.settle()
        assert watched.row(CALLS)["recording"] == state
    world.legs[0].reports(Answer("answer"))
    await world.settle()
    assert watched.row(CALLS)["recording"] == "on"
    world.call.post(WantRecording(False, "anna"))
    await world.settle()
    assert watched.row(CALLS)["recording"] == "off"
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_a_call_is_shown_from_its_beginning_to_its_end():
    world = World()
    watched = Watched(world.changes)
    watched.begin()
    world.start(DIAL)
    watched.calls[world.call.record.id] = world.call
    await world.settle()
    assert watched.row(CALLS)["state"] == "dialing"
    world.legs[0].reports(Ring())
    await world.settle()
    assert watched.row(CALLS)["state"] == "ringing"
    world.legs[0].reports(Answer("answer"))
    await world.settle()
    world.caller.reports(Acknowledged(""))
    await world.settle()
    row = watched.row(CALLS)
    assert (row["state"], row["caller_number"], row["callee_name"]) == ("bridged", "1001", "Bob")
    assert (row["call_id"], row["account"], row["codec"]) == ("call-1", "acme.test", "PCMA")
    assert row["answered_at"] > row["ringing_at"] > row["started_at"] > "2023-11-14T22:13"
    assert watched.fresh().rows(CALLS) == [row]
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()
    watched.update()
    assert watched.mirror.rows(CALLS) == watched.fresh().rows(CALLS) == []


async def test_a_held_call_is_shown_as_held_and_by_whom():
    world = World()
    watched = Watched(world.changes)
    watched.begin()
    world.start(DIAL)
    await world.settle()
    world.legs[0].reports(Answer("answer"))
    await world.settle()
    for holding, state, by in ((True, "held", ["B"]), (False, "bridged", [])):
        world.node.offers_hold = holding
        world.legs[0].reports(Update("offer"))
        await world.settle()
        world.caller.reports(UpdateAccepted("answer"))
        await world.settle()
        assert (watched.row(CALLS)["state"], watched.row(CALLS)["held_by"]) == (state, by)
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()


async def test_sessions_are_shown_while_they_last():
    world = World(phones=2)
    watched = Watched(world.changes)
    watched.begin()
    world.start(DIAL)
    watched.calls[world.call.record.id] = world.call
    await world.settle()
    watched.update()
    assert sorted(row["leg"] for row in watched.mirror.rows(SESSIONS)) == ["A", "B", "B"]
    world.legs[0].reports(Answer("answer"))
    await world.settle()
    watched.update()
    states = {row["leg"]: (row["state"], row["codec"]) for row in watched.mirror.rows(SESSIONS)}
    assert states == {"A": ("bridged", "PCMU"), "B": ("bridged", "PCMA")}
    assert {row["session_id"] for row in watched.fresh().rows(SESSIONS)} == {
        row["session_id"] for row in watched.mirror.rows(SESSIONS)
    }
    world.caller.reports(HangUp(EndReason.NORMAL))
    await world.ended()
    watched.update()
    assert watched.mirror.rows(SESSIONS) == []


async def test_a_leg_is_shown_as_a_dialog_from_initial_to_terminated():
    line = Line()
    watched = Watched(line.node.changes)
    watched.begin()
    callee = Callee(line)
    callee.leg.call = SimpleNamespace(record=SimpleNamespace(id="uuid", account_id="account"))
    callee.leg.session_id = "session"
    watched.legs = line.node.legs
    row = watched.row(DIALOGS)
    assert (row["state"], row["direction"], row["remote_tag"], row["leg"]) == ("Initial", "outbound", "", "B")
    await line.settle()
    line.answer(line.request("INVITE"), 180)
    await line.settle()
    assert watched.row(DIALOGS)["state"] == "Early"
    line.answer(line.request("INVITE"), 200, sdp="answer")
    await line.settle()
    row = watched.row(DIALOGS)
    assert (row["state"], row["from_uri"][:9], row["to_uri"][:9]) == ("Confirmed", "sip:1001@", "sip:1002@")
    assert row["local_tag"] and row["remote_tag"] and row["call_id"]
    assert (row["remote_addr"], row["remote_port"], row["session_id"]) == ("192.0.2.20", 5060, "session")
    assert watched.fresh().rows(DIALOGS) == [row]
    callee.leg.send(HangUp(EndReason.NORMAL))
    watched.update()
    assert watched.mirror.rows(DIALOGS) == []
    assert line.node.legs == {}


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (LegState.ANSWERED, "WaitingACK"),
        (LegState.ANSWERED_ENDING, "Terminating"),
        (LegState.CANCELING, "Terminating"),
        (LegState.HELD_BACK, "Terminating"),
    ],
)
async def test_every_state_of_a_leg_has_its_word(state, shown):
    line = Line()
    watched = Watched(line.node.changes)
    callee = Callee(line)
    callee.leg.call = SimpleNamespace(record=SimpleNamespace(id="uuid", account_id="account"))
    callee.leg.state = state
    watched.legs = line.node.legs
    assert watched.fresh().rows(DIALOGS)[0]["state"] == shown
    callee.leg.state = LegState.CALLING


def test_registrations_come_and_go():
    watched = Watched()
    watched.location.store(binding())
    watched.begin()
    watched.location.store(binding("sip:other@192.0.2.7", deadline=30.0))
    assert watched.woken == 1
    watched.update()
    assert [row["contact"] for row in watched.mirror.rows(REGISTRATIONS)] == ["sip:other@192.0.2.7"]
    assert len(watched.fresh().rows(REGISTRATIONS)) == 2
    watched.location.expire(31.0)
    watched.update()
    assert watched.mirror.rows(REGISTRATIONS) == []
    row = watched.fresh().rows(REGISTRATIONS)[0]
    assert (row["aor"], row["tenant_id"], row["expires_at"]) == (
        "sip:1001@acme.test",
        "account",
        "2023-11-14T22:14:20.000000Z",
    )


def test_rtp_managers_are_told_when_they_change():
    watched = Watched()
    node = SimpleNamespace(
        address="h:9090", node_id="rtp-1", healthy=True, active_sessions=0, available_ports=100
    )
    watched.nodes.append(node)
    assert len(watched.source.polled()) == 1
    assert watched.source.polled() == []
    node.healthy = False
    watched.update()
    assert watched.mirror.rows(RTPMANAGERS)[0]["healthy"] is False
    watched.nodes.clear()
    watched.update()
    assert watched.mirror.rows(RTPMANAGERS) == []


async def test_nothing_is_noted_while_nobody_looks():
    world = World()
    watched = Watched(world.changes)
    world.start(DIAL)
    await world.settle()
    watched.location.store(binding())
    assert watched.source.changed() == []
    watched.begin()
    watched.source.end()
    world.caller.reports(HangUp(EndReason.CANCELED))
    await world.ended()
    assert (watched.source.changed(), watched.woken) == ([], 0)
