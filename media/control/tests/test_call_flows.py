# SPDX-License-Identifier: Apache-2.0
"""What both phones of a call are sent, from the INVITE to a hold and back."""

import pytest

from media.control.errors import MediaError, Reason
from media.control.session_states import SessionState
from media.control.tests.descriptions import lines_of, sdp
from media.control.tests.harness import CALLEE_IP, A, B

CALLER, CALLEE = ("198.51.100.10", 40000), (CALLEE_IP, 50000)


def callee(*numbers, **changes):
    return sdp(*numbers, **({"host": CALLEE_IP, "port": 50000} | changes))


async def test_the_callee_is_offered_what_the_caller_offers(node):
    offer = node.open(sdp(96, 0, 101, extra="a=ptime:30\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"))
    assert lines_of(offer, "m=") == ["m=audio 20004 RTP/AVP 96 0 101"]
    assert lines_of(offer, "a=") == [
        "a=rtpmap:96 opus/48000/2",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:30",
        "a=sendrecv",
    ]
    assert lines_of(offer, "c=") == ["c=IN IP4 192.0.2.1"]


async def test_the_caller_is_answered_with_what_the_callee_took(node):
    answer = node.connect(sdp(0, 8, 101), callee(8, 101))
    assert lines_of(answer, "m=") == ["m=audio 20002 RTP/AVP 8 101"]
    assert node.engine.named("set_remote") == [
        (B, CALLEE, (CALLEE_IP, 50001), CALLEE_IP),
        (A, CALLER, ("198.51.100.10", 40001), "198.51.100.10"),
    ]
    assert node.engine.named("bridge") == [(A, B)]
    assert node.engine.named("set_payload_map") == []
    assert node.manager.sessions[A].state is SessionState.BRIDGED


async def test_payload_types_are_rewritten_when_the_callee_numbers_differently(node):
    answer = node.connect(sdp(0, 101), callee(0, 102))
    assert lines_of(answer, "m=") == ["m=audio 20002 RTP/AVP 0 101"]
    assert node.engine.named("set_payload_map") == [(A, {102: 101}, None), (B, {101: 102}, None)]


async def test_the_rewriting_ends_when_a_new_answer_makes_it_needless(node):
    node.connect(sdp(0, 101), callee(0, 102))
    node.reoffer(A, sdp(0, 101), callee(0, 101))
    assert node.engine.named("set_payload_map")[-2:] == [(B, {}, None), (A, {}, None)]


async def test_a_callee_without_a_common_codec_is_refused_and_nothing_changes(node):
    node.open(sdp(0, 101))
    with pytest.raises(MediaError, match="no common codec"):
        node.manager.update_remote(B, callee(8, 101), is_answer=True)
    assert node.manager.sessions[B].state is SessionState.PENDING_REMOTE
    assert node.engine.named("set_remote") == []


async def test_a_callee_that_declines_the_audio_is_refused(node):
    node.open(sdp(0, 101))
    with pytest.raises(MediaError) as caught:
        node.manager.update_remote(B, callee(0, port=0), is_answer=True)
    assert caught.value.reason is Reason.NO_AUDIO


async def test_video_is_refused_in_its_place_and_not_offered_on(node):
    caller = sdp(0, more_media="m=video 5000 RTP/AVP 34\r\na=rtpmap:34 H263/90000\r\n")
    assert lines_of(node.open(caller), "m=") == ["m=audio 20004 RTP/AVP 0"]
    answer = node.answer(callee(0))
    assert lines_of(answer, "m=") == ["m=audio 20002 RTP/AVP 0", "m=video 0 RTP/AVP 34"]


async def test_an_offer_of_feedback_is_answered_with_its_profile_and_without_feedback(node):
    caller = sdp(0, 101, profile="RTP/AVPF", extra="a=rtcp-fb:* ccm tmmbr\r\na=rtcp-fb:0 nack")
    assert lines_of(node.open(caller), "m=") == ["m=audio 20004 RTP/AVP 0 101"]
    answer = node.answer(callee(0, 101))
    assert lines_of(answer, "m=") == ["m=audio 20002 RTP/AVPF 0 101"]
    assert lines_of(answer, "a=rtcp-fb") == []
    offer = node.manager.create_offer(A, offer_like=B)
    assert lines_of(offer, "m=") == ["m=audio 20002 RTP/AVPF 0 101"]
    node.manager.update_remote(A, caller, is_answer=True)


