# SPDX-License-Identifier: Apache-2.0
"""Offer/answer tables: what is offered, what is answered, what both make of it."""

import pytest

from media.control.codecs import DEFAULT_FORMATS, Format, parse_rtpmap
from media.control.directions import Direction
from media.control.errors import MediaError, Reason
from media.control.negotiate import (
    agree_like_peer,
    agree_on_answer,
    agree_on_playable,
    answer_direction,
    offered_formats,
    payload_map,
    playable_format,
)
from media.control.remote_audio import read_remote_audio
from media.control.tests.descriptions import sdp

SENDRECV, SENDONLY, RECVONLY, INACTIVE = Direction


def formats(*rtpmaps):
    return tuple(parse_rtpmap(text) for text in rtpmaps)


PCMU, PCMA, G729 = formats("0 PCMU/8000", "8 PCMA/8000", "18 G729/8000")
EVENTS_101, EVENTS_96, OPUS_96, OPUS_111 = formats(
    "101 telephone-event/8000", "96 telephone-event/8000", "96 opus/48000/2", "111 opus/48000/2"
)
CN = Format(13, "CN", 8000)


def numbers(agreement):
    return [(entry.local.payload_type, entry.remote.payload_type) for entry in agreement]


@pytest.mark.parametrize(
    ("offered", "answered", "expected"),
    [
        ((PCMU, PCMA, EVENTS_101), (PCMU, PCMA, EVENTS_101), [(0, 0), (8, 8), (101, 101)]),
        ((PCMU, PCMA), (PCMA, PCMU), [(8, 8), (0, 0)]),
        ((PCMU, PCMA, EVENTS_101), (PCMA,), [(8, 8)]),
        ((OPUS_111, EVENTS_101), (OPUS_96, EVENTS_101), [(111, 96), (101, 101)]),
        ((PCMU, EVENTS_101), (PCMU, EVENTS_96), [(0, 0), (101, 96)]),
        ((PCMU,), (G729, PCMU), [(0, 0)]),
    ],
)
def test_an_answer_selects_from_the_offer(offered, answered, expected):
    assert numbers(agree_on_answer(offered, answered)) == expected


@pytest.mark.parametrize(
    ("offered", "answered"),
    [((PCMU,), (PCMA,)), ((PCMU, EVENTS_101), (EVENTS_101,)), ((CN,), (CN,)), ((), ())],
)
def test_an_answer_without_common_speech_is_refused(offered, answered):
    with pytest.raises(MediaError, match="no common codec") as caught:
        agree_on_answer(offered, answered)
    assert caught.value.reason is Reason.NO_COMMON_CODEC


@pytest.mark.parametrize(
    ("offered", "peer_offered", "peer_answered", "expected"),
    [
        ((PCMU, PCMA, EVENTS_101), (PCMU, PCMA, EVENTS_101), (PCMA, EVENTS_101), [(8, 8), (101, 101)]),
        ((PCMU, EVENTS_101), (PCMU, EVENTS_101), (PCMU, EVENTS_96), [(0, 0), (101, 101)]),
        ((OPUS_111, PCMU), (OPUS_111, PCMU), (OPUS_96,), [(111, 111)]),
        ((PCMU,), (PCMU, EVENTS_101), (PCMU, EVENTS_101), [(0, 0)]),
    ],
)
def test_an_answer_like_the_peers_keeps_the_offers_numbers(offered, peer_offered, peer_answered, expected):
    peer = agree_on_answer(peer_offered, peer_answered)
    assert numbers(agree_like_peer(offered, peer)) == expected


def test_an_answer_like_the_peers_says_what_the_peer_can_receive():
    offered = (PCMU, EVENTS_101._replace(fmtp="0-16"))
    peer = agree_on_answer(offered, (PCMU, EVENTS_101._replace(fmtp="0-11")))
    assert agree_like_peer(offered, peer)[1].local.fmtp == "0-11"


