# SPDX-License-Identifier: Apache-2.0
"""An established call outlives the process that set it up: signaling is killed, comes back, and goes on with it."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import audio, rawsip
from tests.attacks.calls import RawCall, raw_call
from tests.live_api import LiveApi
from tests.media_pool import PoolStack
from tests.phones.process import PhoneProcess
from tests.redis_server import RedisServer, redis_process, redis_server  # noqa: F401 - fixtures
from tests.sipp import SippRunner
from tests.stack import Stack, running_stack
from tests.test_audio_calls import CALLEE_HZ, CALLER_HZ, assert_hears, connect, two_phones
from tests.test_drain import longest_silence_s

pytestmark = pytest.mark.e2e

KEPT_S = 1.0
"""After this long, what is needed to go on with a call has been written."""


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose processes may be killed."""
    stack = Stack(tmp_path_factory.mktemp("pickup"), template, env={"MAX_CALLS_PER_USER": "50"})
    try:
        yield stack.start()
    finally:
        stack.stop()


def restart(stack: Stack) -> None:
    """Kill signaling and start it again."""
    stack.kill("runsip")
    stack.run("runsip")


def answer_probes(call: RawCall) -> None:
    """Have both phones answer the OPTIONS that asks whether they are still there."""
    for peer in (call.caller, call.callee):
        peer.reply(next_request(peer, "OPTIONS"), "200 OK")


def next_request(peer: rawsip.Peer, method: str, timeout_s: float = 5.0) -> rawsip.Message:
    """Return the next request of a method; others are left unanswered."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        message = peer.receive(left_s)
        if message and not message.status and message.method == method:
            return message
    raise AssertionError(f"no {method} within {timeout_s} s")


def metadata(row: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a CDR."""
    return dict(json.loads(row["metadata"]))


def test_audio_does_not_stop_and_the_caller_hangs_up_as_ever(own_stack: Stack) -> None:
    with raw_call(own_stack) as call:
        call.talk(KEPT_S)
        own_stack.kill("runsip")
        assert call.flows()
        own_stack.run("runsip")
        assert call.flows()
        answer_probes(call)
        assert call.hang_up().status == 200
    row = own_stack.cdr(call.caller.call_id)
    assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == ("ANSWERED", "caller", "normal")
    assert row["rtp_packets_recv"] > 50 and row["duration_seconds"] >= KEPT_S
    assert len(metadata(row)["picked_up"]) == 1


def test_the_callee_hangs_up_and_the_caller_gets_a_bye_that_fits_its_dialog(own_stack: Stack) -> None:
    with raw_call(own_stack) as call:
        call.talk(KEPT_S)
        restart(own_stack)
        probe = next_request(call.caller, "OPTIONS")
        call.caller.reply(probe, "200 OK")
        bye = call.callee.request(
            "BYE",
            rawsip.target_of(call.invite),
            from_=f"{call.invite.get('to')};tag=callee",
            to=call.invite.get("from"),
            cseq=1,
            call_id=call.invite.get("call-id"),
        )
        call.callee.send(bye)
        at_caller = next_request(call.caller, "BYE")
        call.caller.reply(at_caller, "200 OK")
        assert call.callee.answer("BYE").status == 200
        assert (at_caller.get("from"), at_caller.to_tag) == (call.answered.get("to"), call.caller.tag)
        assert int(at_caller.get("cseq").split()[0]) > int(probe.get("cseq").split()[0])
    row = own_stack.cdr(call.caller.call_id)
    assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == ("ANSWERED", "callee", "normal")


def test_a_bye_that_was_sent_while_nobody_was_there_ends_the_call_when_it_is_repeated(
    own_stack: Stack,
) -> None:
    with raw_call(own_stack) as call:
        call.talk(KEPT_S)
        own_stack.kill("runsip")
        bye = call.caller.in_dialog("BYE", call.answered, cseq=3)
        for _ in range(2):
            with pytest.raises(ConnectionRefusedError):
                call.caller.send(bye)
                time.sleep(0.05)
                call.caller.send(bye)
        own_stack.run("runsip")
        call.caller.send(bye)
        call.callee.reply(next_request(call.callee, "BYE"), "200 OK")
        assert call.caller.answer("BYE").status == 200
    assert own_stack.cdr(call.caller.call_id)["hangup_by"] == "caller"


