# SPDX-License-Identifier: Apache-2.0
"""A media node against real gRPC servers that come, go and come back."""

import asyncio
import contextlib

import pytest

from media.control.errors import ErrorCode, MediaError, Reason
from media.control.gen import rtpmanager_pb2 as pb
from media.control.tests.descriptions import sdp
from media.control.tests.harness import Served, until
from signaling.mediapool import DrainState, MediaNode, NodeLost

CALLER_IP = "198.51.100.10"


def create(session_id, **more):
    return pb.CreateSessionRequest(session_id=session_id, signaling_ip=CALLER_IP, **more)


@contextlib.asynccontextmanager
async def connected(target, **settings):
    node = MediaNode(target, **settings)
    node.start()
    try:
        await until(lambda: node.healthy)
        yield node
    finally:
        await node.stop()


@pytest.fixture
async def served():
    async with Served() as made:
        yield made


@pytest.fixture
async def node(served):
    async with connected(served.target) as made:
        yield made


async def restart(served, **changes):
    """Kill the server and start a new one, with nothing in its memory, on the same port."""
    port = served.server.port
    await served.server.stop()
    fresh = Served(grpc_port=port, **changes)
    await fresh.server.start()
    return fresh


async def test_it_learns_who_the_node_is(node, served):
    assert (node.node_id, node.boot_id) == ("node-1", served.server.manager.boot_id)
    assert node.available_ports == 100


async def test_a_name_that_was_given_is_kept(served):
    async with connected(served.target, node_id="media-a") as named:
        assert named.node_id == "media-a"


async def test_it_sets_up_and_ends_a_call(node, served):
    a, b = await node.execute(create("a", remote_sdp=sdp()), create("b", offer_like="a"))
    assert "m=audio" in b.local_sdp
    update, answer, bridged = await node.execute(
        pb.UpdateSessionRemoteRequest(session_id="b", remote_sdp=sdp(), kind=pb.SDP_KIND_ANSWER),
        pb.CreateAnswerRequest(session_id="a", peer_session_id="b"),
        pb.BridgeMediaRequest(session_id="a", peer_session_id="b"),
    )
    assert (a.codec, update.codec, answer.codec) == ("PCMU", "PCMU", "PCMU")
    assert isinstance(bridged, pb.BridgeMediaReply)
    ends = await node.execute(
        pb.DestroySessionRequest(session_id="a"), pb.DestroySessionRequest(session_id="b")
    )
    assert [end.stats.packets_sent for end in ends] == [7, 7]


async def test_what_is_queued_in_one_turn_leaves_together(node, served, monkeypatch):
    batches = []
    answered = node._queue.answered
    monkeypatch.setattr(node._queue, "answered", lambda batch: (batches.append(batch), answered(batch)))
    await asyncio.gather(*(node.execute(create(f"s{number}")) for number in range(10)))
    assert [len(batch.replies) for batch in batches] == [10]


async def test_errors_are_returned_not_raised(node):
    (error,) = await node.execute(pb.CreateAnswerRequest(session_id="nobody"))
    assert isinstance(error, MediaError)
    assert error.code is ErrorCode.NOT_FOUND


async def test_events_reach_the_subscriber_until_it_leaves(node, served):
    heard = []
    node.subscribe("a", heard.append)
    await node.execute(create("a", remote_sdp=sdp()), pb.CreateAnswerRequest(session_id="a"))
    served.engine.happen("inactive", "a")
    await until(lambda: heard)
    assert isinstance(heard[0], pb.MediaInactive)
    node.unsubscribe("a")
    served.engine.happen("inactive", "a")
    await node.execute(pb.HealthRequest())
    assert len(heard) == 1


async def test_a_subscriber_that_fails_harms_nobody_else(node, served):
    heard = []
    node.subscribe("a", lambda event: 1 / 0)
    node.subscribe("b", heard.append)
    await node.execute(
        *(create(name, remote_sdp=sdp()) for name in "ab"),
        *(pb.CreateAnswerRequest(session_id=name) for name in "ab"),
    )
    served.engine.happen("inactive", "a")
    served.engine.happen("inactive", "b")
    await until(lambda: heard)
    assert node.healthy


