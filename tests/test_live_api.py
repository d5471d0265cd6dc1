# SPDX-License-Identifier: Apache-2.0
"""The live API of a running node: real calls, real events, and processes that are killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from switchboard.events import CATALOGUE
from switchboard.events.schema import schema_of
from tests.live_api import LiveApi, api_pid, is_running
from tests.sipp import SippRunner
from tests.stack import DOMAIN, Stack

pytestmark = pytest.mark.e2e

LONG = ("-d", "15000")
SHORT = ("-d", "300")


@pytest.fixture(scope="module")
def api(stack: Stack) -> LiveApi:
    return LiveApi(stack).ready()


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose processes may be killed."""
    stack = Stack(tmp_path_factory.mktemp("live"), template)
    try:
        yield stack.start()
    finally:
        stack.stop()


@pytest.fixture
def own_sipp(own_stack: Stack, tmp_path: Path) -> Iterator[SippRunner]:
    runner = SippRunner(own_stack, tmp_path)
    yield runner
    runner.stop()


def test_a_call_is_shown_told_and_hung_up(api: LiveApi, stack: Stack, sipp: SippRunner) -> None:
    callee, caller = sipp.answering(), stack.phone()
    with api.events(types="call.*,session.*") as log:
        call = sipp.start("uac-call-ended-by-callee", caller, to=callee.username)
        row = api.call_of(caller.username)
        assert (row["callee_number"], row["account"], row["codec"]) == (callee.username, DOMAIN, "PCMU")
        assert row["call_id"].startswith(call.call_id)
        dialogs = api.get("dialogs", call_uuid=row["call_uuid"])["dialogs"]
        assert {(leg["leg"], leg["direction"], leg["state"]) for leg in dialogs} == {
            ("A", "inbound", "Confirmed"),
            ("B", "outbound", "Confirmed"),
        }
        assert {leg["remote_port"] for leg in dialogs} == {caller.port, callee.port}
        sessions = api.get("sessions", call_uuid=row["call_uuid"])["sessions"]
        assert {leg["session_id"] for leg in dialogs} == {each["session_id"] for each in sessions}
        assert {each["state"] for each in sessions} == {"bridged"}
        assert all(each["local_port"] and each["remote_port"] for each in sessions)
        answer = api.request("DELETE", f"calls/{row['call_id']}")
        assert answer.status_code == 200, answer.text
        sipp.wait_all()
        log.wait(lambda events: "call.ended" in log.kinds(call.call_id), "the end of the call")
    assert log.kinds(call.call_id) == [
        "call.received",
        "call.dialing",
        "call.ringing",
        "call.answered",
        "call.bridged",
        "call.ended",
    ]
    assert log.of(call.call_id)[-1]["hangup_by"] == "system"
    assert stack.cdr(call.call_id)["metadata"].find("ended_by") > 0
    stack.wait_until(lambda: not api.calls(number=caller.username), 2, "the call's row to go")
    assert api.get("dialogs", call_uuid=row["call_uuid"])["total"] == 0


def test_every_event_validates_and_each_stream_gets_the_same(
    api: LiveApi, stack: Stack, sipp: SippRunner
) -> None:
    with api.events() as log, api.socket_events() as sockets:
        callee = sipp.answering()
        call = sipp.run("uac-reinvites", stack.phone(), to=callee.username, options=SHORT)
        sipp.wait_all()
        sipp.register(callee, expires=0)
        wanted = {"call.hold", "call.resumed", "call.ended", "session.destroyed", "registration.unregistered"}
        log.wait(lambda events: wanted <= {event["event_type"] for event in events}, "all kinds of event")
        sockets.wait(lambda events: len(events) >= len(log.events), "the same over WebSocket")
    assert [event["event_id"] for event in sockets.of(call.call_id)] == [
        event["event_id"] for event in log.of(call.call_id)
    ]
    checker = FormatChecker()
    for event in log.events:
        Draft202012Validator(schema_of(CATALOGUE[event["event_type"]]), format_checker=checker).validate(
            event
        )


def test_a_reader_that_comes_back_misses_nothing(api: LiveApi, stack: Stack, sipp: SippRunner) -> None:
    with api.events(types="call.*") as log:
        first = sipp.run("uac-refused", stack.phone(), to="9011", STATUS=486)
        log.wait(lambda events: "call.ended" in log.kinds(first.call_id), "the first call")
        last_id = log.events[-1]["event_id"]
    second = sipp.run("uac-refused", stack.phone(), to="9012", STATUS=603)
    stack.cdr(second.call_id)
    with api.events(types="call.*", last_event_id=last_id) as log:
        log.wait(lambda events: "call.ended" in log.kinds(second.call_id), "the second call")
        assert log.kinds(second.call_id) == ["call.received", "call.ended"]
        assert log.of(first.call_id) == []


def test_registered_phones_are_shown_with_their_path(api: LiveApi, stack: Stack, sipp: SippRunner) -> None:
    phone = sipp.register(stack.phone())
    stack.wait_until(lambda: bool(api.get("registrations", aor=phone.aor)["total"]), 2, "the phone")
    (row,) = api.get(f"registrations/{phone.aor}")["registrations"]
    assert (row["source_ip"], row["source_port"], row["transport"]) == ("127.0.0.1", phone.port, "udp")
    assert 290 <= row["expires"] <= 300
    sipp.register(phone, expires=0)
    stack.wait_until(
        lambda: api.request("GET", f"registrations/{phone.aor}").status_code == 404, 2, "the phone to be gone"
    )