def test_a_party_puts_the_other_one_on_hold_after_it(own_stack: Stack) -> None:
    with raw_call(own_stack) as call:
        call.talk(KEPT_S)
        restart(own_stack)
        answer_probes(call)
        api = LiveApi(own_stack).ready()
        assert api.call_of(call.number)["rtp_manager"]
        hold = call.caller.sdp(call.caller_rtp.port, mode="sendonly").replace("o=- 1 1", "o=- 1 2")
        call.caller.send(in_dialog_offer(call, hold, cseq=3))
        offer = next_request(call.callee, "INVITE")
        assert "a=sendonly" in offer.body and version_of(offer.body) > version_of(call.invite.body)
        inactive = call.callee.sdp(call.callee_rtp.port, mode="recvonly").replace("o=- 1 1", "o=- 1 2")
        contact = call.callee.contact(call.number)
        call.callee.reply(offer, "200 OK", body=inactive, contact=contact)
        answer = call.caller.answer("INVITE")
        assert answer.status == 200 and "a=recvonly" in answer.body
        assert version_of(answer.body) > version_of(call.answered.body)
        call.caller.ack(call.caller_phone, call.number, answer)
        assert api.call_of(call.number, "held")["held_by"] == ["A"]
        time.sleep(KEPT_S)
        restart(own_stack)
        answer_probes(call)
        assert LiveApi(own_stack).ready().call_of(call.number, "held")["held_by"] == ["A"]
        assert call.hang_up().status == 200
    assert len(metadata(own_stack.cdr(call.caller.call_id))["picked_up"]) == 2


def test_a_phone_that_has_forgotten_the_call_ends_it(own_stack: Stack) -> None:
    with raw_call(own_stack) as call:
        call.talk(KEPT_S)
        restart(own_stack)
        call.callee.reply(next_request(call.callee, "OPTIONS"), "481 Call/Transaction Does Not Exist")
        call.caller.reply(next_request(call.caller, "BYE"), "200 OK")
    row = own_stack.cdr(call.caller.call_id)
    assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == ("ANSWERED", "system", "timeout")


def test_without_its_media_a_call_is_hung_up_and_its_record_says_that_it_was_cut_off(
    own_stack: Stack,
) -> None:
    with raw_call(own_stack) as call:
        call.talk(KEPT_S)
        own_stack.kill("runsip")
        own_stack.kill("runrtp")
        own_stack.run("runrtp")
        own_stack.run("runsip")
        for peer in (call.caller, call.callee):
            peer.reply(next_request(peer, "BYE"), "200 OK")
    row = own_stack.cdr(call.caller.call_id)
    assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == ("ANSWERED", "system", "error")
    assert metadata(row) == {"cut_off": True}


def test_a_crash_loop_does_not_bring_a_call_back_for_ever(own_stack: Stack) -> None:
    with raw_call(own_stack) as call:
        call.talk(KEPT_S)
        for _ in range(4):
            restart(own_stack)
    row = own_stack.cdr(call.caller.call_id)
    assert row["hangup_cause"] == "error"
    assert len(metadata(row)["picked_up"]) == 3 and metadata(row)["cut_off"]


def test_a_call_that_rang_at_the_moment_of_the_crash_is_reported_as_cut_off(own_stack: Stack) -> None:
    phone = own_stack.phone()
    with rawsip.Peer(own_stack.address) as caller, rawsip.Peer(own_stack.address) as callee:
        called = own_stack.phone()
        callee.register(called)
        caller.send(caller.invite_request(phone, called.username))
        challenge = caller.answer("INVITE")
        caller.ack(phone, called.username, challenge)
        credentials = rawsip.authorization(
            challenge, phone, "INVITE", f"sip:{called.username}@{called.domain}"
        )
        invite = caller.invite_request(phone, called.username, credentials, cseq=2)
        caller.send(invite)
        callee.reply(next_request(callee, "INVITE"), "180 Ringing", tag="callee")
        time.sleep(KEPT_S)
        restart(own_stack)
        row = own_stack.cdr(caller.call_id)
        assert (row["disposition"], row["hangup_cause"]) == ("FAILED", "error")
        cancel = invite.replace("INVITE sip", "CANCEL sip").replace("2 INVITE", "2 CANCEL")
        caller.send(cancel)
        assert caller.answer("CANCEL").status == 481


