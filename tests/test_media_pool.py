# SPDX-License-Identifier: Apache-2.0
"""RTP managers that are killed, frozen or full: calls go on, and new ones do not notice."""

from __future__ import annotations

import time

import grpc
import pytest

from media.control.gen import rtpmanager_pb2 as pb
from media.control.gen.rtpmanager_pb2_grpc import RTPManagerServiceStub
from tests.media_pool import ManyCalls, PoolStack, talking
from tests.rtp_bank import RtpBank
from tests.sipp import Sipp, SippRunner

pytestmark = pytest.mark.e2e

CALLS = 4
GAP_S = 3.0
"""Until the loss of an RTP manager is noticed and both phones have followed to another one."""


def ends(pool: PoolStack, run: Sipp, count: int) -> set[tuple[str, str]]:
    """Return where the calls of one SIPp ended, and why."""
    pool.wait_until(lambda: len(pool.cdrs(run.call_id)) == count, 10, "all records")
    return {(row["rtp_manager"], row["hangup_cause"]) for row in pool.cdrs(run.call_id)}


def take_a_session(port: int) -> None:
    """Make a session in the RTP manager with this gRPC port, so that a call less has room."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = pb.CreateSessionRequest(request_id="1", session_id="taken", signaling_ip="127.0.0.1")
        RTPManagerServiceStub(channel).CreateSession(request)


def test_calls_outlive_an_rtp_manager_that_is_killed(pool: PoolStack, pool_sipp: SippRunner) -> None:
    pool.start("rtp-1")
    with RtpBank(2 * CALLS + 1) as bank:
        calls = ManyCalls(pool, pool_sipp, bank)
        run = calls.call(calls.callee(CALLS).username, CALLS, talk_s=5)
        echo = calls.call("600", 1, talk_s=5)
        talking(pool, bank)
        pool.start_media("rtp-2", wait_healthy=True)
        bank.reset()
        pool.kill("rtp-1")
        pool.wait_until(lambda: all(line.moves == 2 for line in bank.lines), 10, "both parties of all calls")
        talking(pool, bank)
        gap_s = max(line.longest_gap_s for line in bank.lines)
        print(f"\nlongest audio gap after the kill: {gap_s * 1000:.0f} ms")
        assert gap_s < GAP_S
        run.wait()
        echo.wait()
    assert ends(pool, run, CALLS) == ends(pool, echo, 1) == {("rtp-2", "normal")}


def test_calls_come_back_with_the_only_rtp_manager(pool: PoolStack, pool_sipp: SippRunner) -> None:
    pool.start("rtp-1")
    with RtpBank(2) as bank:
        calls = ManyCalls(pool, pool_sipp, bank)
        run = calls.call(calls.callee(1).username, 1, talk_s=8)
        talking(pool, bank)
        pool.kill("rtp-1")
        pool.start_media("rtp-1")
        talking(pool, bank, 15)
        run.wait()
    assert ends(pool, run, 1) == {("rtp-1", "normal")}


def test_calls_end_when_no_rtp_manager_comes_back(pool: PoolStack, pool_sipp: SippRunner) -> None:
    pool._extra_env["MEDIA_RECOVERY_S"] = "1"
    pool.start("rtp-1")
    with RtpBank(2) as bank:
        calls = ManyCalls(pool, pool_sipp, bank)
        run = calls.call(calls.callee(1).username, 1, talk_s=30)
        talking(pool, bank)
        pool.kill("rtp-1")
        run.wait()
    assert ends(pool, run, 1) == {("rtp-1", "media_error")}


@pytest.mark.parametrize("trouble", ["frozen", "full"])
def test_new_calls_do_not_notice_an_rtp_manager_in_trouble(
    pool: PoolStack, pool_sipp: SippRunner, trouble: str
) -> None:
    full = {"RTP_PORT_MIN": str(pool.ports.rtp_min), "RTP_PORT_MAX": str(pool.ports.rtp_min + 3)}
    pool.start("rtp-2")
    pool.start_media("rtp-1", wait_healthy=True, **(full if trouble == "full" else {}))
    if trouble == "frozen":
        pool.freeze("rtp-1")
    else:
        take_a_session(pool.blocks[0].grpc)
    with RtpBank(2 * CALLS) as bank:
        calls = ManyCalls(pool, pool_sipp, bank)
        callee = calls.callee(CALLS)
        started = time.monotonic()
        run = calls.call(callee.username, CALLS, talk_s=2)
        talking(pool, bank)
        print(f"\nall calls talk after {time.monotonic() - started:.1f} s, one RTP manager is {trouble}")
        run.wait()
    assert ends(pool, run, CALLS) == {("rtp-2", "normal")}