def test_entries_of_one_codec_are_told_apart_by_their_number():
    plain, aligned = Format(96, "AMR", 8000), Format(97, "AMR", 8000, 1, "octet-align=1")
    offered = (plain, aligned)
    peer = agree_on_answer(offered, (aligned,))
    assert numbers(agree_like_peer(offered, peer)) == [(97, 97)]


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ((PCMU, PCMA, EVENTS_101), [(0, 0), (101, 101)]),
        ((OPUS_96, PCMA, PCMU), [(8, 8)]),
        ((G729, PCMU, EVENTS_96), [(0, 0), (96, 96)]),
    ],
)
def test_the_node_itself_answers_with_the_first_format_it_can_play(offered, expected):
    assert numbers(agree_on_playable(offered)) == expected


def test_the_node_itself_cannot_answer_an_offer_without_g711():
    with pytest.raises(MediaError, match="no common codec"):
        agree_on_playable((OPUS_96, EVENTS_101))


def test_an_offer_carries_the_other_legs_list_as_it_is():
    assert offered_formats((OPUS_96, PCMU, EVENTS_101), {}) == (OPUS_96, PCMU, EVENTS_101)
    assert offered_formats(None, {}) == DEFAULT_FORMATS


def test_a_new_offer_does_not_give_a_used_number_another_meaning():
    used = {96: EVENTS_96.key, 0: PCMU.key}
    offer = offered_formats((OPUS_96, PCMU, EVENTS_101), used)
    assert [(entry.payload_type, entry.encoding) for entry in offer] == [
        (97, "opus"),
        (0, "PCMU"),
        (101, "telephone-event"),
    ]


def test_a_new_offer_uses_the_number_that_a_codec_has_already():
    used = {97: OPUS_96.key, 96: EVENTS_96.key}
    assert [entry.payload_type for entry in offered_formats((OPUS_96,), used)] == [97]


def test_there_is_nothing_to_offer_without_speech():
    with pytest.raises(MediaError, match="no common codec"):
        offered_formats((EVENTS_101,), {})


@pytest.mark.parametrize(
    ("offer", "peer", "expected"),
    [
        ("sendrecv", None, SENDRECV),
        ("sendonly", None, RECVONLY),
        ("recvonly", None, SENDONLY),
        ("inactive", None, INACTIVE),
        ("sendrecv", "sendrecv", SENDRECV),
        ("sendrecv", "sendonly", SENDONLY),
        ("sendrecv", "recvonly", RECVONLY),
        ("sendrecv", "inactive", INACTIVE),
        ("sendonly", "recvonly", RECVONLY),
        ("sendonly", "inactive", INACTIVE),
        ("sendonly", "sendonly", INACTIVE),
    ],
)
def test_the_direction_of_an_answer(offer, peer, expected):
    offering = read_remote_audio(sdp(0, direction=offer))
    other = None if peer is None else read_remote_audio(sdp(0, direction=peer))
    assert answer_direction(offering, other) is expected


def test_payload_types_are_rewritten_where_the_legs_differ():
    caller = agree_like_peer((PCMU, EVENTS_101), agree_on_answer((PCMU, EVENTS_101), (PCMU, EVENTS_96)))
    callee = agree_on_answer((PCMU, EVENTS_101), (PCMU, EVENTS_96))
    assert payload_map(caller, callee) == {101: 96}
    assert payload_map(callee, caller) == {96: 101}


def test_a_phone_that_sends_with_its_own_numbers_is_understood_unless_they_mean_something_else():
    offered = (OPUS_96, EVENTS_101)
    remote = (Format(101, "opus", 48000, 2), Format(97, "telephone-event", 8000))
    callee = agree_on_answer(offered, remote)
    caller = agree_like_peer(offered, callee)
    assert payload_map(callee, caller) == {97: 101}
    assert payload_map(caller, callee) == {96: 101, 101: 97}


def test_legs_with_the_same_numbers_need_no_map():
    both = agree_on_answer((PCMU, PCMA, EVENTS_101), (PCMU, PCMA, EVENTS_101))
    assert payload_map(both, both) == {}


@pytest.mark.parametrize(
    ("agreed", "expected"), [((PCMA, PCMU), ("PCMA", 8)), ((OPUS_96, PCMU), ("PCMU", 0)), ((OPUS_96,), None)]
)
def test_prompts_use_the_first_format_that_can_be_played(agreed, expected):
    assert playable_format(agree_on_answer(agreed, agreed)) == expected