def test_a_limit_of_calls_counts_those_that_were_picked_up(own_stack: Stack) -> None:
    with raw_call(own_stack, caller="3002") as call:
        call.talk(KEPT_S)
        restart(own_stack)
        answer_probes(call)
        with rawsip.Peer(own_stack.address) as other:
            assert other.invite(call.caller_phone, "600").status == 486
        assert call.hang_up().status == 200


def test_twenty_calls_of_phones_go_on(own_stack: Stack, tmp_path: Path) -> None:
    sipp = SippRunner(own_stack, tmp_path)
    many = ("-aa", "-m", "20", "-r", "20")
    try:
        callee = own_stack.phone()
        sipp.register(callee)
        sipp.start("uas-answers", callee, options=many)
        calls = sipp.start(
            "uac-call-answered", own_stack.phone(), to=callee.username, options=(*many, "-d", "20000")
        )
        own_stack.wait_until(lambda: calls.messages().count("ACK sip:") >= 40, 10, "the answers")
        time.sleep(KEPT_S)
        restart(own_stack)
        api = LiveApi(own_stack).ready()
        assert len(api.calls(number=callee.username)) == 20
        sipp.wait_all()
        own_stack.wait_until(lambda: len(own_stack.cdrs(calls.call_id)) == 20, 10, "the CDRs")
        for row in own_stack.cdrs(calls.call_id):
            assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == (
                "ANSWERED",
                "caller",
                "normal",
            )
            assert len(metadata(row)["picked_up"]) == 1
        assert api.get("sessions")["sessions"] == []
    finally:
        sipp.stop()


def test_the_echo_goes_on(own_stack: Stack, tmp_path: Path) -> None:
    with PhoneProcess(own_stack, own_stack.phone(), 440.0, tmp_path) as phone:
        phone.order("call", number="600")
        call_id = phone.wait_for("call_established")["call_id"]
        time.sleep(KEPT_S)
        restart(own_stack)
        time.sleep(2.0)
        assert audio.strongest_tone(phone.heard()[-audio.RATE_HZ :]).frequency_hz == pytest.approx(440, abs=2)
        phone.order("hangup")
        phone.wait_for("call_closed")
    row = own_stack.cdr(call_id)
    assert (row["hangup_by"], len(metadata(row)["picked_up"])) == ("caller", 1)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("who", ["caller", "callee"])
def test_two_phones_hear_each_other_all_the_time_and_hang_up(
    own_stack: Stack, tmp_path: Path, transport: str, who: str
) -> None:
    with (
        PhoneProcess(own_stack, own_stack.phone(), 440.0, tmp_path, transport=transport) as caller,
        PhoneProcess(own_stack, own_stack.phone(), 523.0, tmp_path, transport=transport) as callee,
    ):
        caller.order("call", number=callee.phone.username)
        callee.wait_for("incoming")
        callee.order("answer")
        callee.wait_for("call_established")
        call_id = caller.wait_for("call_established")["call_id"]
        time.sleep(KEPT_S)
        started = len(caller.heard())
        restart(own_stack)
        if transport == "tcp":
            for phone in (caller, callee):
                phone.order("register")
                phone.wait_for("registered")
        time.sleep(1.0)
        heard = caller.heard()[started:]
        assert longest_silence_s(heard) < 0.2
        assert audio.strongest_tone(heard[-audio.RATE_HZ :]).frequency_hz == pytest.approx(523, abs=2)
        {"caller": caller, "callee": callee}[who].order("hangup")
        caller.wait_for("call_closed", 20)
        callee.wait_for("call_closed", 20)
    row = own_stack.cdr(call_id)
    assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == ("ANSWERED", who, "normal")


def test_a_stop_keeps_calls_for_the_next_process_when_it_is_told_so(template: Path, tmp_path: Path) -> None:
    with running_stack(tmp_path, template, CALLS_ON_STOP="keep") as stack:
        with raw_call(stack) as call:
            call.talk(0.1)
            assert stack.kill("runsip", signal.SIGTERM) == 0
            assert call.flows()
            stack.run("runsip")
            answer_probes(call)
            assert call.hang_up().status == 200
        assert stack.cdr(call.caller.call_id)["hangup_by"] == "caller"


