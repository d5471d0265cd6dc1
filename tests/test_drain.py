# SPDX-License-Identifier: Apache-2.0
"""RTP managers that are drained while phones talk through them."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from signaling.live.commands import CommandRefused
from tests.audio import RATE_HZ, Signal, level_dbfs
from tests.drain_scenario import run_drain
from tests.media_pool import ManyCalls, PoolStack, talking
from tests.rtp_bank import RtpBank
from tests.sipp import SippRunner
from tests.test_audio_calls import CALLEE_HZ, CALLER_HZ, assert_hears, connect, two_phones

pytestmark = pytest.mark.e2e

CALLS, PROMPTS = 50, 5
ECHOES = PROMPTS // 2
"""Of the prompts, those that are followed by an echo: their calls move after the prompt, the others end with it."""
SHORT_GAP_MS = 200.0
"""What a phone's jitter buffer and concealment can cover."""


def status(pool: PoolStack) -> dict:
    return pool.command("drain_status", node_id="rtp-1")


def test_a_drain_moves_calls_waits_for_prompts_and_loses_nobody(
    pool: PoolStack, pool_sipp: SippRunner
) -> None:
    figures = run_drain(pool, pool_sipp, calls=CALLS, prompts=PROMPTS)
    print("\n" + "\n".join(f"{name}: {value}" for name, value in figures.rows().items()))
    begun, last = figures.statuses[0], figures.statuses[-1]
    assert begun["total_sessions"] == last["total_sessions"] == 2 * CALLS + PROMPTS
    assert max(each["waiting_playback"] for each in figures.statuses[1:]) == PROMPTS
    assert (last["migrated_count"], last["failed_count"]) == (2 * CALLS + ECHOES, 0)
    assert last["ended_count"] == PROMPTS - ECHOES
    assert (last["state"], last["remaining_sessions"], last["errors"]) == ("disabled", 0, [])
    assert figures.targets.keys() == {"rtp-2", "rtp-3"}
    assert all(row["disposition"] == "ANSWERED" for row in figures.cdrs)
    assert {row["hangup_cause"] for row in figures.cdrs} == {"normal"}
    moved = [row for row in figures.cdrs if row["metadata"]]
    assert len(moved) == CALLS + ECHOES
    assert all(row["metadata"]["media_moves"][0]["from"] == "rtp-1" for row in moved)
    counted = sum(row["rtp_packets_recv"] for row in moved if row["callee_user_id"])
    assert counted == pytest.approx(figures.heard, rel=0.01)
    assert figures.missing_ms <= SHORT_GAP_MS
    assert figures.gap_ms <= figures.own_pause_ms + SHORT_GAP_MS


def test_a_phone_that_refuses_keeps_its_call_where_it_is_or_loses_it(
    pool: PoolStack, pool_sipp: SippRunner
) -> None:
    pool.start("rtp-1")
    with RtpBank(4) as bank:
        calls = ManyCalls(pool, pool_sipp, bank)
        callees = [calls.callee(1, status="488 Not Acceptable Here").username for _ in range(2)]
        first = calls.call(callees[0], 1, talk_s=4)
        second = calls.call(callees[1], 1, talk_s=60)
        talking(pool, bank)
        pool.start_media("rtp-2", wait_healthy=True)
        pool.command("drain", node_id="rtp-1")
        pool.wait_until(lambda: status(pool)["failed_count"] == 4, 10, "both refusals")
        shown = status(pool)
        assert (shown["state"], shown["migrated_count"], shown["remaining_sessions"]) == ("draining", 0, 4)
        assert (
            sorted(error.split(": ", 1)[1] for error in shown["errors"])
            == ["leg B refused: 488 Not Acceptable Here"] * 2
        )
        talking(pool, bank)
        with pytest.raises(CommandRefused):
            pool.command("drain", node_id="rtp-1")
        first.wait()
        assert pool.cdr(first.call_id)["hangup_cause"] == "normal"
        pool.command("cancel_drain", node_id="rtp-1")
        pool.command("drain", node_id="rtp-1", mode="aggressive")
        pool.wait_until(lambda: status(pool)["state"] == "disabled", 10, "the end of the drain")
        ended = pool.cdr(second.call_id)
        assert (ended["disposition"], ended["hangup_by"]) == ("ANSWERED", "system")
        assert ended["hangup_cause"] == "media_error"
    pool.command("cancel_drain", node_id="rtp-1")
    assert pool.manager("rtp-1")["drain_state"] == "active"


