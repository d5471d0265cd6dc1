# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.codecs import STATIC_FORMATS, Format, is_speech, parse_rtpmap, payload_number, read_formats
from media.control.sdp import MediaDescription, SdpError


def formats(numbers, *attributes):
    return read_formats(MediaDescription("audio", 4000, "RTP/AVP", tuple(numbers.split()), None, attributes))


def test_it_knows_static_payload_types_without_an_rtpmap():
    assert formats("0 8 18") == (STATIC_FORMATS[0], STATIC_FORMATS[8], STATIC_FORMATS[18])


def test_it_reads_dynamic_ones_with_their_parameters():
    (opus,) = formats("96", ("rtpmap", "96 opus/48000/2"), ("fmtp", "96 useinbandfec=1"))
    assert opus == Format(96, "opus", 48000, 2, "useinbandfec=1")
    assert opus.rtpmap == "96 opus/48000/2"


def test_it_leaves_out_numbers_without_a_meaning_and_repeated_ones():
    assert formats("0 97 0") == (STATIC_FORMATS[0],)


def test_it_takes_the_rtpmap_over_the_static_table():
    assert formats("0", ("rtpmap", "0 pcmu/8000"))[0].encoding == "pcmu"


def test_it_treats_encoding_names_as_equal_whatever_their_case():
    assert parse_rtpmap("0 pcmu/8000").key == STATIC_FORMATS[0].key


def test_it_ignores_parameters_that_are_too_long():
    assert formats("0", ("fmtp", "0 " + "x" * 300))[0].fmtp is None


@pytest.mark.parametrize("text", ["", "128", "-1", "1e1", "007", "a", "٣", "1000"])
def test_it_refuses_what_is_no_payload_type(text):
    with pytest.raises(SdpError):
        payload_number(text)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "96",
        "96 opus",
        "96 /8000",
        "96 opus/0",
        "96 opus/99999999",
        "96 opus/48000/0",
        "96 o/8000/2/3",
        "200 x/8000",
    ],
)
def test_it_refuses_malformed_rtpmaps(value):
    with pytest.raises(SdpError):
        parse_rtpmap(value)


@pytest.mark.parametrize(
    ("encoding", "expected"), [("PCMU", True), ("opus", True), ("telephone-event", False), ("CN", False)]
)
def test_it_knows_what_carries_speech(encoding, expected):
    assert is_speech(Format(96, encoding, 8000)) is expected
