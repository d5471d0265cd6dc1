# SPDX-License-Identifier: Apache-2.0
"""Recorded calls, listened to: who is heard on which side, for how long, and what survives which loss."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import audio, recorded
from tests.live_api import LiveApi
from tests.media_pool import PoolStack
from tests.phones.process import PhoneProcess
from tests.stack import DOMAIN, Stack
from tests.test_audio_calls import CALLEE_HZ, CALLER_HZ, connect, two_phones

pytestmark = pytest.mark.e2e

TALK_S = 3.0


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose processes may be killed, and whose route records calls to users."""
    stack = Stack(tmp_path_factory.mktemp("recordings"), template)
    actions = [{"type": "record", "params": {}}]
    dial = {"type": "dial", "params": {"target": "user/${destination}", "timeout": 20}}
    stack.seed(
        {
            "routes": [
                {"id": "recorded-users", "pattern": "2???", "priority": 1, "actions": [*actions, dial]},
                {
                    "id": "recorded-echo",
                    "pattern": "601",
                    "actions": [*actions, {"type": "echo", "params": {}}],
                },
            ]
        }
    )
    try:
        yield stack.start()
    finally:
        stack.stop()


def hang_up(*phones: PhoneProcess) -> None:
    """Have the first phone hang up."""
    phones[0].order("hangup")
    for phone in phones:
        phone.wait_for("call_closed")


