# SPDX-License-Identifier: Apache-2.0
"""Round trips and mutations: what is written can be read, and nothing that is read breaks the reader."""

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from media.control.errors import MediaError
from media.control.remote_audio import read_remote_audio
from media.control.sdp import Connection, MediaDescription, Origin, SdpError, SessionDescription
from media.control.sdp_parser import parse_sdp
from media.control.tests.descriptions import sdp

TOKEN = st.text(string.ascii_letters + string.digits + "-._+", min_size=1, max_size=20)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f"), max_size=60)
NUMBER = st.integers(0, 2**63).map(str)
ADDRESS = st.one_of(
    st.tuples(st.just("IP4"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("IP6"), st.ip_addresses(v=6).map(str)),
)
CONNECTION = ADDRESS.map(lambda pair: Connection(*pair))
ATTRIBUTES = st.lists(st.tuples(TOKEN, st.none() | TEXT), max_size=8).map(tuple)
MEDIA = st.builds(
    MediaDescription,
    media=TOKEN,
    port=st.integers(0, 65535),
    protocol=TOKEN,
    formats=st.lists(TOKEN, min_size=1, max_size=6).map(tuple),
    connection=st.none() | CONNECTION,
    attributes=ATTRIBUTES,
)
ORIGIN = st.builds(
    lambda username, number, version, address: Origin(username, number, version, *address),
    TOKEN,
    NUMBER,
    NUMBER,
    ADDRESS,
)
DESCRIPTION = st.builds(
    SessionDescription,
    origin=ORIGIN,
    session_name=TEXT.map(lambda text: text or "-"),
    connection=st.none() | CONNECTION,
    attributes=ATTRIBUTES,
    media=st.lists(MEDIA, max_size=4).map(tuple),
)

SEEDS = [
    sdp(),
    sdp(96, 97, 0, extra="a=ptime:20\r\na=maxptime:60\r\na=rtcp:40001 IN IP4 198.51.100.10"),
    sdp(8, direction="inactive", more_media="m=video 5000 RTP/AVP 34\r\na=rtpmap:34 H263/90000\r\n"),
]
JUNK = [
    b"\0",
    b"\r",
    b"\n",
    b"=",
    b" ",
    b":",
    b"/",
    b"-1",
    b"99999999999999999999",
    b"\xc3\xa9",
    b"\xff",
    b"a=",
    b"m=",
]


@settings(deadline=None)
@given(DESCRIPTION)
def test_it_reads_back_what_it_writes(description):
    assert parse_sdp(str(description)) == description


@st.composite
def mutated(draw):
    data = bytearray(draw(st.sampled_from(SEEDS)).encode())
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        piece = draw(st.sampled_from(JUNK) | st.binary(max_size=6) | st.just(bytes(data[start:end]) * 3))
        data[start:end] = piece
    return data.decode("utf-8", "replace")


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_it_survives_mutated_descriptions(text):
    try:
        description = parse_sdp(text)
    except SdpError:
        return
    assert parse_sdp(str(description)) == description


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_it_only_ever_raises_media_errors(text):
    try:
        audio = read_remote_audio(text)
    except MediaError:
        return
    assert all(0 <= entry.payload_type <= 127 for entry in audio.formats)
    assert audio.ptime_ms is None or 3 <= audio.ptime_ms <= 200