@pytest.mark.parametrize("asks", [False, True])
def test_an_rtp_manager_that_is_told_to_stop_has_its_calls_taken_away(
    pool: PoolStack, pool_sipp: SippRunner, asks: bool
) -> None:
    """Whether it asks signaling for that, by REST, or signaling hears of it from its health."""
    api = {"SIGNALING_API_URL": f"http://127.0.0.1:{pool.ports.api}"} if asks else {}
    pool.start()
    pool.start_media("rtp-1", wait_healthy=True, **api)
    with RtpBank(8) as bank:
        calls = ManyCalls(pool, pool_sipp, bank)
        run = calls.call(calls.callee(4).username, 4, talk_s=4)
        talking(pool, bank)
        pool.start_media("rtp-2", wait_healthy=True)
        pool.wait_until(lambda: pool.rest("GET", "health")[0] == 200, 20, "REST")
        bank.reset()
        started = time.monotonic()
        assert pool.kill("rtp-1", signal.SIGTERM) == 0
        print(f"\nSIGTERM to the end of the process: {time.monotonic() - started:.1f} s")
        _, shown = pool.rest("GET", "rtpmanagers/rtp-1/drain")
        assert (shown["state"], shown["migrated_count"]) == ("disabled", 8)
        talking(pool, bank)
        assert max(line.longest_loss for line in bank.lines) * 20 <= SHORT_GAP_MS
        run.wait()
    pool.wait_until(lambda: len(pool.cdrs(run.call_id)) == 4, 10, "all records")
    ends = {(row["rtp_manager"], row["hangup_cause"]) for row in pool.cdrs(run.call_id)}
    assert ends == {("rtp-2", "normal")}
    assert "does not take the calls away" not in (pool.var / "rtp-1.log").read_text()


def test_the_drain_is_ordered_watched_and_cancelled_by_rest(pool: PoolStack) -> None:
    pool.start("rtp-1")
    pool.wait_until(lambda: pool.rest("GET", "health")[0] == 200, 20, "REST")
    begun = pool.rest("POST", "rtpmanagers/rtp-1/drain?mode=graceful")
    assert begun[0] == 202
    assert begun[1].keys() == {"message", "node_id", "mode", "total_sessions"}
    pool.wait_until(lambda: status(pool)["state"] == "disabled", 5, "the end of the drain")
    assert pool.rest("POST", "rtpmanagers/rtp-1/drain")[0] == 409
    assert pool.rest("POST", "rtpmanagers/rtp-1/drain?mode=quick")[0] == 400
    assert pool.rest("POST", "rtpmanagers/rtp-9/drain")[0] == 404
    code, shown = pool.rest("GET", "rtpmanagers/rtp-1/drain")
    assert (code, shown["state"], shown["mode"]) == (200, "disabled", "graceful")
    assert pool.rest("DELETE", "rtpmanagers/rtp-1/drain")[0] == 200
    (member,) = [row for row in pool.rest("GET", "rtpmanagers")[1]["members"] if row["node_id"] == "rtp-1"]
    assert (member["drain_state"], member["healthy"]) == ("active", True)


def test_softphones_follow_and_hear_each_other_all_the_time(pool: PoolStack, tmp_path: Path) -> None:
    pool.start("rtp-1")
    with two_phones(pool, tmp_path) as (caller, callee):
        call_id = connect(caller, callee)
        pool.start_media("rtp-2", wait_healthy=True)
        time.sleep(1)
        pool.command("drain", node_id="rtp-1")
        pool.wait_until(lambda: status(pool)["state"] == "disabled", 10, "the end of the drain")
        assert status(pool)["migrated_count"] == 2
        pool.kill("rtp-1")
        time.sleep(2)
        assert_hears(callee.heard(), CALLER_HZ)
        assert_hears(caller.heard(), CALLEE_HZ)
        for phone in (caller, callee):
            assert longest_silence_s(phone.heard()[-4 * RATE_HZ :]) < SHORT_GAP_MS / 1000
        caller.order("hangup")
        caller.wait_for("call_closed")
    assert pool.cdr(call_id)["rtp_manager"] == "rtp-2"


def longest_silence_s(signal: Signal) -> float:
    """Return the longest stretch in which nothing is heard, in steps of 10 ms."""
    step = RATE_HZ // 100
    longest = run = 0
    for start in range(0, len(signal) - step, step):
        run = run + 1 if level_dbfs(signal[start : start + step]) < -40 else 0
        longest = max(longest, run)
    return longest / 100