async def test_requests_wait_for_a_node_that_comes_back(node, served):
    await served.server.stop()
    await until(lambda: not node.healthy)
    asked = node.execute(create("a"))
    async with Served(grpc_port=served.server.port):
        assert (await asked)[0].session_id == "a"
        await until(lambda: node.healthy)


async def test_a_request_without_a_reply_is_sent_again_and_executed_once(node, served, monkeypatch):
    calls = []
    fill = served.server.manager.create_session

    def create_and_break(*arguments, **more):
        calls.append(arguments)
        node._call.cancel()
        return fill(*arguments, **more)

    monkeypatch.setattr(served.server.manager, "create_session", create_and_break)
    (reply,) = await node.execute(create("a"))
    assert reply.session_id == "a"
    assert len(calls) == 1


async def test_a_restart_loses_the_sessions_and_says_so(node, served):
    heard, lost = [], []
    node.on_lost = lambda which, reason: lost.append((which.node_id, reason))
    node.subscribe("a", heard.append)
    await node.execute(create("a"))
    fresh = await restart(served)
    await until(lambda: lost)
    assert heard == [NodeLost("a", "the RTP manager was restarted")]
    assert lost == [("node-1", "the RTP manager was restarted")]
    assert node.boot_id == fresh.server.manager.boot_id
    assert (await node.execute(create("a")))[0].session_id == "a"
    await fresh.server.stop()


async def test_a_broken_stream_alone_loses_nothing(node):
    heard = []
    node.subscribe("a", heard.append)
    await node.execute(create("a"))
    node._call.cancel()
    await until(lambda: not node.healthy)
    await until(lambda: node.healthy)
    assert heard == []
    (again,) = await node.execute(pb.CreateOfferRequest(session_id="a"))
    assert "m=audio" in again.local_sdp


async def test_a_session_begun_during_the_absence_belongs_to_the_next_boot(node, served):
    heard = []
    await node.execute(create("a"))
    await served.server.stop()
    await until(lambda: not node.healthy)
    node.subscribe("b", heard.append)
    asked = node.execute(create("b"))
    async with Served(grpc_port=served.server.port):
        assert (await asked)[0].session_id == "b"
    assert heard == []


async def test_a_node_that_stays_away_is_gone(served):
    heard = []
    async with connected(served.target, gone_after_s=0.1) as node:
        node._refusals = -100
        node.subscribe("a", heard.append)
        await node.execute(create("a"))
        before = node._client_id
        await served.server.stop()
        await until(lambda: heard)
        assert heard == [NodeLost("a", "the RTP manager is gone")]
        assert node._client_id != before


async def test_a_node_whose_port_nobody_listens_on_is_gone_at_once(served):
    heard = []
    async with connected(served.target, gone_after_s=3600) as node:
        node.subscribe("a", heard.append)
        await served.server.stop()
        async with asyncio.timeout(5):
            await until(lambda: heard)
        assert heard == [NodeLost("a", "the RTP manager is gone")]


async def test_a_restarted_node_is_not_drained_any_more(node, served):
    node.standing.drain_state = DrainState.DISABLED
    fresh = await restart(served)
    await until(lambda: node.boot_id == fresh.server.manager.boot_id)
    assert node.drain_state is DrainState.ACTIVE
    await fresh.server.stop()


async def test_who_can_turn_to_another_node_does_not_wait_for_one_that_is_away(node, served):
    await served.server.stop()
    await until(lambda: not node.healthy)
    (result,) = await node.open(create("a"))
    assert result.reason is Reason.LOST


async def test_who_can_turn_to_another_node_is_told_when_the_stream_breaks(node, served, monkeypatch):
    hanging = asyncio.Event()

    async def hang(client, batch, context):
        node._call.cancel()
        await hanging.wait()

    monkeypatch.setattr(served.server._service._control, "_execute_batch", hang)
    (result,) = await node.open(create("a"))
    assert result.reason is Reason.LOST
    hanging.set()


async def test_a_node_that_leaves_an_opening_unanswered_is_suspect_until_it_is_heard(
    node, served, monkeypatch
):
    monkeypatch.setattr("signaling.mediapool.node.OPEN_DEADLINE_S", 0.05)
    hanging = asyncio.Event()
    control = served.server._service._control
    serve = control._execute_batch

    async def hang(client, batch, context):
        await hanging.wait()
        await serve(client, batch, context)

    monkeypatch.setattr(control, "_execute_batch", hang)
    (result,) = await node.open(create("a"))
    assert result.reason is Reason.TIMEOUT
    assert node.standing.is_suspect
    hanging.set()
    await until(lambda: not node.standing.is_suspect)


