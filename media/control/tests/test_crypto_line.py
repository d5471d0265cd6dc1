# SPDX-License-Identifier: Apache-2.0
"""Keys in descriptions (RFC 4568): which lines can be used, and how ours look."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.control.crypto_line import MASTER_BYTES, SUITES, CryptoLine, read_crypto
from media.control.remote_audio import read_remote_audio
from media.control.tests.descriptions import sdp

KEY = base64.b64encode(bytes(range(30))).decode()
SUITE = "AES_CM_128_HMAC_SHA1_80"


def read(*values: str | None) -> list[tuple[int, str]]:
    return [line[:2] for line in read_crypto([("crypto", value) for value in values])]


@pytest.mark.parametrize(
    "value",
    [
        f"1 {SUITE} inline:{KEY}",
        f"1 {SUITE} inline:{KEY}|2^20",
        f"1 {SUITE} inline:{KEY}|1048576",
        f"1 {SUITE} inline:{KEY} WSH=128",
        f"1 {SUITE} inline:{KEY} -SOME_HINT=1",
        f"1  {SUITE}   inline:{KEY}",
    ],
)
def test_a_line_can_be_used(value):
    assert read(value) == [(1, SUITE)]


@pytest.mark.parametrize(
    "value",
    [
        f"1 {SUITE} inline:{KEY}|2^20|1:4",
        f"1 {SUITE} inline:{KEY}|1:4",
        f"1 {SUITE} inline:{KEY}|2^20|1|2",
        f"1 {SUITE} inline:{KEY};inline:{KEY}|2^20|2:4",
        f"1 {SUITE} inline:{KEY} KDR=1",
        f"1 {SUITE} inline:{KEY} UNENCRYPTED_SRTP",
        f"1 {SUITE} inline:{KEY} UNENCRYPTED_SRTCP",
        f"1 {SUITE} inline:{KEY} UNAUTHENTICATED_SRTP",
        f"1 {SUITE} inline:{KEY} FEC_ORDER=SRTP_FEC",
        f"1 {SUITE} inline:{KEY} SOMETHING_NEW",
        f"1 {SUITE} uri:https://example.com/key",
        f"1 {SUITE} inline:{KEY[:-4]}",
        f"1 {SUITE} inline:{KEY}AAAA",
        f"1 {SUITE} inline:{KEY[:-1]}!",
        f"1 {SUITE} inline:{KEY[:-1]}ö",
        f"1 {SUITE} inline:",
        f"1 {SUITE}",
        "1",
        "",
        f"x {SUITE} inline:{KEY}",
        f"-1 {SUITE} inline:{KEY}",
        f"1234567890 {SUITE} inline:{KEY}",
        f"² {SUITE} inline:{KEY}",
        f"1 AEAD_AES_128_GCM inline:{KEY}",
        f"1 F8_128_HMAC_SHA1_80 inline:{KEY}",
    ],
)
def test_a_line_is_skipped(value):
    assert read(value) == []
    assert read(value, f"9 {SUITE} inline:{KEY}") == [(9, SUITE)]


def test_lines_keep_their_order_and_the_first_of_a_tag_counts():
    lines = read(None, f"3 {SUITES[1]} inline:{KEY}", f"1 {SUITE} inline:{KEY}", f"3 {SUITE} inline:{KEY}")
    assert lines == [(3, SUITES[1]), (1, SUITE)]


def test_no_more_than_some_lines_are_looked_at():
    assert len(read(*(f"{tag} {SUITE} inline:{KEY}" for tag in range(1, 100)))) == 16


@given(st.integers(0, 999_999_999), st.sampled_from(SUITES), st.binary(min_size=30, max_size=30))
def test_what_is_written_is_read(tag, suite, key):
    line = CryptoLine(tag, suite, key)
    assert read_crypto([line.attribute]) == (line,)
    assert len(key) == MASTER_BYTES


@given(st.text(max_size=120))
def test_nothing_that_is_written_there_is_an_error(text):
    assert len(read_crypto([("crypto", text)])) <= 1


def test_a_key_is_never_shown():
    (line,) = read_crypto([("crypto", f"1 {SUITE} inline:{KEY}")])
    remote = read_remote_audio(sdp(profile="RTP/SAVP", extra=f"a=crypto:1 {SUITE} inline:{KEY}"))
    for shown in (repr(line), str(line), repr(remote), f"{remote.crypto}"):
        assert KEY not in shown
        assert repr(line.key) not in shown
