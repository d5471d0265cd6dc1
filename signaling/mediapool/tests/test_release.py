# SPDX-License-Identifier: Apache-2.0
"""Releasing the sessions of several calls together."""

import asyncio

import pytest

from media.control.gen import rtpmanager_pb2 as pb
from signaling.mediapool import release as releases
from signaling.mediapool.batches import MAX_BATCH_REQUESTS
from signaling.mediapool.release import release


class CountingNode:
    """Answers each release with as many packets as its session's name says."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def execute(self, *requests: pb.DestroySessionRequest) -> asyncio.Future[list[object]]:
        self.batches.append([request.session_id for request in requests])
        future = asyncio.get_running_loop().create_future()
        future.set_result(
            [
                pb.DestroySessionReply(stats=pb.SessionStats(packets_received=int(request.session_id)))
                for request in requests
            ]
        )
        return future


async def test_calls_that_end_together_share_a_batch_and_get_their_own_counters():
    node = CountingNode()
    first, second = release(node, ["1", "2"]), release(node, ["3"])
    counted = [[reply.stats.packets_received for reply in await future] for future in (first, second)]
    assert counted == [[1, 2], [3]]
    assert node.batches == [["1", "2", "3"]]


async def test_a_call_that_ends_later_gets_a_batch_of_its_own():
    node = CountingNode()
    await release(node, ["1"])
    await release(node, ["2"])
    assert node.batches == [["1"], ["2"]]


async def test_a_caller_that_gave_up_waiting_disturbs_nobody():
    node = CountingNode()
    gone, there = release(node, ["1"]), release(node, ["2"])
    gone.cancel()
    assert [reply.stats.packets_received for reply in await there] == [2]


async def test_the_end_of_a_call_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(releases, "WAIT_S", 0.001)
    node = CountingNode()
    node.execute = lambda *requests: asyncio.get_running_loop().create_future()
    for future in (release(node, ["1"]), release(node, ["2"])):
        with pytest.raises(TimeoutError):
            await future


async def test_hundreds_of_calls_that_end_at_once_are_spread_over_batches_that_an_rtp_manager_accepts():
    node = CountingNode()
    futures = [release(node, [str(2 * call), str(2 * call + 1)]) for call in range(500)]
    counted = [[reply.stats.packets_received for reply in await future] for future in futures]
    assert counted == [[2 * call, 2 * call + 1] for call in range(500)]
    assert max(map(len, node.batches)) <= MAX_BATCH_REQUESTS
    assert len(node.batches) == 8