async def test_a_profile_with_feedback_is_answered_beside_one_that_is_not_served(node):
    caller = sdp(0, profile="RTP/SAVPF", more_media="m=audio 41000 RTP/AVPF 8\r\n")
    node.open(caller)
    answer = node.answer(callee(8))
    assert lines_of(answer, "m=") == ["m=audio 0 RTP/SAVPF 0", "m=audio 20002 RTP/AVPF 8"]


async def test_a_later_offer_keeps_the_media_sections_in_order(node):
    caller = sdp(0).replace("m=audio", "m=video 5000 RTP/AVP 34\r\nm=audio")
    node.connect(caller, callee(0))
    offer = node.manager.create_offer(A, offer_like=B)
    assert lines_of(offer, "m=") == ["m=video 0 RTP/AVP 34", "m=audio 20002 RTP/AVP 0"]
    answer = sdp(0).replace("m=audio", "m=video 0 RTP/AVP 34\r\nm=audio")
    node.manager.update_remote(A, answer, is_answer=True)


@pytest.mark.parametrize(
    ("hold", "relayed", "callee_says", "answered"),
    [
        ("sendonly", "sendonly", "recvonly", "recvonly"),
        ("inactive", "inactive", "inactive", "inactive"),
        ("sendonly", "sendonly", "inactive", "inactive"),
        ("recvonly", "recvonly", "sendonly", "sendonly"),
    ],
)
async def test_a_hold_reaches_the_other_phone_and_is_answered_in_kind(
    node, hold, relayed, callee_says, answered
):
    node.connect()
    offer, answer = node.reoffer(A, sdp(direction=hold), callee(direction=callee_says))
    assert lines_of(offer, f"a={relayed}") == [f"a={relayed}"]
    assert lines_of(answer, f"a={answered}") == [f"a={answered}"]
    assert node.manager.sessions[A].on_hold
    assert node.manager.sessions[B].on_hold


async def test_a_hold_by_zero_address_stops_media_to_the_caller_until_it_is_lifted(node):
    node.connect()
    offer, answer = node.reoffer(A, sdp(host="0.0.0.0"), callee(direction="recvonly"))
    assert lines_of(offer, "c=") == ["c=IN IP4 192.0.2.1"]
    assert lines_of(offer, "a=sendonly")
    assert lines_of(answer, "a=recvonly")
    assert (A, None, None, "198.51.100.10") in node.engine.named("set_remote")
    assert (A, {}, b"") in node.engine.named("set_payload_map")
    offer, answer = node.reoffer(A, sdp(), callee())
    assert lines_of(offer, "a=sendrecv")
    assert lines_of(answer, "a=sendrecv")
    assert node.engine.named("set_remote")[-1] == (A, CALLER, ("198.51.100.10", 40001), "198.51.100.10")
    assert node.engine.named("set_payload_map")[-1] == (A, {}, None)
    assert not node.manager.sessions[A].on_hold


async def test_the_callee_can_hold_the_caller(node):
    node.connect()
    offer, answer = node.reoffer(B, callee(direction="sendonly"), sdp(direction="recvonly"))
    assert lines_of(offer, "m=") == ["m=audio 20002 RTP/AVP 0 8 101"]
    assert lines_of(offer, "a=sendonly")
    assert lines_of(answer, "a=recvonly")


async def test_the_origin_keeps_its_id_and_its_version_rises_with_changes(node):
    first = node.connect()
    _, held = node.reoffer(A, sdp(direction="sendonly"), callee(direction="recvonly"))
    _, again = node.reoffer(A, sdp(direction="sendonly"), callee(direction="recvonly"))
    origins = [lines_of(text, "o=")[0].split() for text in (first, held, again)]
    assert len({origin[1] for origin in origins}) == 1
    assert [origin[2] for origin in origins] == ["1", "2", "2"]


