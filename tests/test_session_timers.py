# SPDX-License-Identifier: Apache-2.0
"""Sessions that expire (RFC 4028): who refreshes its call keeps it, who falls silent loses it in time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import rawsip
from tests.attacks.calls import RawCall, raw_call, receive_request
from tests.sipp import SippRunner
from tests.stack import Stack
from tests.test_srtp import SrtpEnd

pytestmark = pytest.mark.e2e

TIMER = ("Supported: timer", "Min-SE: 4", "Allow: INVITE, ACK, BYE, UPDATE")
EXPIRES_S = 6
LATE_S = 4.0
"""A session of 6 s is ended a third before its end."""
SLACK_S = 2.0
"""For a busy machine."""


@pytest.fixture(scope="module")
def timed_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose sessions expire within seconds, and that ends no call for want of audio."""
    env = {"SESSION_EXPIRES_S": "12", "SESSION_MIN_SE_S": "4", "RTP_INACTIVITY_S": "600", "SIP_T1_S": "0.5"}
    stack = Stack(tmp_path_factory.mktemp("timers"), template, env=env)
    try:
        yield stack.start()
    finally:
        stack.stop()


@pytest.fixture
def timed_sipp(timed_stack: Stack, tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against that stack."""
    runner = SippRunner(timed_stack, tmp_path)
    yield runner
    runner.stop()


def gone(stack: Stack, call_id: str) -> Any:
    """Return what the record of a call says of the phone that was gone."""
    row = stack.cdr(call_id)
    assert (row["disposition"], row["hangup_cause"], row["hangup_by"]) == ("ANSWERED", "timeout", "system")
    return json.loads(row["metadata"])["peer_gone"]


def expires(refresher: str) -> tuple[str, ...]:
    """Return what an INVITE says that wants a session of a few seconds."""
    return (*TIMER, f"Session-Expires: {EXPIRES_S};refresher={refresher}")


def refresh(call: RawCall, cseq: int) -> rawsip.Message:
    """Have the caller refresh its session by UPDATE; return the answer."""
    call.caller.send(call.caller.in_dialog("UPDATE", call.answered, cseq=cseq, headers=expires("uac")))
    return call.caller.answer("UPDATE")


def reply_refresh(peer: rawsip.Peer, request: rawsip.Message) -> None:
    """Answer a refresh of the server: the session goes on."""
    line = f"Session-Expires: {EXPIRES_S};refresher=uac\r\nRequire: timer"
    peer.reply(request, "200 OK", contact=f"{peer.contact('caller')}\r\n{line}")


def assert_echoed(ours: SrtpEnd, mark: int) -> None:
    """Send some encrypted packets, which come back once what was just agreed on is in use."""
    time.sleep(0.3)
    for _ in range(10):
        ours.send(ours.packet(mark))
    time.sleep(0.3)
    assert ours.heard() == [mark] * 10


def test_a_caller_that_refreshes_keeps_its_call_and_loses_it_when_it_falls_silent(timed_stack: Stack) -> None:
    with raw_call(timed_stack, headers=expires("uac")) as call:
        assert call.answered.get("session-expires") == f"{EXPIRES_S};refresher=uac"
        assert call.answered.get("require") == "timer"
        for cseq in (3, 4, 5):
            time.sleep(EXPIRES_S / 2)
            answer = refresh(call, cseq)
            assert (answer.status, answer.get("session-expires")) == (200, f"{EXPIRES_S};refresher=uac")
        silent_since = time.monotonic()
        bye = receive_request(call.caller, "BYE", LATE_S + SLACK_S)
        assert LATE_S - 0.5 < time.monotonic() - silent_since < LATE_S + SLACK_S
        call.caller.reply(bye, "200 OK")
        assert receive_request(call.callee, "BYE").get("reason") == "Q.850;cause=102"
    assert gone(timed_stack, call.caller.call_id) == {"leg": "A", "why": "not_refreshed"}


def test_the_server_refreshes_by_update_and_ends_the_call_that_leaves_it_unanswered(
    timed_stack: Stack,
) -> None:
    with raw_call(timed_stack, headers=expires("uas")) as call:
        for _ in range(2):
            request = receive_request(call.caller, "UPDATE", EXPIRES_S)
            assert request.get("session-expires") == f"{EXPIRES_S};refresher=uac"
            assert request.body == ""
            reply_refresh(call.caller, request)
        receive_request(call.caller, "UPDATE", EXPIRES_S)
        receive_request(call.caller, "BYE", EXPIRES_S)
    assert gone(timed_stack, call.caller.call_id) == {"leg": "A", "why": "not_refreshed"}


def test_it_refreshes_by_a_re_invite_that_changes_nothing_where_update_is_not_allowed(
    timed_stack: Stack,
) -> None:
    headers = ("Supported: timer", "Min-SE: 4", f"Session-Expires: {EXPIRES_S}", "Allow: INVITE, ACK, BYE")
    with raw_call(timed_stack, headers=headers) as call:
        request = receive_request(call.caller, "INVITE", EXPIRES_S)
        assert request.body == call.answered.body
        body = call.caller.sdp(call.caller_rtp.port).replace("o=- 1 1", "o=- 1 2")
        line = f"Session-Expires: {EXPIRES_S};refresher=uac"
        call.caller.reply(request, "200 OK", body=body, contact=f"{call.caller.contact('caller')}\r\n{line}")
        receive_request(call.caller, "ACK")
        assert call.flows()
        assert call.hang_up().status == 200


def test_a_phone_that_answers_a_refresh_with_a_fresh_key_is_heard_and_hears_on(timed_stack: Stack) -> None:
    headers = ("Supported: timer", "Min-SE: 4", f"Session-Expires: {EXPIRES_S}", "Allow: INVITE, ACK, BYE")
    ours = SrtpEnd()
    with rawsip.Peer(timed_stack.address) as peer:
        body = ours.offer(peer.sdp(ours.end.port))
        answered = peer.invite(timed_stack.phone(), "600", *headers, body=body)
        assert answered.status == 200
        ours.answered(answered.body)
        for _ in range(2):
            assert_echoed(ours, 0x11)
            request = receive_request(peer, "INVITE", EXPIRES_S)
            assert request.body == answered.body
            ours.rekey()
            line = f"Session-Expires: {EXPIRES_S};refresher=uac"
            contact = f"{peer.contact('caller')}\r\n{line}"
            peer.reply(request, "200 OK", body=ours.offer(peer.sdp(ours.end.port)), contact=contact)
            receive_request(peer, "ACK")
        assert_echoed(ours, 0x22)
        peer.send(peer.in_dialog("BYE", answered, cseq=3))
        assert peer.answer("BYE").status == 200


def test_a_session_timer_outlives_the_process_that_agreed_on_it(timed_stack: Stack) -> None:
    with raw_call(timed_stack, headers=expires("uac")) as call:
        time.sleep(1.0)
        timed_stack.kill("runsip")
        timed_stack.run("runsip")
        call.caller.reply(receive_request(call.caller, "OPTIONS"), "200 OK")
        call.callee.reply(receive_request(call.callee, "OPTIONS"), "200 OK")
        assert refresh(call, 3).status == 200
        silent_since = time.monotonic()
        receive_request(call.caller, "BYE", EXPIRES_S + SLACK_S)
        assert time.monotonic() - silent_since > LATE_S - 1.0
    assert gone(timed_stack, call.caller.call_id) == {"leg": "A", "why": "not_refreshed"}


def test_too_short_a_session_is_refused_with_the_shortest_that_is_granted(timed_stack: Stack) -> None:
    phone = timed_stack.phone()
    with rawsip.Peer(timed_stack.address) as peer:
        answer = peer.invite(phone, "600", "Supported: timer", "Session-Expires: 2")
    assert answer.status == 422
    assert answer.get("min-se") == "4"


def test_a_phone_that_falls_silent_after_its_call_was_set_up_is_hung_up(
    timed_stack: Stack, timed_sipp: SippRunner
) -> None:
    phone = timed_stack.phone()
    began = time.monotonic()
    run = timed_sipp.run("uac-falls-silent", phone, to="600", EXPIRES=EXPIRES_S)
    assert LATE_S - 1.0 < time.monotonic() - began < LATE_S + 2 * SLACK_S
    assert gone(timed_stack, run.call_id) == {"leg": "A", "why": "not_refreshed"}