def test_click_to_call_rings_the_user_then_dials_and_is_done_once(
    api: LiveApi, stack: Stack, sipp: SippRunner
) -> None:
    caller, callee = sipp.answering(), sipp.answering()
    wanted = {"user": caller.username, "number": callee.username, "account": DOMAIN}
    with api.events(types="call.*") as log:
        answers = [
            api.request("POST", "calls", json=wanted, headers={"Idempotency-Key": "one call"})
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert answers[1].headers["Idempotent-Replayed"] == "true"
        made = answers[0].json()
        row = api.call_of(caller.username)
        assert (row["call_uuid"], row["origin"], len(api.calls(number=caller.username))) == (
            made["call_uuid"],
            "api",
            1,
        )
        assert api.request("DELETE", f"calls/{made['call_uuid']}").status_code == 200
        sipp.wait_all()
        log.wait(lambda events: "call.ended" in log.kinds(made["call_id"]), "the end of the call")
    assert [(event["event_type"], event["leg"]) for event in log.of(made["call_id"])] == [
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
    record = stack.cdr(made["call_id"])
    assert (record["caller_number"], record["callee_number"]) == (caller.username, callee.username)
    assert (record["disposition"], record["hangup_by"]) == ("ANSWERED", "system")
    invites = [run.messages() for run in sipp.runs() if run.scenario == "uas-answers"]
    assert sum(made["call_id"] in messages for messages in invites) == 1


def test_click_to_call_ends_when_the_user_declines(api: LiveApi, stack: Stack, sipp: SippRunner) -> None:
    caller = sipp.answering("uas-refuses", STATUS="486")
    answer = api.request("POST", "calls", json={"user": caller.username, "number": "600", "account": DOMAIN})
    assert answer.status_code == 201, answer.text
    record = stack.cdr(answer.json()["call_id"])
    assert (record["disposition"], record["hangup_by"], record["sip_status"]) == ("BUSY", "caller", 486)


@pytest.mark.parametrize(
    ("wanted", "status", "field"),
    [
        ({"user": "2599", "number": "777777"}, 400, "number"),
        ({"user": "9999", "number": "600"}, 400, "user"),
        ({"user": "2599", "number": "600"}, 409, ""),
        ({"user": "3001", "number": "600"}, 409, ""),
        ({"user": "5001", "number": "600", "account": "disabled.example"}, 409, ""),
    ],
)
def test_click_to_call_says_why_not(api: LiveApi, wanted: dict[str, str], status: int, field: str) -> None:
    answer = api.request("POST", "calls", json={"account": DOMAIN, **wanted})
    assert (answer.status_code, list(answer.json().get("fields", {}))) == (status, [field] if field else [])


def test_a_killed_api_leaves_the_call_alone_and_is_back_with_a_correct_picture(
    own_stack: Stack, own_sipp: SippRunner
) -> None:
    api = LiveApi(own_stack).ready()
    callee, caller = own_sipp.answering(), own_stack.phone()
    call = own_sipp.start("uac-call-answered", caller, to=callee.username, options=("-d", "9000"))
    before = api.call_of(caller.username)
    killed, pid = time.monotonic(), api_pid(own_stack)
    os.kill(pid, signal.SIGKILL)
    own_stack.wait_until(lambda: not is_running(pid), 2, "the death of the live API")
    own_stack.wait_until(lambda: api.health() == 200, 20, "the live API to be back")
    back_s = time.monotonic() - killed
    after = api.call_of(caller.username)
    changing = {"duration_seconds"}
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    load = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    print(f"the live API was back after {back_s:.2f} s, at a load of {load:.1f} per core")
    assert back_s < 2.0 * load
    call.wait()
    assert own_stack.cdr(call.call_id)["hangup_by"] == "caller"
    own_stack.wait_until(lambda: not api.calls(), 2, "the call's row to go")


def test_the_api_of_a_killed_node_makes_room_for_its_successor(own_stack: Stack) -> None:
    api = LiveApi(own_stack).ready()
    orphan = api_pid(own_stack)
    own_stack.kill("runsip")
    own_stack.run("runsip")
    own_stack.wait_until(lambda: not is_running(orphan), 5, "the orphan's end")
    api.ready()
    assert api_pid(own_stack) != orphan


def test_a_frozen_api_delays_no_call(own_stack: Stack, own_sipp: SippRunner) -> None:
    LiveApi(own_stack).ready()
    pid = api_pid(own_stack)
    os.kill(pid, signal.SIGSTOP)
    try:
        callee = own_sipp.answering()
        call = own_sipp.run("uac-call-answered", own_stack.phone(), to=callee.username, options=SHORT)
        assert own_stack.cdr(call.call_id)["disposition"] == "ANSWERED"
    finally:
        os.kill(pid, signal.SIGCONT)
    LiveApi(own_stack).ready(5)


def test_health_tells_what_is_missing(own_stack: Stack) -> None:
    api = LiveApi(own_stack).ready()
    with api.events(types="rtpmanager.*") as log:
        own_stack.kill("runrtp")
        own_stack.wait_until(lambda: api.health() == 503, 10, "the missing RTP manager to be noticed")
        body = api.request("GET", "health").json()
        assert [problem["code"] for problem in body["problems"]] == ["NO_RTP_MANAGER"]
        own_stack.run("runrtp")
        api.ready()
        log.wait(lambda events: len(events) == 2, "both events")
    assert [event["event_type"] for event in log.events] == ["rtpmanager.down", "rtpmanager.up"]


def test_stopping_a_node_stops_its_api(own_stack: Stack) -> None:
    api = LiveApi(own_stack).ready()
    pid = api_pid(own_stack)
    assert own_stack.kill("runsip", signal.SIGTERM) == 0
    assert not is_running(pid)
    assert api.health() == 0
    own_stack.run("runsip")
