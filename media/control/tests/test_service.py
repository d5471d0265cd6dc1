# SPDX-License-Identifier: Apache-2.0
"""The unary calls over a real gRPC connection."""

import pytest

from media.control.gen import rtpmanager_pb2 as pb
from media.control.grpc_setup import EOF, grpc
from media.control.server import CannotListen
from media.control.tests.descriptions import lines_of, sdp
from media.control.tests.harness import CALLEE_IP, CALLER_IP, A, B, Clip, Served, until

Code = grpc.StatusCode


def create(session_id=A, **changes):
    fields = {
        "session_id": session_id,
        "call_id": "c",
        "remote_sdp": sdp(),
        "signaling_ip": CALLER_IP,
    } | changes
    return pb.CreateSessionRequest(**fields)


async def answered(stub):
    await stub.CreateSession(create())
    await stub.CreateAnswer(pb.CreateAnswerRequest(session_id=A))


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_a_call_can_be_made_with_unary_calls_alone(served, stub):
    created = await stub.CreateSession(create())
    assert (created.local_addr, created.codec, created.state) == (
        served.server.manager.sessions[A].local.address,
        "PCMU",
        pb.SESSION_STATE_CREATED,
    )
    offer = await stub.CreateSession(create(B, remote_sdp="", signaling_ip=CALLEE_IP, offer_like=A))
    assert lines_of(offer.local_sdp, "m=audio")
    updated = await stub.UpdateSessionRemote(
        pb.UpdateSessionRemoteRequest(
            session_id=B, remote_sdp=sdp(8, host=CALLEE_IP), kind=pb.SDP_KIND_ANSWER
        )
    )
    assert (updated.codec, updated.remote_addr, updated.remote_port) == ("PCMA", CALLEE_IP, 40000)
    answer = await stub.CreateAnswer(pb.CreateAnswerRequest(session_id=A, peer_session_id=B))
    assert (answer.codec, answer.remote_addr) == ("PCMA", CALLER_IP)
    await stub.BridgeMedia(pb.BridgeMediaRequest(session_id=A, peer_session_id=B))
    await stub.UnbridgeMedia(pb.UnbridgeMediaRequest(session_id=A))
    assert (await stub.CreateOffer(pb.CreateOfferRequest(session_id=A))).local_sdp
    destroyed = await stub.DestroySession(pb.DestroySessionRequest(session_id=A))
    assert (destroyed.stats.packets_sent, destroyed.stats.jitter_ms) == (7, 1.5)
    assert not destroyed.stats.HasField("remote_packets_lost")


async def test_a_refresh_leaves_our_description_as_it_is(served, stub):
    key = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"
    await stub.CreateSession(create(remote_sdp=sdp(0, profile="RTP/SAVP", extra=key + "A" * 40)))
    first = await stub.CreateAnswer(pb.CreateAnswerRequest(session_id=A))
    refreshed = sdp(0, profile="RTP/SAVP", extra=key + "B" * 40)
    await stub.UpdateSessionRemote(
        pb.UpdateSessionRemoteRequest(
            session_id=A, remote_sdp=refreshed, kind=pb.SDP_KIND_OFFER, refreshes=True
        )
    )
    second = await stub.CreateAnswer(pb.CreateAnswerRequest(session_id=A))
    assert lines_of(second.local_sdp, "a=crypto") == lines_of(first.local_sdp, "a=crypto")
    assert len(served.engine.named("set_srtp")) == 2


async def test_health_tells_how_the_node_is(served, stub):
    await stub.CreateSession(create())
    health = await stub.Health(pb.HealthRequest())
    assert (health.healthy, health.active_sessions, health.available_ports) == (True, 1, 99)
    assert (health.node_id, health.boot_id) == ("node-1", served.server.manager.boot_id)


async def test_errors_are_status_codes_with_a_reason(served, stub):
    unknown = await refusal(stub.CreateAnswer(pb.CreateAnswerRequest(session_id="x")))
    assert (unknown.code(), unknown.details()) == (Code.NOT_FOUND, "no session 'x'")
    no_codec = await refusal(stub.CreateSession(create(remote_sdp=sdp(101))))
    assert (no_codec.code(), no_codec.details()) == (Code.INVALID_ARGUMENT, "no common codec")
    assert dict(no_codec.trailing_metadata())["reason"] == "no_common_codec"
    served.engine.ports = 0
    assert (await refusal(stub.CreateSession(create()))).code() is Code.RESOURCE_EXHAUSTED
    served.engine.ports = 100
    served.engine.broken.add("create_session")
    assert (await refusal(stub.CreateSession(create()))).code() is Code.INTERNAL


async def test_an_update_must_say_what_it_is(stub):
    await stub.CreateSession(create())
    error = await refusal(
        stub.UpdateSessionRemote(pb.UpdateSessionRemoteRequest(session_id=A, remote_sdp=sdp()))
    )
    assert error.code() is Code.INVALID_ARGUMENT


