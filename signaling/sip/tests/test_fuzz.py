# SPDX-License-Identifier: Apache-2.0
"""Mutated messages: nothing but a RemoteProtocolError ever comes out, and what passes can be answered."""

from __future__ import annotations

import contextlib
import os
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip import (
    Challenge,
    Credentials,
    CSeq,
    NameAddr,
    ParseError,
    RemoteProtocolError,
    SipRequest,
    SipResponse,
    SipUri,
    StreamFramer,
    Via,
    check_request,
    check_response,
    parse_message,
)
from signaling.sip.grammar import split_outside
from signaling.sip.tests.samples import INVITE, OPTIONS, RESPONSE
from signaling.sip.tests.torture_cases import TORTURE_CASES

MUTATIONS = int(os.environ.get("SIP_FUZZ_MUTATIONS", "1500"))
"""Mutations per seed; raise it for a long run."""

CORPUS = [INVITE, OPTIONS, RESPONSE, *(case.data for case in TORTURE_CASES)]
PROPERTIES = [
    "call_id",
    "cseq",
    "from_",
    "to",
    "top_via",
    "vias",
    "contacts",
    "routes",
    "record_routes",
    "content_type",
    "max_forwards",
    "expires",
]
TRICKS = [
    b"\r\n", b"\n", b"\r", b"\n\n", b"\r\n\r\n", b"\r\n ", b"\t", b" ", b"\x00", b"\x7f", b"\xff", b"\xc3\xa9",
    b'"', b"\\", b"<", b">", b";", b",", b":", b"@", b"?", b"=", b"%", b"%00", b"%zz", b"[", b"]", b"[::1]",
    b";tag=", b";;", b"*", b"9" * 400, b"-1", b"a" * 9000, b"l: 1\r\n", b"Via: x\r\n", b"sip:", b"SIP/2.0",
    b";x" * 3000, b"," * 5000, b'"\\' * 3000, b"(" * 300, "\u212a".encode(), "\u0665".encode(),
]  # fmt: skip


def mutated(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(CORPUS))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        end = min(len(data), at + rng.randint(0, 12))
        kind = rng.randrange(5)
        if kind == 0:
            data[at:end] = rng.choice(TRICKS)
        elif kind == 1:
            data[at:at] = rng.choice(TRICKS)
        elif kind == 2:
            del data[at:end]
        elif kind == 3:
            other = rng.choice(CORPUS)
            start = rng.randrange(len(other))
            data[at:end] = other[start : start + rng.randint(1, 60)]
        else:
            data[at:end] = rng.randbytes(end - at)
    return bytes(data)


def touch(message: SipRequest | SipResponse) -> None:
    """Use everything of a message as the layers above do."""
    for name in PROPERTIES:
        try:
            value = getattr(message, name)
        except RemoteProtocolError as error:
            assert 400 <= error.status_hint < 700
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, NameAddr | Via | CSeq):
                assert type(item).parse(str(item)) == item
    if isinstance(message, SipRequest):
        message.response(400, to_tag="x").to_bytes()
        message.response(180, to_tag="x").to_bytes()
    again = parse_message(message.to_bytes())
    assert again.body == message.body
    assert {name: lines for name, lines in again.headers.fields.items() if name != "Content-Length"} == {
        name: lines for name, lines in message.headers.fields.items() if name != "Content-Length"
    }


def feed(data: bytes) -> None:
    try:
        message = parse_message(data)
    except ParseError as error:
        assert 400 <= error.status_hint < 700
        if error.request is not None:
            parse_message(error.request.response(error.status_hint, to_tag="x").to_bytes())
        return
    touch(message)
    try:
        if isinstance(message, SipRequest):
            check_request(message)
        else:
            check_response(message)
    except RemoteProtocolError as error:
        assert 400 <= error.status_hint < 700


@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_message_never_breaks_the_parser(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(MUTATIONS):
        feed(mutated(rng))


@pytest.mark.parametrize("seed", range(2))
def test_a_mutated_stream_gives_messages_that_the_parser_sees_alike(seed: int) -> None:
    rng = random.Random(1000 + seed)
    for _ in range(MUTATIONS // 3):
        data = mutated(rng) + INVITE
        framer = StreamFramer()
        try:
            items = framer.feed(data[: len(data) // 2]) + framer.feed(data[len(data) // 2 :])
        except ParseError:
            continue
        for item in items:
            if item.startswith(b"\r\n"):
                continue
            try:
                message = parse_message(item)
            except ParseError:
                continue
            assert item.endswith(message.body), "framer and parser cut alike"
            assert item[len(item) - len(message.body) - 1 :][:1] == b"\n"


@given(st.text(max_size=60))
def test_no_text_breaks_a_value_parser(text: str) -> None:
    for kind in (SipUri, NameAddr, Via, CSeq, Challenge, Credentials):
        try:
            value = kind.parse(text)
        except RemoteProtocolError:
            continue
        assert kind.parse(str(value)) == value


@given(st.binary(max_size=400))
def test_noise_never_breaks_the_parser(data: bytes) -> None:
    feed(data)
    feed(INVITE[:60] + data + INVITE[60:])


@pytest.mark.parametrize(
    "line",
    [
        b"Via: " + b"SIP/2.0/UDP a," * 4000,
        b"To: " + b'"' * 60000,
        b'To: "' + b"\\" * 60000,
        b"To: <sip:" + b"a" * 60000,
        b"To: <sip:a@h>" + b";a" * 30000,
        b"To: <sip:a@h>;x=" + b'"\\"' * 20000,
        b"Contact: " + b"<" * 60000,
        b"Contact: " + b"<sip:a@h>," * 6000,
        b"X" * 60000 + b": y",
        b"X: y\r\n" + b" \r\n" * 20000,
        b"X: " + b" " * 60000 + b"y",
        b"X: y\r\n" * 10000,
        b"Subject: " + b"\\\x00" * 30000,
    ],
    ids=range(13),
)
def test_no_line_takes_long(line: bytes) -> None:
    """60 kB of the worst input in linear time: well under a tenth of a second; a quadratic parser needs minutes."""
    head, _, rest = INVITE.partition(b"\r\n")
    data = b"\r\n".join([head, line, rest])
    start = time.perf_counter()
    feed(data)
    text = line.partition(b": ")[2].decode("latin-1")
    for parse in (
        SipUri.parse,
        NameAddr.parse,
        Via.parse,
        CSeq.parse,
        lambda value: split_outside(value, ","),
    ):
        with contextlib.suppress(RemoteProtocolError):
            parse(text)
    with contextlib.suppress(RemoteProtocolError):
        Credentials.parse(f"Digest {text}")
    assert time.perf_counter() - start < 2
