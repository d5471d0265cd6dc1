# SPDX-License-Identifier: Apache-2.0
"""Subjects: four tokens, whatever phones send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.events import CATALOGUE, subject_of
from switchboard.events.subjects import MAX_TOKEN_CHARS, token
from switchboard.events.tests.samples import sample


@pytest.mark.parametrize(
    ("event_type", "subject"),
    [
        ("call.answered", "switchboard.calls.call-1.answered"),
        ("registration.registered", "switchboard.registrations.sip:1001@acme%2Etest.registered"),
        ("session.started", "switchboard.sessions.text.started"),
        ("rtpmanager.down", "switchboard.rtpmanagers.text.down"),
        ("ban.begun", "switchboard.bans.text.begun"),
    ],
)
def test_each_kind_of_event_has_its_subject(event_type, subject):
    assert subject_of(sample(event_type)) == subject


@given(st.text(), st.sampled_from(sorted(CATALOGUE)))
def test_a_subject_always_has_four_tokens_and_no_wildcard(text, event_type):
    event = sample(event_type)
    parts = subject_of(event).split(".")
    escaped = token(text)
    assert len(parts) == 4
    assert escaped
    assert not set(escaped) & set(".*> \t\r\n\0")
    assert len(escaped) <= MAX_TOKEN_CHARS


@given(st.text(max_size=600), st.text(max_size=600))
def test_different_texts_make_different_tokens(one, other):
    assert (token(one) == token(other)) == (one == other)


def test_long_texts_that_begin_alike_stay_apart():
    assert token("x" * 1000 + "a") != token("x" * 1000 + "b")
