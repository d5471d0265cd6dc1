# SPDX-License-Identifier: Apache-2.0
"""Calls as SIPp places and takes them, each with the CDR that it must leave."""

from __future__ import annotations

import pytest

from tests import rawsip
from tests.sipp import SippRunner
from tests.stack import Stack

pytestmark = pytest.mark.e2e

SHORT = ("-d", "300")


def test_an_answered_call_is_charged_to_both_users(stack: Stack, sipp: SippRunner) -> None:
    callee, caller = sipp.answering(), stack.phone()
    call = sipp.run("uac-ringing-then-answered", caller, to=callee.username, options=SHORT)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_cause"], row["hangup_by"]) == ("ANSWERED", "normal", "caller")
    assert (row["caller_number"], row["callee_number"]) == (caller.username, callee.username)
    assert row["sip_status"] == 200
    assert 0.2 < row["duration_seconds"] < 5
    assert row["caller_user_id"] and row["callee_user_id"] and row["account_id"]
    assert row["invite_time"] <= row["ring_time"] <= row["answer_time"] <= row["end_time"]
    assert row["route_id"] == "test-0"
    assert row["caller_ip"] == "127.0.0.1"
    sipp.wait_all()


def test_an_answer_with_nothing_before_it_is_an_answer(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering("uas-answers-at-once")
    call = sipp.run("uac-call-answered", stack.phone(), to=callee.username)
    assert stack.cdr(call.call_id)["disposition"] == "ANSWERED"
    sipp.wait_all()


def test_the_callee_may_hang_up(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering("uas-hangs-up")
    call = sipp.run("uac-call-ended-by-callee", stack.phone(), to=callee.username)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_cause"], row["hangup_by"]) == ("ANSWERED", "normal", "callee")
    sipp.wait_all()


def test_early_media_reaches_the_caller(stack: Stack, sipp: SippRunner) -> None:
    callee = stack.phone()
    sipp.register(callee)
    sipp.start("uas-early-media", callee, options=SHORT)
    call = sipp.run("uac-early-media", stack.phone(), to=callee.username)
    assert stack.cdr(call.call_id)["disposition"] == "ANSWERED"
    sipp.wait_all()


def test_the_first_of_several_phones_gets_the_call_and_the_others_are_cancelled(
    stack: Stack, sipp: SippRunner
) -> None:
    first = stack.phone()
    second, third = (stack.phone(first.username) for _ in range(2))
    for phone in (first, second, third):
        sipp.register(phone)
    sipp.start("uas-rings-until-cancelled", first)
    sipp.start("uas-rings-until-cancelled", second)
    sipp.start("uas-answers", third, options=SHORT)
    call = sipp.run("uac-ringing-then-answered", stack.phone(), to=first.username, options=SHORT)
    sipp.wait_all()
    assert stack.cdr(call.call_id)["disposition"] == "ANSWERED"


def test_the_caller_may_give_up(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering("uas-rings-until-cancelled")
    call = sipp.run("uac-cancels", stack.phone(), to=callee.username, options=SHORT)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_cause"], row["hangup_by"]) == ("CANCELED", "canceled", "caller")
    assert (row["sip_status"], row["duration_seconds"]) == (487, 0)
    sipp.wait_all()


@pytest.mark.parametrize(
    ("refusal", "status", "disposition", "cause"),
    [
        ("486", "486", "BUSY", "busy"),
        ("603", "603", "FAILED", "rejected"),
        ("480", "480", "FAILED", "unavailable"),
    ],
)
def test_a_refusal_reaches_the_caller(
    stack: Stack, sipp: SippRunner, refusal: str, status: str, disposition: str, cause: str
) -> None:
    callee = sipp.answering("uas-refuses", STATUS=refusal)
    call = sipp.run("uac-refused", stack.phone(), to=callee.username, STATUS=status)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_cause"], row["sip_status"]) == (disposition, cause, int(status))
    sipp.wait_all()


def test_a_phone_that_nobody_answers_times_out(stack: Stack, sipp: SippRunner) -> None:
    callee = stack.phone("2599")
    sipp.answering("uas-rings-until-cancelled", phone=callee)
    call = sipp.run("uac-refused", stack.phone(), to="9001", STATUS=480)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_cause"]) == ("NO_ANSWER", "no_answer")
    assert row["ring_duration_seconds"] > 0.5
    sipp.wait_all()
    sipp.register(callee, expires=0)


@pytest.mark.parametrize("number", ["9002", "9003", "9006"])
def test_a_peer_that_cannot_be_reached_is_unavailable(stack: Stack, sipp: SippRunner, number: str) -> None:
    call = sipp.run("uac-refused", stack.phone(), to=number, STATUS=408)
    row = stack.cdr(call.call_id, timeout_s=15)
    assert (row["disposition"], row["hangup_cause"]) == ("FAILED", "unavailable")


def test_a_sip_uri_is_dialled_directly(stack: Stack, sipp: SippRunner) -> None:
    from dataclasses import replace

    peer = replace(stack.phone(), port=stack.ports.fixed[0])
    sipp.start("uas-answers", peer)
    call = sipp.run("uac-call-answered", stack.phone(), to="9004", options=SHORT)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["callee_user_id"], row["callee_number"]) == ("ANSWERED", None, "9004")
    sipp.wait_all()


def test_a_user_without_a_phone_is_unavailable(stack: Stack, sipp: SippRunner) -> None:
    call = sipp.run("uac-refused", stack.phone(), to="9005", STATUS=480)
    assert stack.cdr(call.call_id)["hangup_cause"] == "unavailable"


def test_a_number_without_a_route_is_not_found(stack: Stack, sipp: SippRunner) -> None:
    call = sipp.run("uac-refused", stack.phone(), to="777777", STATUS=404)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["sip_status"], row["route_id"]) == ("FAILED", 404, "")


@pytest.mark.parametrize(("number", "status"), [("9011", 486), ("9012", 603), ("9013", 480)])
def test_the_dialplan_may_refuse(stack: Stack, sipp: SippRunner, number: str, status: int) -> None:
    call = sipp.run("uac-refused", stack.phone(), to=number, STATUS=status)
    assert stack.cdr(call.call_id)["sip_status"] == status


def test_a_disabled_user_cannot_be_called(stack: Stack, sipp: SippRunner) -> None:
    call = sipp.run("uac-refused", stack.phone(), to="3001", STATUS=480)
    assert stack.cdr(call.call_id)["disposition"] == "FAILED"


@pytest.mark.parametrize(("user", "domain"), [("3001", "switchboard.local"), ("5001", "disabled.example")])
def test_who_is_disabled_cannot_call(stack: Stack, sipp: SippRunner, user: str, domain: str) -> None:
    sipp.run("uac-refused", stack.phone(user, domain=domain), to="600", STATUS=403)


@pytest.mark.parametrize(
    ("user", "domain", "status"), [("3002", "switchboard.local", 486), ("6001", "small.example", 503)]
)
def test_one_call_too_many_is_refused(
    stack: Stack, sipp: SippRunner, user: str, domain: str, status: int
) -> None:
    first, second = (stack.phone(user, domain=domain) for _ in range(2))
    held = sipp.start("uac-call-answered", first, to="600", options=("-d", "3000"))
    stack.wait_until(lambda: "SIP/2.0 200" in held.messages(), 10, "the first call's answer")
    refused = sipp.run("uac-refused", second, to="600", STATUS=status)
    assert stack.cdr(refused.call_id)["disposition"] in ("FAILED", "BUSY")
    held.wait()
    sipp.run("uac-call-answered", second, to="600")


def test_a_call_without_ack_is_ended(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering()
    call = sipp.run("uac-never-acks", stack.phone(), to=callee.username)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["hangup_by"]) == ("ANSWERED", "system")
    assert row["hangup_cause"] in ("timeout", "error")
    sipp.wait_all()


def test_the_caller_may_hold_and_resume(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering()
    call = sipp.run("uac-reinvites", stack.phone(), to=callee.username, options=SHORT)
    assert stack.cdr(call.call_id)["disposition"] == "ANSWERED"
    sipp.wait_all()


def test_the_callee_may_hold(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering("uas-reinvites")
    call = sipp.run("uac-is-held", stack.phone(), to=callee.username, options=SHORT)
    assert stack.cdr(call.call_id)["hangup_by"] == "caller"
    sipp.wait_all()


def test_an_offer_may_come_late(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering()
    call = sipp.run("uac-offers-late", stack.phone(), to=callee.username, options=SHORT)
    assert stack.cdr(call.call_id)["disposition"] == "ANSWERED"
    sipp.wait_all()


def test_a_codec_that_cannot_be_played_is_refused(stack: Stack, sipp: SippRunner) -> None:
    call = sipp.run("uac-refused-codec", stack.phone(), to="500", CODEC="speex/16000", PAYLOAD=97)
    row = stack.cdr(call.call_id)
    assert (row["disposition"], row["sip_status"]) == ("FAILED", 488)


def test_a_codec_that_the_callee_does_not_know_is_refused(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering("uas-refuses", STATUS="488")
    sipp.run("uac-refused-codec", stack.phone(), to=callee.username, CODEC="speex/16000", PAYLOAD=97)
    sipp.wait_all()


def test_a_call_goes_over_tcp_and_udp_at_once(stack: Stack, sipp: SippRunner) -> None:
    callee = sipp.answering()
    call = sipp.run("uac-call-answered", stack.phone(), to=callee.username, transport="t1", options=SHORT)
    assert stack.cdr(call.call_id)["disposition"] == "ANSWERED"
    sipp.wait_all()


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_options_is_answered(stack: Stack, sipp: SippRunner, transport: str) -> None:
    sipp.run("uac-asks-options", stack.phone(), transport=transport)


@pytest.mark.parametrize(
    ("headers", "body", "status", "says"),
    [
        (("Require: 100rel, timer",), None, 420, ("unsupported", "100rel")),
        (("Content-Encoding: gzip",), None, 415, ("accept-encoding", "identity")),
        (("Content-Type: multipart/mixed;boundary=x",), "", 200, ("content-type", "application/sdp")),
    ],
)
def test_an_invite_says_what_it_needs_and_learns_what_there_is(
    stack: Stack, headers: tuple[str, ...], body: str | None, status: int, says: tuple[str, str]
) -> None:
    with rawsip.Peer(stack.address) as peer:
        answer = peer.invite(stack.phone(), "600", *headers, body=body)
        assert (answer.status, answer.get(says[0])) == (status, says[1])


def test_a_bye_outside_any_dialog_is_refused(stack: Stack, sipp: SippRunner) -> None:
    sipp.run("uac-bye-of-no-dialog", stack.phone(), to="2000")


def test_users_of_another_account_cannot_be_reached(stack: Stack, sipp: SippRunner) -> None:
    foreign = stack.phone("4001", domain="other.example")
    sipp.register(foreign)
    call = sipp.run("uac-refused", stack.phone(), to="4001", STATUS=404)
    assert stack.cdr(call.call_id)["callee_user_id"] is None


def test_a_change_of_the_dialplan_is_live_within_a_second(stack: Stack, sipp: SippRunner) -> None:
    caller = stack.phone()
    sipp.run("uac-refused", caller, to="9021", STATUS=404)
    action = {"type": "hangup", "params": {"reason": "busy"}}
    stack.seed({"routes": [{"id": "late", "pattern": "9021", "priority": 1, "actions": [action]}]})
    import time

    time.sleep(1.0)
    sipp.run("uac-refused", caller, to="9021", STATUS=486)
