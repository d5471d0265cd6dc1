# SPDX-License-Identifier: Apache-2.0
"""The pure half of RFC 3263."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sip.uri import SipUri
from signaling.transport.srv import Question, SrvRecord, order_srv, question_for


@pytest.mark.parametrize(
    ("uri", "question"),
    [
        ("sip:a@Example.com", Question("example.com", None, None, False)),
        ("sip:a@example.com.", Question("example.com", None, None, False)),
        ("sip:a@example.com:5070;transport=TCP", Question("example.com", "tcp", 5070, False)),
        ("sip:a@[2001:db8::1]", Question("2001:db8::1", None, None, False)),
        ("sip:a@example.com;maddr=192.0.2.9", Question("192.0.2.9", None, None, False)),
        ("sips:a@example.com", Question("example.com", "tls", None, True)),
        ("sips:a@example.com;transport=tcp", Question("example.com", "tls", None, True)),
    ],
)
def test_it_reads_what_the_uri_fixes(uri, question):
    assert question_for(SipUri.parse(uri)) == question


def test_it_tries_lower_priorities_first():
    records = [SrvRecord(20, 0, 5060, "b"), SrvRecord(10, 0, 5060, "a"), SrvRecord(30, 9, 5060, "c")]
    assert [r.host for r in order_srv(records, lambda: 0.5)] == ["a", "b", "c"]


def test_it_draws_by_weight_within_a_priority():
    records = [SrvRecord(1, 90, 5060, "heavy"), SrvRecord(1, 10, 5060, "light")]
    draw = random.Random(7).random
    first = [order_srv(records, draw)[0].host for _ in range(1000)]
    assert 850 <= first.count("heavy") <= 950


def test_it_finds_no_service_in_a_lone_dot():
    assert order_srv([SrvRecord(0, 0, 0, ".")], lambda: 0.0) == []


records = st.builds(
    SrvRecord, st.integers(0, 3), st.integers(0, 65535), st.integers(0, 65535), st.sampled_from("abcdef")
)


@given(st.lists(records, max_size=20), st.floats(0, 1, exclude_max=True))
def test_it_returns_every_record_once_in_priority_order(given_records, number):
    ordered = order_srv(given_records, lambda: number)
    assert sorted(ordered) == sorted(given_records)
    assert [r.priority for r in ordered] == sorted(r.priority for r in given_records)
