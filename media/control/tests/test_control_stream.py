# SPDX-License-Identifier: Apache-2.0
"""The Control stream over a real gRPC connection."""

import pytest

from media.control.gen import rtpmanager_pb2 as pb
from media.control.grpc_setup import EOF, grpc
from media.control.tests.descriptions import sdp
from media.control.tests.harness import CALLEE_IP, CALLER_IP, A, B, Clip, Served

CREATE_A = pb.ControlRequest(
    create_session=pb.CreateSessionRequest(
        request_id="1", session_id=A, remote_sdp=sdp(0, 8), signaling_ip=CALLER_IP
    )
)
CREATE_B = pb.ControlRequest(
    create_session=pb.CreateSessionRequest(request_id="2", session_id=B, signaling_ip=CALLEE_IP, offer_like=A)
)
UPDATE_B = pb.ControlRequest(
    update_session_remote=pb.UpdateSessionRemoteRequest(
        request_id="3", session_id=B, remote_sdp=sdp(0, host=CALLEE_IP), kind=pb.SDP_KIND_ANSWER
    )
)
ANSWER_A = pb.ControlRequest(
    create_answer=pb.CreateAnswerRequest(request_id="4", session_id=A, peer_session_id=B)
)
BRIDGE = pb.ControlRequest(
    bridge_media=pb.BridgeMediaRequest(request_id="5", session_id=A, peer_session_id=B)
)
PLAY = pb.ControlRequest(
    play_audio=pb.PlayAudioRequest(request_id="6", session_id=A, play_id="p", file="greeting")
)


class Stream:
    """A client of the Control stream."""

    def __init__(self, channel, client_id="signaling-1"):
        self.call = channel.stream_stream(
            "/rtpmanager.v1.RTPManagerService/Control",
            request_serializer=pb.ControlRequestBatch.SerializeToString,
            response_deserializer=pb.ControlReplyBatch.FromString,
        )()
        self.client_id = client_id
        self.batch_id = 0

    async def hello(self):
        await self.call.write(pb.ControlRequestBatch(client_id=self.client_id))
        return await self.call.read()

    async def ask(self, *requests):
        self.batch_id += 1
        await self.call.write(pb.ControlRequestBatch(batch_id=self.batch_id, requests=requests))
        batch = await self.call.read()
        assert batch.batch_id == self.batch_id
        return batch.replies

    async def events(self, count):
        found = []
        while len(found) < count:
            found.extend((await self.call.read()).events)
        return [getattr(event, event.WhichOneof("event")) for event in found]


@pytest.fixture
async def stream(channel):
    made = Stream(channel)
    await made.hello()
    return made


async def test_the_first_batch_introduces_the_node(served, channel):
    hello = await Stream(channel).hello()
    assert (hello.batch_id, hello.node_id) == (0, "node-1")
    assert hello.boot_id == served.server.manager.boot_id


async def test_a_call_takes_two_batches(served, stream):
    created_a, created_b = await stream.ask(CREATE_A, CREATE_B)
    assert (created_a.code, created_b.code) == (0, 0)
    assert "m=audio" in created_b.create_session.local_sdp
    _, answer, bridged = await stream.ask(UPDATE_B, ANSWER_A, BRIDGE)
    assert answer.create_answer.codec == "PCMU"
    assert bridged.WhichOneof("reply") == "bridge_media"
    assert served.engine.named("bridge") == [(A, B)]


async def test_each_request_has_its_own_status(stream):
    refused, created, empty = await stream.ask(ANSWER_A, CREATE_A, pb.ControlRequest())
    assert (refused.code, refused.reason) == (5, "no_such_session")
    assert refused.WhichOneof("reply") is None
    assert created.code == 0
    assert (empty.code, empty.reason) == (3, "bad_request")


async def test_requests_after_a_failed_one_fail_by_themselves(stream):
    bad = pb.ControlRequest(
        create_session=pb.CreateSessionRequest(session_id=A, remote_sdp=sdp(101), signaling_ip=CALLER_IP)
    )
    first, second = await stream.ask(bad, CREATE_B)
    assert (first.code, first.detail) == (3, "no common codec")
    assert (second.code, second.reason) == (5, "no_such_session")


async def test_an_unexpected_failure_is_one_internal_error(served, stream, monkeypatch):
    def fail(*arguments, **more):
        raise ZeroDivisionError

    monkeypatch.setattr(served.server.manager, "create_answer", fail)
    replies = await stream.ask(CREATE_A, ANSWER_A)
    assert [reply.code for reply in replies] == [0, 13]
    assert "ZeroDivisionError" not in replies[1].detail


async def test_batches_are_answered_in_order_when_they_are_pipelined(stream):
    health = pb.ControlRequest(health=pb.HealthRequest())
    for number in range(1, 21):
        await stream.call.write(pb.ControlRequestBatch(batch_id=number, requests=[health]))
    assert [(await stream.call.read()).batch_id for _ in range(20)] == list(range(1, 21))


async def test_a_retry_on_a_new_stream_is_not_executed_again(served, channel, stream):
    first = await stream.ask(CREATE_A, CREATE_B)
    stream.call.cancel()
    again = Stream(channel)
    await again.hello()
    assert list(await again.ask(CREATE_A, CREATE_B)) == list(first)
    assert len(served.engine.named("create_session")) == 2


async def test_a_prompt_only_starts_and_its_events_follow(served, stream):
    served.prompts.at_hand["greeting"] = Clip()
    await stream.ask(CREATE_A, CREATE_B)
    (*_, played) = await stream.ask(UPDATE_B, ANSWER_A, PLAY)
    assert played.code == 0
    served.engine.happen("play_started", A, "p")
    served.engine.happen("play_completed", A, "p")
    started, completed = await stream.events(2)
    assert (started.state, completed.state) == (pb.PLAYBACK_STATE_STARTED, pb.PLAYBACK_STATE_COMPLETED)


async def test_events_go_to_the_client_that_has_the_session(served, channel, stream):
    other = Stream(channel, "signaling-2")
    await other.hello()
    await other.ask(CREATE_A, CREATE_B, UPDATE_B, ANSWER_A)
    served.engine.happen("inactive", A)
    (event,) = await other.events(1)
    assert (event.session_id, event.silent_ms) == (A, 30000)
    assert [reply.code for reply in await stream.ask(BRIDGE)] == [0]


async def test_events_wait_for_a_client_that_is_away(served, channel, stream):
    await stream.ask(CREATE_A, CREATE_B, UPDATE_B, ANSWER_A)
    stream.call.cancel()
    while served.server.manager.is_present("signaling-1"):
        await stream_turn(channel)
    served.engine.happen("media_started", A)
    again = Stream(channel)
    await again.hello()
    (event,) = await again.events(1)
    assert isinstance(event, pb.MediaStarted)


async def stream_turn(channel):
    """Let the server run by having it answer something."""
    probe = Stream(channel, "probe")
    await probe.hello()
    probe.call.cancel()


async def test_a_batch_that_is_too_large_ends_the_stream():
    async with Served(max_batch=2) as small, grpc.aio.insecure_channel(small.target) as channel:
        stream = Stream(channel)
        await stream.hello()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.ask(CREATE_A, CREATE_B, UPDATE_B)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert small.engine.commands == []


async def test_a_client_that_leaves_properly_ends_its_stream(served, stream):
    await stream.call.done_writing()
    assert await stream.call.read() is EOF
    assert not served.server.manager.is_present("signaling-1")
