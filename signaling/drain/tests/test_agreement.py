# SPDX-License-Identifier: Apache-2.0
"""Signaling nodes that share a real RTP manager: a drain ordered at one is known to all, and outlives them."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from media.control.gen import rtpmanager_pb2 as pb
from media.control.results import DrainWish
from media.control.tests.harness import Served, until
from signaling.drain import DrainController, DrainMode
from signaling.mediapool import DrainState, MediaError, MediaNode, MediaPool

ACTIVE, DISABLED = DrainState.ACTIVE, DrainState.DISABLED


class Signaling:
    """A signaling node without calls."""

    def __init__(self, served: Served) -> None:
        self.pool = MediaPool([("rtp", served.target)], health_s=0.05)
        self.drains = DrainController(self.pool, lambda: ())

    @property
    def node(self) -> MediaNode:
        return self.pool.nodes[0]

    @property
    def state(self) -> DrainState:
        return self.node.drain_state


@contextlib.asynccontextmanager
async def running(served: Served) -> AsyncIterator[Signaling]:
    made = Signaling(served)
    await made.pool.start()
    try:
        await until(lambda: made.node.healthy)
        yield made
    finally:
        await made.drains.stop()
        await made.pool.stop()


@pytest.fixture
async def served():
    async with Served() as made:
        yield made


@pytest.mark.parametrize("mode", DrainMode)
async def test_a_drain_ordered_at_one_signaling_node_is_carried_out_by_all(served, mode):
    async with running(served) as one, running(served) as other:
        one.drains.drain("rtp", mode, "alice")
        await until(lambda: one.state is DISABLED and other.state is DISABLED)
        assert other.drains.status("rtp").mode is mode
        other.drains.cancel("rtp")
        await until(lambda: one.state is ACTIVE and other.state is ACTIVE)


async def test_a_signaling_node_that_is_started_again_leaves_a_drained_rtp_manager_alone(served):
    async with running(served) as before:
        before.drains.drain("rtp")
        await until(lambda: served.server.manager.admission.wish is DrainWish.GRACEFUL)
    async with running(served) as after:
        assert not after.node.standing.takes_sessions
        await until(lambda: after.state is DISABLED)


async def test_an_rtp_manager_that_is_started_again_is_in_use(served):
    async with running(served) as one:
        one.drains.drain("rtp")
        await until(lambda: one.state is DISABLED)
        port = served.server.port
        await served.server.stop()
        fresh = Served(grpc_port=port)
        await fresh.server.start()
        try:
            await until(lambda: one.node.boot_id == fresh.server.manager.boot_id)
            await until(lambda: one.node.healthy)
            assert one.state is ACTIVE
            assert fresh.server.manager.admission.wish is DrainWish.NONE
        finally:
            await fresh.server.stop()


async def test_what_an_rtp_manager_could_not_be_told_is_told_again(served, monkeypatch):
    async with running(served) as one:
        refused = [0]
        real = served.server.manager.admission.wishes

        def fails_once(wish: DrainWish) -> None:
            refused[0] += 1
            if refused[0] < 3:
                raise RuntimeError("not now")
            real(wish)

        monkeypatch.setattr(served.server.manager.admission, "wishes", fails_once)
        one.drains.drain("rtp")
        await until(lambda: served.server.manager.admission.wish is DrainWish.GRACEFUL)
        assert one.state is DISABLED


async def test_a_drain_of_one_that_stops_is_not_taken_for_a_wish(served):
    async with running(served) as one:
        served.server.manager.admission.is_draining = True
        await until(lambda: one.state is DISABLED)
        for _ in range(3):
            one.node._probe_now.set()
            await until(lambda: not one.node._probe_now.is_set())
        assert one.state is DISABLED


async def test_a_wish_that_is_none_is_refused(served):
    async with running(served) as one:
        (answer,) = await one.node.execute(pb.SetDrainRequest(wish=9))
        assert isinstance(answer, MediaError)
        assert "wish" in answer.detail