async def test_a_huge_description_is_refused(stub):
    error = await refusal(stub.CreateSession(create(remote_sdp=sdp(extra="a=x:" + "y" * 20000))))
    assert error.code() is Code.INVALID_ARGUMENT


async def test_a_message_above_the_limit_is_refused():
    async with Served(max_message_bytes=2000) as small, grpc.aio.insecure_channel(small.target) as channel:
        call = channel.unary_unary("/rtpmanager.v1.RTPManagerService/CreateSession")
        error = await refusal(call(create(remote_sdp=sdp(extra="a=x:" + "y" * 3000)).SerializeToString()))
        assert error.code() is Code.RESOURCE_EXHAUSTED


async def test_a_retry_is_answered_and_not_executed_again(served, stub):
    first = await stub.CreateSession(create(request_id="r1"))
    assert await stub.CreateSession(create(request_id="r1")) == first
    assert len(served.engine.named("create_session")) == 1
    stats = await stub.DestroySession(pb.DestroySessionRequest(session_id=A, request_id="r2"))
    assert await stub.DestroySession(pb.DestroySessionRequest(session_id=A, request_id="r2")) == stats
    assert len(served.engine.named("destroy")) == 1


async def test_a_refused_request_may_be_tried_again_under_its_id(served, stub):
    served.engine.ports = 0
    await refusal(stub.CreateSession(create(request_id="r1")))
    served.engine.ports = 1
    await stub.CreateSession(create(request_id="r1"))


async def test_play_audio_streams_its_states(served, stub):
    await answered(stub)
    served.prompts.at_hand["greeting"] = Clip()
    call = stub.PlayAudio(
        pb.PlayAudioRequest(session_id=A, play_id="p", file="greeting", progress_interval_ms=1)
    )
    await until(lambda: served.engine.named("play"))
    served.engine.happen("play_started", A, "p")
    states = [(await call.read()).state for _ in range(2)]
    assert states == [pb.PLAYBACK_STATE_STARTED, pb.PLAYBACK_STATE_PROGRESS]
    served.engine.happen("play_completed", A, "p")
    while states[-1] == pb.PLAYBACK_STATE_PROGRESS:
        states.append((await call.read()).state)
    assert states[-1] == pb.PLAYBACK_STATE_COMPLETED
    assert await call.read() is EOF


async def test_stop_audio_ends_the_stream(served, stub):
    await answered(stub)
    served.prompts.at_hand["greeting"] = Clip()
    call = stub.PlayAudio(pb.PlayAudioRequest(session_id=A, play_id="p", file="greeting"))
    await until(lambda: served.engine.named("play"))
    await stub.StopAudio(pb.StopAudioRequest(session_id=A))
    assert [event.state async for event in call] == [pb.PLAYBACK_STATE_STOPPED]


async def test_a_prompt_stops_when_its_caller_goes_away(served, stub):
    await answered(stub)
    served.prompts.at_hand["greeting"] = Clip()
    call = stub.PlayAudio(pb.PlayAudioRequest(session_id=A, play_id="p", file="greeting"))
    await until(lambda: served.engine.named("play"))
    call.cancel()
    await until(lambda: served.engine.named("stop"))


async def test_a_retry_that_takes_the_place_of_a_prompt_plays_to_its_end(served, stub):
    await answered(stub)
    served.prompts.at_hand["greeting"] = Clip()
    request = pb.PlayAudioRequest(session_id=A, play_id="p", file="greeting", request_id="r1")
    first = stub.PlayAudio(request)
    await until(lambda: served.engine.named("play"))
    retry = stub.PlayAudio(request)
    assert [event.state async for event in first] == [pb.PLAYBACK_STATE_STOPPED]
    served.engine.happen("play_completed", A, "p")
    assert [event.state async for event in retry] == [pb.PLAYBACK_STATE_COMPLETED]


async def test_play_audio_refuses_an_unknown_session(stub):
    call = stub.PlayAudio(pb.PlayAudioRequest(session_id="x", play_id="p", file="f"))
    error = await refusal(call.read())
    assert error.code() is Code.NOT_FOUND


async def test_a_second_server_on_the_port_really_fails(served):
    second = Served(grpc_port=served.server.port)
    with pytest.raises(CannotListen, match=f"GRPC_PORT {served.server.port} is taken"):
        await second.server.start()


async def test_the_service_has_every_call_of_the_contract():
    names = {method.name for method in pb.DESCRIPTOR.services_by_name["RTPManagerService"].methods}
    contract = {"CreateSession", "UpdateSessionRemote", "DestroySession", "BridgeMedia", "UnbridgeMedia"}
    assert contract | {"PlayAudio", "StopAudio", "Health", "Control"} <= names