def test_no_call_goes_on_when_that_is_switched_off(template: Path, tmp_path: Path) -> None:
    with running_stack(tmp_path, template, CALL_PICKUP_S="0") as stack, raw_call(stack) as call:
        call.talk(KEPT_S)
        restart(stack)
        row = stack.cdr(call.caller.call_id)
        assert (row["disposition"], row["hangup_by"], row["hangup_cause"]) == ("ANSWERED", "system", "error")
        assert call.hang_up().status == 481


@pytest.mark.redis
def test_a_node_that_lost_its_disk_finds_its_calls_in_redis(
    template: Path,
    tmp_path: Path,
    redis_server: RedisServer,  # noqa: F811
) -> None:
    with running_stack(tmp_path, template, REDIS_ADDR=redis_server.address) as stack:
        with raw_call(stack) as call:
            call.talk(KEPT_S)
            stack.kill("runsip")
            shutil.rmtree(stack.var / "journal")
            stack.run("runsip")
            answer_probes(call)
            assert call.flows()
            assert call.hang_up().status == 200
        row = stack.cdr(call.caller.call_id)
        assert (row["disposition"], row["hangup_by"]) == ("ANSWERED", "caller")
        stack.wait_until(lambda: not redis_server.client().keys("call*:*"), 5, "the end of it in Redis")


@pytest.mark.redis
def test_what_redis_holds_of_a_call_that_ended_brings_it_not_back(
    template: Path,
    tmp_path: Path,
    redis_server: RedisServer,  # noqa: F811
) -> None:
    with running_stack(tmp_path, template, REDIS_ADDR=redis_server.address) as stack:
        with raw_call(stack) as call:
            call.talk(KEPT_S)
            redis = redis_server.client()
            stack.wait_until(lambda: len(redis.keys("call*:*")) == 2, 5, "the call in Redis")
            with redis_server.frozen():
                assert call.hang_up().status == 200
                stack.kill("runsip")
            stack.run("runsip")
        assert stack.cdr(call.caller.call_id)["hangup_by"] == "caller"
        assert LiveApi(stack).ready().calls() == []


def test_a_call_that_was_picked_up_moves_to_another_rtp_manager_and_is_picked_up_there(
    pool: PoolStack, tmp_path: Path
) -> None:
    def drain_state() -> str:
        return str(pool.command("drain_status", node_id="rtp-1")["state"])

    pool.start("rtp-1")
    with two_phones(pool, tmp_path) as (caller, callee):
        call_id = connect(caller, callee)
        time.sleep(KEPT_S)
        restart(pool)
        pool.start_media("rtp-2", wait_healthy=True)
        pool.command("drain", node_id="rtp-1")
        pool.wait_until(lambda: drain_state() == "disabled", 10, "the end of the drain")
        time.sleep(KEPT_S)
        restart(pool)
        pool.kill("rtp-1")
        time.sleep(2.0)
        assert_hears(callee.heard(), CALLER_HZ)
        assert_hears(caller.heard(), CALLEE_HZ)
        callee.order("hangup")
        caller.wait_for("call_closed")
    row = pool.cdr(call_id)
    assert (row["rtp_manager"], row["hangup_by"], row["hangup_cause"]) == ("rtp-2", "callee", "normal")
    assert row["rtp_packets_recv"] == pytest.approx(50 * row["duration_seconds"], rel=0.15)
    told = metadata(row)
    assert (len(told["picked_up"]), [each["to"] for each in told["media_moves"]]) == (2, ["rtp-2"])


def in_dialog_offer(call: RawCall, sdp: str, *, cseq: int) -> str:
    """Return a re-INVITE of the caller."""
    return call.caller.request(
        "INVITE",
        rawsip.target_of(call.answered),
        from_=call.answered.get("from"),
        to=call.answered.get("to"),
        cseq=cseq,
        call_id=call.answered.get("call-id"),
        headers=(call.caller.contact(call.caller_phone.username), f"Content-Type: {rawsip.SDP_TYPE}"),
        body=sdp,
    )


def version_of(sdp: str) -> int:
    """Return the version in o=."""
    return int(sdp.split("o=", 1)[1].split()[2])
