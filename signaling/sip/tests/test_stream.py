# SPDX-License-Identifier: Apache-2.0
"""StreamFramer: the same messages however the bytes arrive, keep-alives, and bounds."""

from __future__ import annotations

import random

import pytest

from signaling.sip import KEEP_ALIVE, ParseError, ParseLimits, StreamFramer, parse_message
from signaling.sip.tests.samples import INVITE, OPTIONS, RESPONSE, replaced, with_line

STREAM = INVITE + OPTIONS + RESPONSE + INVITE


def fed(*pieces: bytes) -> list[bytes]:
    framer = StreamFramer()
    return [item for piece in pieces for item in framer.feed(piece)]


def test_it_returns_whole_messages() -> None:
    assert fed(STREAM) == [INVITE, OPTIONS, RESPONSE, INVITE]


def test_it_works_byte_by_byte() -> None:
    assert fed(*(STREAM[index : index + 1] for index in range(len(STREAM)))) == [
        INVITE,
        OPTIONS,
        RESPONSE,
        INVITE,
    ]


@pytest.mark.parametrize("seed", range(20))
def test_it_works_in_any_pieces(seed: int) -> None:
    stream = (KEEP_ALIVE + STREAM + b"\r\n" + STREAM.replace(b"v=0\r\n", b"\r\n\r\n\n")) * 2
    cuts = sorted(random.Random(seed).sample(range(len(stream)), 25))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert fed(*pieces) == fed(stream)
    assert len(fed(stream)) == 18


def test_it_reports_pings_and_swallows_pongs() -> None:
    assert fed(KEEP_ALIVE) == [KEEP_ALIVE]
    assert fed(b"\r", b"\n\r", b"\n") == [KEEP_ALIVE]
    assert fed(b"\r\n", INVITE) == [INVITE]
    assert fed(b"\r\n\r\n\r\n" + INVITE + KEEP_ALIVE * 2) == [KEEP_ALIVE, INVITE, KEEP_ALIVE, KEEP_ALIVE]


def test_it_waits_for_the_body() -> None:
    framer = StreamFramer()
    assert framer.feed(INVITE[:-1]) == []
    assert framer.buffered_bytes == len(INVITE) - 1
    assert framer.feed(INVITE[-1:]) == [INVITE]
    assert framer.buffered_bytes == 0


@pytest.mark.parametrize(
    "line",
    [
        b"l:5",
        b"L : 5",
        b"content-length: 005",
        b"CONTENT-LENGTH\t:\t5",
        b"Content-Length:\r\n 5",
        b"l\r\n : 5",
    ],
)
def test_it_knows_every_spelling_of_content_length(line: bytes) -> None:
    data = replaced(b"Content-Length", line)
    assert fed(data + OPTIONS) == [data, OPTIONS]
    assert parse_message(data).body == b"v=0\r\n"


def test_it_is_not_fooled_by_a_folded_or_quoted_content_length() -> None:
    data = with_line(b"Subject: x\r\n l: 400\r\nX-l: 7")
    assert fed(data + OPTIONS) == [data, OPTIONS]


def test_it_finds_the_head_that_the_parser_finds() -> None:
    data = OPTIONS.replace(b"\r\n", b"\n")
    assert fed(data + INVITE) == [data, INVITE]
    assert parse_message(data).headers == parse_message(OPTIONS).headers


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: x", 400),
        (b"Content-Length: 5 5", 400),
        (b"Content-Length: \xd9\xa5", 400),
        (b"Content-Length: 5\r\nl: 5", 400),
        (b"Content-Length: 65536", 513),
        (b"Content-Length: " + b"9" * 6000, 513),
    ],
)
def test_it_refuses_a_bad_content_length(line: bytes, status: int) -> None:
    with pytest.raises(ParseError) as caught:
        fed(replaced(b"Content-Length", line))
    assert caught.value.status_hint == status
    assert caught.value.request is not None
    assert caught.value.request.call_id == "3848276298220188511@192.0.2.10"


def test_it_bounds_a_head_that_never_ends() -> None:
    framer = StreamFramer(ParseLimits(max_message_bytes=1000))
    with pytest.raises(ParseError) as caught:
        for _ in range(200):
            framer.feed(b"X: yyyy\r\n")
    assert caught.value.status_hint == 513
    assert framer.buffered_bytes == 0


def test_it_refuses_control_characters() -> None:
    with pytest.raises(ParseError):
        fed(with_line(b"X: \x00"))


def test_it_returns_what_came_before_a_fault() -> None:
    framer = StreamFramer()
    assert framer.feed(OPTIONS + replaced(b"Content-Length", b"") + OPTIONS) == [OPTIONS]
    assert framer.error is not None
    for data in (b"", OPTIONS):
        with pytest.raises(ParseError):
            framer.feed(data)


def test_a_slow_head_is_searched_once() -> None:
    """A quadratic search would take minutes over this head, fed byte by byte."""
    framer = StreamFramer()
    for _ in range(60000):
        assert framer.feed(b"a") == []
    assert framer.buffered_bytes == 60000