async def test_an_offer_that_is_refused_leaves_the_call_as_it_was(node):
    node.connect(sdp(0, 101), callee(0, 101))
    before = len(node.engine.commands)
    node.manager.update_remote(A, sdp(8, direction="sendonly"), is_answer=False)
    node.manager.create_offer(B, offer_like=A)
    session = node.manager.sessions[A]
    assert (session.codec, session.on_hold, len(node.engine.commands)) == ("PCMU", False, before)
    assert not node.manager.sessions[B].on_hold


async def test_a_refused_offer_is_forgotten_when_the_other_party_offers(node):
    node.connect(sdp(0, 101), callee(0, 101))
    node.manager.update_remote(A, sdp(8), is_answer=False)
    node.reoffer(B, callee(0, 101), sdp(0, 101))
    created = node.manager.create_session("third", signaling_ip=CALLEE_IP, offer_like=A)
    assert lines_of(created.local_sdp, "m=") == ["m=audio 20006 RTP/AVP 0 101"]


async def test_a_refresh_without_the_other_party_is_answered_alone(node):
    node.connect(sdp(0, 101), callee(0, 101))
    node.manager.update_remote(A, sdp(0, 101, direction="sendonly"), is_answer=False)
    answer = node.manager.create_answer(A).local_sdp
    assert lines_of(answer, "a=recvonly")


async def test_the_first_description_wins_again_after_a_fork(node):
    node.open(sdp(0, 8, 101))
    node.manager.create_session("other", signaling_ip=CALLEE_IP, offer_like=A)
    node.manager.update_remote(B, callee(0), is_answer=True)
    early = node.manager.create_answer(A, peer_session_id=B).local_sdp
    node.manager.update_remote("other", callee(8, port=50010), is_answer=True)
    final = node.manager.create_answer(A, peer_session_id="other").local_sdp
    assert (lines_of(early, "m=")[0][-1], lines_of(final, "m=")[0][-1]) == ("0", "8")


async def test_an_answer_that_is_repeated_does_not_arm_the_engine_again(node):
    node.open(sdp(0))
    for _ in range(3):
        node.manager.update_remote(B, callee(0), is_answer=True)
        node.manager.create_answer(A, peer_session_id=B)
    assert [entry[0] for entry in node.engine.named("set_remote")] == [B, A]


async def test_a_new_offer_with_the_same_address_arms_it_once_more(node):
    node.connect(sdp(0), callee(0))
    node.reoffer(A, sdp(0), callee(0))
    assert [entry[0] for entry in node.engine.named("set_remote")] == [B, A, B, A]


async def test_a_caller_without_an_offer_gets_ours_and_answers_it(node):
    created = node.manager.create_session(A, leg="A", signaling_ip="198.51.100.10")
    assert lines_of(created.local_sdp, "m=") == ["m=audio 20002 RTP/AVP 0 8 101"]
    node.manager.create_session(B, leg="B", signaling_ip=CALLEE_IP)
    node.manager.update_remote(B, callee(8, 101), is_answer=True)
    offer = node.manager.create_offer(A, offer_like=B)
    assert lines_of(offer, "m=") == ["m=audio 20002 RTP/AVP 8 101"]
    node.manager.update_remote(A, sdp(8, 101), is_answer=True)
    node.manager.bridge(A, B)
    assert node.manager.sessions[A].state is SessionState.BRIDGED


async def test_a_phone_asked_for_an_offer_while_its_peer_holds_is_offered_the_hold(node):
    node.connect()
    node.reoffer(B, callee(direction="sendonly"), sdp(direction="recvonly"))
    assert lines_of(node.manager.create_offer(A), "a=sendonly")


async def test_after_a_prompt_the_callee_is_offered_what_the_caller_uses(node):
    node.manager.create_session(A, remote_sdp=sdp(8, 0, 101), signaling_ip="198.51.100.10")
    assert lines_of(node.manager.create_answer(A).local_sdp, "m=") == ["m=audio 20002 RTP/AVP 8 101"]
    created = node.manager.create_session(B, signaling_ip=CALLEE_IP, offer_like=A)
    assert lines_of(created.local_sdp, "m=") == ["m=audio 20004 RTP/AVP 8 101"]