async def test_a_node_without_ports_is_known_to_be_full_at_once_and_said_to_be_once(node, served, caplog):
    await until(lambda: node.available_ports == 100)
    served.engine.ports = 0
    for _ in range(2):
        (result,) = await node.open(create("a"))
        assert result.reason is Reason.NO_PORT
    assert node.available_ports == 0
    assert caplog.text.count("has no free RTP port") == 1


async def test_a_node_that_is_about_to_stop_says_so_and_takes_no_more(served):
    leaving = []
    async with connected(served.target, health_s=0.01) as node:
        node.on_draining = leaving.append
        served.server.manager.admission.is_draining = True
        await until(lambda: leaving)
        assert not node.healthy
        assert (await node.open(create("a", call_id="new")))[0].reason is Reason.DRAINING
    assert leaving == [node]


async def test_sessions_of_other_processes_are_counted(node, served):
    served.server.manager.create_session("of another")
    node.subscribe("a", lambda event: None)
    await node.execute(create("a"))
    node._probe_now.set()
    await until(lambda: node.active_sessions == 2)
    node.unsubscribe("a")
    assert (node.own_sessions, node.active_sessions) == (0, 1)


async def test_requests_to_a_node_that_is_away_fail_in_the_end():
    node = MediaNode("127.0.0.1:1", deadline_s=0.05)
    node.start()
    results = await node.execute(create("a"), create("b"))
    assert [result.reason for result in results] == [Reason.TIMEOUT] * 2
    await node.stop()


async def test_a_node_that_hangs_is_left_and_tried_again(served, monkeypatch):
    async with connected(served.target, deadline_s=0.3) as node:
        hanging = asyncio.Event()
        streams = []
        serve = served.server._service._control._execute_batch

        async def hang(client, batch, context):
            streams.append(context)
            await hanging.wait()
            await serve(client, batch, context)

        monkeypatch.setattr(served.server._service._control, "_execute_batch", hang)
        (result,) = await node.execute(create("a"))
        assert result.reason is Reason.TIMEOUT
        await until(lambda: len(streams) > 1)
        hanging.set()
        await until(lambda: node.healthy)
        assert (await node.execute(create("b")))[0].session_id == "b"


async def test_stopping_fails_what_is_unanswered(served):
    node = MediaNode("127.0.0.1:1")
    node.start()
    asked = node.execute(create("a"))
    await node.stop()
    assert (await asked)[0].reason is Reason.LOST


async def test_it_asks_for_the_nodes_health(served):
    async with connected(served.target, health_s=0.01) as node:
        await until(lambda: node.available_ports == 100)
        served.engine.happen("fatal", 0, "broken")
        await until(lambda: not node.healthy)


async def test_a_program_that_ends_without_stopping_the_node_is_not_kept_from_it(node):
    tasks = list(node._tasks)
    for task in tasks:
        task.cancel()
    done, pending = await asyncio.wait(tasks, timeout=5)
    assert (len(done), pending) == (3, set())


async def test_a_node_that_is_told_to_stop_lets_signaling_know_at_once(node, served):
    leaving = []
    node.on_draining = leaving.append
    node.subscribe("a", lambda event: None)
    await node.execute(create("a"))
    going = asyncio.create_task(served.server.leave([], 30))
    async with asyncio.timeout(2):
        await until(lambda: leaving)
    await node.execute(pb.DestroySessionRequest(session_id="a"))
    await going


async def test_a_node_that_was_given_up_knows_this_process_under_a_new_name_when_it_is_back(served):
    async with connected(served.target, gone_after_s=0.05) as node:
        before = node._client_id
        await served.server.stop()
        await until(lambda: node._client_id != before)
        async with Served(grpc_port=served.server.port) as back:
            async with asyncio.timeout(10):
                await until(lambda: node.healthy)
            assert back.server._service.clients.is_present(node._client_id)
            assert not back.server._service.clients.is_present(before)
