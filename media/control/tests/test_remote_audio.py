# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.directions import Direction
from media.control.errors import MediaError, Reason
from media.control.remote_audio import read_remote_audio
from media.control.tests.descriptions import sdp

VIDEO = "m=video 5000 RTP/AVP 34\r\n"


def test_it_reads_addresses_formats_and_packet_times():
    audio = read_remote_audio(sdp(0, 101, extra="a=ptime:30\r\na=maxptime:150"))
    assert audio.rtp == ("198.51.100.10", 40000)
    assert audio.rtcp == ("198.51.100.10", 40001)
    assert [entry.encoding for entry in audio.formats] == ["PCMU", "telephone-event"]
    assert (audio.ptime_ms, audio.maxptime_ms) == (30, 150)
    assert not audio.on_hold


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=rtcp:53020", ("198.51.100.10", 53020)),
        ("a=rtcp:53020 IN IP4 198.51.100.77", ("198.51.100.77", 53020)),
    ],
)
def test_it_reads_the_rtcp_attribute_of_rfc_3605(line, expected):
    assert read_remote_audio(sdp(0, extra=line)).rtcp == expected


@pytest.mark.parametrize("line", ["a=rtcp:", "a=rtcp:0", "a=rtcp:70000", "a=rtcp:4001 IN"])
def test_it_refuses_a_malformed_rtcp_attribute(line):
    with pytest.raises(MediaError) as caught:
        read_remote_audio(sdp(0, extra=line))
    assert caught.value.reason is Reason.MALFORMED_SDP


def test_the_last_port_has_no_port_for_reports():
    assert read_remote_audio(sdp(0, port=65535)).rtcp is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=ptime:0", 3),
        ("a=ptime:4294967296", 200),
        ("a=ptime:20.5", 20),
        ("a=ptime:-20", None),
        ("a=ptime:x", None),
    ],
)
def test_it_clamps_packet_times(line, expected):
    assert read_remote_audio(sdp(0, extra=line)).ptime_ms == expected


def test_it_takes_the_direction_of_the_session_when_the_stream_has_none():
    text = sdp(0).replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")
    assert read_remote_audio(text).direction is Direction.SENDONLY
    text = sdp(0, direction="recvonly").replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")
    assert read_remote_audio(text).direction is Direction.RECVONLY


def test_a_zero_address_is_a_hold():
    audio = read_remote_audio(sdp(0, host="0.0.0.0"))
    assert (audio.rtp, audio.rtcp, audio.direction) == (None, None, Direction.SENDONLY)
    assert audio.on_hold


def test_it_takes_the_first_audio_that_it_can_serve():
    text = sdp(0, profile="RTP/SAVP", more_media=VIDEO + "m=audio 41000 RTP/AVP 8\r\n")
    audio = read_remote_audio(text)
    assert (audio.audio_line, audio.rtp) == (2, ("198.51.100.10", 41000))
    assert [line.media for line in audio.lines] == ["audio", "video", "audio"]


@pytest.mark.parametrize("profile", ["RTP/SAVP", "RTP/SAVPF", "RTP/AVPX", "UDP/TLS/RTP/SAVPF"])
def test_it_refuses_other_profiles(profile):
    with pytest.raises(MediaError, match="unsupported transport profile") as caught:
        read_remote_audio(sdp(0, profile=profile))
    assert caught.value.reason is Reason.UNSUPPORTED_TRANSPORT


@pytest.mark.parametrize("text", [sdp(0, port=0), sdp(0).replace("m=audio", "m=video")])
def test_it_refuses_descriptions_without_audio(text):
    with pytest.raises(MediaError) as caught:
        read_remote_audio(text)
    assert caught.value.reason is Reason.NO_AUDIO


def test_audio_that_brings_a_key_comes_before_audio_that_brings_none():
    secure = f"m=audio 4002 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}\r\n"
    audio = read_remote_audio(sdp(0, more_media=secure))
    assert (audio.audio_line, audio.is_secure, len(audio.crypto)) == (1, True, 1)
    useless = "m=audio 4002 RTP/SAVP 0\r\na=crypto:1 AEAD_AES_256_GCM inline:AAAA\r\n"
    assert read_remote_audio(sdp(0, more_media=useless + secure)).audio_line == 2
    assert read_remote_audio(sdp(0, more_media=useless)).audio_line == 0
    assert read_remote_audio(sdp(0, more_media=secure), 0).audio_line == 0, "of an answer"


def test_an_answer_must_have_the_audio_where_the_offer_had_it():
    text = sdp(0, port=0, more_media="m=audio 41000 RTP/AVP 0\r\n")
    assert read_remote_audio(text, 1).audio_line == 1
    for index in (0, 2):
        with pytest.raises(MediaError):
            read_remote_audio(text, index)


def test_it_needs_a_connection_line():
    with pytest.raises(MediaError) as caught:
        read_remote_audio(sdp(0).replace("c=IN IP4 198.51.100.10\r\n", ""))
    assert caught.value.reason is Reason.MALFORMED_SDP
