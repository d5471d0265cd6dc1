# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.errors import ErrorCode, MediaError, Reason
from media.control.media_events import MediaInactive, MediaStarted
from media.control.session_states import SessionState
from media.control.tests.descriptions import lines_of, sdp
from media.control.tests.harness import CALLEE_IP, CALLER_IP, A, B, Node


def refused(reason):
    return pytest.raises(MediaError, check=lambda error: error.reason is reason)


async def test_a_session_tells_where_it_listens(node):
    created = node.manager.create_session(A, remote_sdp=sdp(8, 0), signaling_ip=CALLER_IP)
    assert created == (A, "", "192.0.2.1", 20002, "PCMA", SessionState.CREATED, "")


async def test_it_writes_the_advertised_address():
    node = Node(advertise="203.0.113.5")
    assert lines_of(node.manager.create_session(A).local_sdp, "c=") == ["c=IN IP4 203.0.113.5"]
    node.manager.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (sdp(101), Reason.NO_COMMON_CODEC),
        (sdp(0, profile="RTP/SAVP"), Reason.UNSUPPORTED_TRANSPORT),
        (sdp(0, port=0), Reason.NO_AUDIO),
        (sdp(0, host="127.0.0.1"), Reason.REFUSED_ADDRESS),
        (sdp(0, host="192.0.2.1"), Reason.REFUSED_ADDRESS),
        (sdp(0, port=53), Reason.REFUSED_ADDRESS),
        (sdp(0, extra="a=rtcp:53"), Reason.REFUSED_ADDRESS),
        ("v=0\r\nnonsense\r\n", Reason.MALFORMED_SDP),
    ],
)
async def test_an_offer_that_cannot_be_used_opens_no_session(node, text, reason):
    with refused(reason) as caught:
        node.manager.create_session(A, remote_sdp=text, signaling_ip=CALLER_IP)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
    assert node.engine.commands == []


async def test_a_refused_address_leaves_the_session_with_its_old_one(node):
    node.connect()
    commands = list(node.engine.commands)
    with refused(Reason.REFUSED_ADDRESS):
        node.manager.update_remote(A, sdp(0, host="127.0.0.1"), is_answer=False)
    with refused(Reason.REFUSED_ADDRESS):
        node.manager.update_remote(B, sdp(0, host="224.1.1.1"), is_answer=True)
    assert node.engine.commands == commands


@pytest.mark.parametrize("session_id", ["", "x" * 65])
async def test_it_refuses_impossible_session_ids(node, session_id):
    with refused(Reason.BAD_REQUEST):
        node.manager.create_session(session_id)


async def test_it_refuses_a_second_session_of_the_same_id(node):
    node.manager.create_session(A)
    with refused(Reason.BAD_REQUEST):
        node.manager.create_session(A)


async def test_it_says_when_no_port_is_left(node):
    node.engine.ports = 0
    with refused(Reason.NO_PORT) as caught:
        node.manager.create_session(A)
    assert caught.value.code is ErrorCode.RESOURCE_EXHAUSTED
    assert node.manager.sessions == {}


async def test_nothing_opens_for_an_offer_like_an_unknown_session(node):
    with refused(Reason.NO_SUCH_SESSION):
        node.manager.create_session(B, offer_like="nobody")
    assert node.engine.sessions == {}


async def test_unknown_sessions_are_not_found(node):
    manager = node.manager
    for attempt in (
        lambda: manager.create_answer("x"),
        lambda: manager.create_offer("x"),
        lambda: manager.update_remote("x", sdp(0), is_answer=False),
        lambda: manager.bridge("x", "x"),
        lambda: manager.unbridge("x"),
        lambda: manager.play("x", "p", "f"),
        lambda: manager.stop("x"),
        lambda: manager.destroy("x"),
    ):
        with refused(Reason.NO_SUCH_SESSION) as caught:
            attempt()
        assert caught.value.code is ErrorCode.NOT_FOUND


async def test_it_refuses_what_comes_out_of_order(node):
    node.manager.create_session(A, remote_sdp=sdp(0), signaling_ip=CALLER_IP)
    node.manager.create_session(B, signaling_ip=CALLEE_IP)
    for attempt in (
        lambda: node.manager.create_answer(B),
        lambda: node.manager.create_answer(A, peer_session_id=B),
        lambda: node.manager.update_remote(A, sdp(0), is_answer=True),
        lambda: node.manager.bridge(A, B),
        lambda: node.manager.play(A, "p", "f"),
    ):
        with refused(Reason.WRONG_STATE):
            attempt()
    assert node.engine.named("bridge") == []


async def test_an_echo_is_a_bridge_with_itself(node):
    node.manager.create_session(A, remote_sdp=sdp(0), signaling_ip=CALLER_IP)
    node.manager.create_answer(A)
    node.manager.bridge(A, A)
    assert node.engine.named("bridge") == [(A, A)]
    node.manager.unbridge(A)
    node.manager.unbridge(A)
    assert node.engine.named("unbridge") == [(A,)]
    assert node.manager.sessions[A].state is SessionState.ACTIVE


async def test_joining_another_party_parts_from_the_first(node):
    node.connect()
    node.manager.create_session("c", signaling_ip=CALLEE_IP)
    node.manager.update_remote("c", sdp(0, host=CALLEE_IP), is_answer=True)
    node.manager.bridge(A, "c")
    assert node.engine.named("unbridge") == [(A,)]
    assert node.manager.sessions[B].peer_id == ""
    assert node.manager.sessions[B].state is SessionState.ACTIVE
    assert node.manager.sessions["c"].peer_id == A


async def test_the_end_of_one_session_leaves_its_peer_alone(node):
    node.connect()
    counters = node.manager.destroy(A)
    assert (counters.packets_sent, counters.jitter_ms) == (7, 1.5)
    assert node.manager.sessions[B].state is SessionState.ACTIVE
    node.manager.destroy(B)
    assert node.manager.sessions == {}
    assert node.engine.sessions == {}


async def test_an_engine_failure_is_internal_and_ends_the_use_of_the_session(node):
    node.open(sdp(0))
    node.engine.broken.add("set_remote")
    with pytest.raises(MediaError) as caught:
        node.manager.update_remote(B, sdp(0, host=CALLEE_IP), is_answer=True)
    assert caught.value.code is ErrorCode.INTERNAL
    assert node.manager.sessions[B].state is SessionState.ERROR
    with refused(Reason.WRONG_STATE):
        node.manager.update_remote(B, sdp(0, host=CALLEE_IP), is_answer=True)
    node.manager.destroy(B)


async def test_engine_events_reach_the_owner(node):
    node.manager.create_session(A, remote_sdp=sdp(0), signaling_ip=CALLER_IP, owner="signaling-1")
    node.manager.create_answer(A)
    node.engine.happen("media_started", A)
    node.engine.happen("inactive", A)
    node.engine.happen("media_started", "long gone")
    await node.settle()
    assert node.events == [
        ("signaling-1", MediaStarted(A)),
        ("signaling-1", MediaInactive(A, 30000)),
    ]


async def test_who_touches_a_session_last_owns_it(node):
    node.manager.create_session(A, remote_sdp=sdp(0), signaling_ip=CALLER_IP, owner="before")
    node.manager.create_answer(A, owner="after the restart")
    assert node.manager.sessions[A].owner == "after the restart"


async def test_a_failed_media_thread_makes_the_node_unhealthy(node):
    failures = []
    node.manager.on_fatal = failures.append
    assert node.manager.health().healthy
    node.engine.happen("fatal", 0, "out of everything")
    await node.settle()
    assert not node.manager.health().healthy
    assert "out of everything" in failures[0]