def middle(signal: audio.Signal) -> audio.Signal:
    """Return the last second but the last half second: both talk there."""
    return signal[-3 * audio.RATE_HZ // 2 : -audio.RATE_HZ // 2]


def test_the_caller_is_on_the_left_and_the_callee_on_the_right(own_stack: Stack, tmp_path: Path) -> None:
    with two_phones(own_stack, tmp_path) as (caller, callee):
        call_id = connect(caller, callee)
        time.sleep(TALK_S)
        hang_up(caller, callee)
    (row,) = recorded.rows(own_stack, call_id)
    assert (row["state"], row["detail"]) == ("complete", "")
    path = recorded.path_of(own_stack, row)
    assert path.stat().st_size == row["size_bytes"]
    sides = recorded.read(path)
    cdr = own_stack.cdr(call_id)
    assert sides.length_s == pytest.approx(cdr["duration_seconds"], abs=recorded.UNEVEN_S)
    assert row["duration_ms"] == pytest.approx(sides.length_s * 1000, abs=1)
    recorded.assert_tone(middle(sides.left), CALLER_HZ, CALLEE_HZ)
    recorded.assert_tone(middle(sides.right), CALLEE_HZ, CALLER_HZ)
    assert "recordings" not in cdr["metadata"]


def test_a_caller_who_talks_to_this_server_is_recorded_too(own_stack: Stack, tmp_path: Path) -> None:
    with PhoneProcess(own_stack, own_stack.phone(), CALLER_HZ, tmp_path) as phone:
        phone.order("call", number="601")
        call_id = phone.wait_for("call_established")["call_id"]
        time.sleep(TALK_S)
        hang_up(phone)
    (row,) = recorded.rows(own_stack, call_id)
    sides = recorded.read(recorded.path_of(own_stack, row))
    for side in sides:
        recorded.assert_tone(middle(side), CALLER_HZ, CALLEE_HZ)


def test_an_operator_begins_and_ends_a_recording_in_a_call(own_stack: Stack, tmp_path: Path) -> None:
    api = LiveApi(own_stack).ready()
    with PhoneProcess(own_stack, own_stack.phone(), CALLER_HZ, tmp_path) as phone:
        phone.order("call", number="600")
        call_id = phone.wait_for("call_established")["call_id"]
        api.call_of("600", "answered")
        for _ in range(2):
            assert api.request("POST", f"calls/{call_id}/recording").status_code == 202
            time.sleep(1.5)
            assert api.request("DELETE", f"calls/{call_id}/recording").status_code == 202
            time.sleep(0.3)
        hang_up(phone)
    first, second = recorded.rows(own_stack, call_id)
    for row in (first, second):
        assert row["state"] == "complete"
        assert row["duration_ms"] == pytest.approx(1500, abs=1000 * recorded.UNEVEN_S)


def test_every_call_of_an_account_that_wants_it_is_recorded(own_stack: Stack, tmp_path: Path) -> None:
    own_stack.seed({"accounts": [{"domain": DOMAIN, "record_calls": True}]})
    time.sleep(1.5)
    try:
        with PhoneProcess(own_stack, own_stack.phone(), CALLER_HZ, tmp_path) as phone:
            phone.order("call", number="600")
            call_id = phone.wait_for("call_established")["call_id"]
            time.sleep(1.0)
            hang_up(phone)
    finally:
        own_stack.seed({"accounts": [{"domain": DOMAIN, "record_calls": False}]})
    assert [row["state"] for row in recorded.rows(own_stack, call_id)] == ["complete"]


def test_a_recording_goes_on_while_signaling_is_killed_and_comes_back(
    own_stack: Stack, tmp_path: Path
) -> None:
    with two_phones(own_stack, tmp_path) as (caller, callee):
        call_id = connect(caller, callee)
        time.sleep(1.5)
        own_stack.kill("runsip")
        time.sleep(1.0)
        own_stack.run("runsip")
        time.sleep(2.0)
        hang_up(caller, callee)
    (row,) = recorded.rows(own_stack, call_id)
    assert row["state"] == "complete"
    sides = recorded.read(recorded.path_of(own_stack, row))
    duration_s = own_stack.cdr(call_id)["duration_seconds"]
    assert sides.length_s == pytest.approx(duration_s, abs=recorded.UNEVEN_S) and duration_s > 4
    recorded.assert_tone(middle(sides.left), CALLER_HZ, CALLEE_HZ)
    recorded.assert_tone(middle(sides.right), CALLEE_HZ, CALLER_HZ)


def test_what_was_recorded_can_be_played_after_the_rtp_manager_was_killed(
    own_stack: Stack, tmp_path: Path
) -> None:
    with two_phones(own_stack, tmp_path) as (caller, callee):
        call_id = connect(caller, callee)
        time.sleep(TALK_S + 1)
        own_stack.kill("runrtp")
        own_stack.run("runrtp")
        time.sleep(TALK_S + 1)
        hang_up(caller, callee)
    first, second = recorded.rows(own_stack, call_id)
    assert (first["state"], first["duration_ms"]) == ("interrupted", None)
    assert "lost" in first["detail"]
    assert second["state"] == "complete"
    for row in (first, second):
        sides = recorded.read(recorded.path_of(own_stack, row))
        assert sides.length_s > 2
        recorded.assert_tone(middle(sides.left), CALLER_HZ, CALLEE_HZ)
        recorded.assert_tone(middle(sides.right), CALLEE_HZ, CALLER_HZ)


def test_a_drain_to_another_rtp_manager_begins_a_second_part(pool: PoolStack, tmp_path: Path) -> None:
    record = {"type": "record", "params": {}}
    dial = {"type": "dial", "params": {"target": "user/${destination}", "timeout": 20}}
    pool.seed({"routes": [{"id": "recorded", "pattern": "2???", "priority": 0, "actions": [record, dial]}]})
    pool.start("rtp-1")
    with two_phones(pool, tmp_path) as (caller, callee):
        call_id = connect(caller, callee)
        pool.start_media("rtp-2", wait_healthy=True)
        time.sleep(TALK_S)
        pool.command("drain", node_id="rtp-1")
        pool.wait_until(
            lambda: pool.command("drain_status", node_id="rtp-1")["state"] == "disabled",
            10,
            "the end of the drain",
        )
        time.sleep(TALK_S)
        hang_up(caller, callee)
    parts = recorded.rows(pool, call_id)
    assert [(row["state"], row["rtp_manager"]) for row in parts] == [
        ("complete", "rtp-1"),
        ("complete", "rtp-2"),
    ]
    sides = [recorded.read(recorded.path_of(pool, row)) for row in parts]
    for both in sides:
        recorded.assert_tone(middle(both.left), CALLER_HZ, CALLEE_HZ)
        recorded.assert_tone(middle(both.right), CALLEE_HZ, CALLER_HZ)
    total_s = sum(both.length_s for both in sides)
    assert total_s == pytest.approx(pool.cdr(call_id)["duration_seconds"], abs=2 * recorded.UNEVEN_S)
