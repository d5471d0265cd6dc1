# SPDX-License-Identifier: Apache-2.0
"""A session that goes on where another node's was: the remote sees one session, and media flows before it answers."""

import pytest

from media.control.errors import ErrorCode, MediaError, Reason
from media.control.session_states import SessionState
from media.control.tests.descriptions import lines_of, sdp
from media.control.tests.harness import CALLEE_IP, CALLER_IP, A, B, Node

NEW_A, NEW_B = "session-a2", "session-b2"
VIDEO = "m=video 50000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"


def refused(reason):
    return pytest.raises(MediaError, check=lambda error: error.reason is reason)


@pytest.fixture
async def other():
    node = Node(advertise="203.0.113.99")
    yield node
    node.manager.close()


def move(node, other, caller_sdp, callee_sdp):
    """Open both sessions of the call on the other node; return the offers for both parties."""
    to_callee = node.open(caller_sdp)
    to_caller = node.answer(callee_sdp)
    past = {NEW_A: (to_caller, caller_sdp, CALLER_IP), NEW_B: (to_callee, callee_sdp, CALLEE_IP)}
    offers = [
        other.manager.create_session(
            session_id, call_id="call", continues=(local, remote), signaling_ip=ip
        ).local_sdp
        for session_id, (local, remote, ip) in past.items()
    ]
    other.manager.bridge(NEW_A, NEW_B)
    return to_caller, to_callee, *offers


async def test_the_offer_is_the_old_description_at_a_new_address(node, other):
    to_caller, _, offer, _ = move(node, other, sdp(0, 8, 101), sdp(8, 101, host=CALLEE_IP))
    assert lines_of(offer, "a=") == lines_of(to_caller, "a=")
    assert lines_of(offer, "c=") == ["c=IN IP4 203.0.113.99"]
    (before,), (after,) = lines_of(to_caller, "o="), lines_of(offer, "o=")
    assert after.split()[:2] == before.split()[:2]
    assert int(after.split()[2]) == int(before.split()[2]) + 1
    assert after.split()[3:] == before.split()[3:]


async def test_only_what_is_in_use_is_offered(node, other):
    _, to_callee, _, offer = move(node, other, sdp(0, 8, 101), sdp(8, 101, host=CALLEE_IP))
    assert " 0 8 101" in lines_of(to_callee, "m=")[0]
    assert lines_of(offer, "m=")[0].endswith("RTP/AVP 8 101")


async def test_media_is_relayed_before_anybody_has_answered(node, other):
    move(node, other, sdp(0), sdp(0, host=CALLEE_IP, port=45000))
    assert other.engine.named("set_remote") == [
        (NEW_A, ("198.51.100.10", 40000), ("198.51.100.10", 40001), CALLER_IP),
        (NEW_B, (CALLEE_IP, 45000), (CALLEE_IP, 45001), CALLEE_IP),
    ]
    assert other.engine.named("bridge") == [(NEW_A, NEW_B)]
    assert other.manager.sessions[NEW_A].state is SessionState.BRIDGED


async def test_the_answer_to_the_offer_is_taken_as_ever(node, other):
    move(node, other, sdp(0, 8), sdp(0, 8, host=CALLEE_IP))
    done = other.manager.update_remote(NEW_A, sdp(0, 8, port=41000), is_answer=True)
    assert (done.remote, done.state) == (("198.51.100.10", 41000), SessionState.BRIDGED)
    assert other.engine.named("set_remote")[-1][1] == ("198.51.100.10", 41000)


async def test_payload_types_of_both_legs_stay_and_are_mapped_as_before(node, other):
    move(node, other, sdp(0, 101), sdp(0, 102, host=CALLEE_IP))
    before, after = node.engine.named("set_payload_map"), other.engine.named("set_payload_map")
    assert before
    assert after == [(name + "2", mapping, allowed) for name, mapping, allowed in before]


async def test_a_hold_is_not_lifted(node, other):
    caller = sdp(0, direction="sendonly")
    callee = sdp(0, host=CALLEE_IP, direction="recvonly")
    _, _, to_caller, to_callee = move(node, other, caller, callee)
    assert "a=recvonly" in to_caller
    assert "a=sendonly" in to_callee
    assert other.manager.sessions[NEW_A].on_hold


async def test_refused_media_sections_are_kept(node, other):
    caller = sdp(0, more_media=VIDEO)
    _, _, offer, _ = move(node, other, caller, sdp(0, host=CALLEE_IP))
    assert lines_of(offer, "m=")[1] == "m=video 0 RTP/AVP 96"


async def test_the_way_back_has_a_higher_version_too(node, other):
    to_caller, _, offer, _ = move(node, other, sdp(0), sdp(0, host=CALLEE_IP))
    back = node.manager.create_offer(A, previous_sdp=offer)
    versions = [int(lines_of(text, "o=")[0].split()[2]) for text in (to_caller, offer, back)]
    assert versions == [1, 2, 3]
    assert lines_of(back, "c=") == lines_of(to_caller, "c=")
    assert node.manager.update_remote(A, sdp(0), is_answer=True).state is SessionState.BRIDGED


@pytest.mark.parametrize(
    ("local", "remote", "reason"),
    [
        ("nonsense", sdp(0), Reason.MALFORMED_SDP),
        (sdp(0), "nonsense", Reason.MALFORMED_SDP),
        (sdp(0), sdp(8), Reason.NO_COMMON_CODEC),
        (sdp(0), sdp(0, host="127.0.0.1"), Reason.REFUSED_ADDRESS),
        (sdp(0).replace("123456 1 ", "123456 x "), sdp(0), Reason.MALFORMED_SDP),
    ],
)
async def test_what_cannot_be_continued_opens_no_session(node, local, remote, reason):
    with refused(reason):
        node.manager.create_session(NEW_A, continues=(local, remote), signaling_ip=CALLER_IP)
    assert node.manager.sessions == {}
    assert node.engine.sessions == {}


async def test_a_node_that_stops_takes_sessions_of_its_own_calls_alone(node):
    node.open(sdp(0))
    node.manager.admission.is_draining = True
    with refused(Reason.DRAINING) as caught:
        node.manager.create_session("another", call_id="another call")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    node.manager.create_session("fork", call_id="call")
    assert set(node.manager.sessions) == {A, B, "fork"}
    assert node.manager.health()[0::5] == (False, True)
