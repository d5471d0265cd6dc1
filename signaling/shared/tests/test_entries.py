# SPDX-License-Identifier: Apache-2.0
"""Bindings as other nodes write them: read when they are as expected, else left out."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from signaling.shared.entries import from_reply, notice_of, to_text
from signaling.shared.tests.test_relay import PHONE, binding

CONTACT = b"sip:alice@10.0.0.5:5060"


def read(*pairs, user_id="alice-id", wall=50.0, not_node="node-2"):
    return from_reply(
        [item for pair in pairs for item in pair], user_id=user_id, wall=wall, not_node=not_node
    )


def entry(**changes):
    return json.dumps({**json.loads(to_text(binding(PHONE), "node-1")), **changes}).encode()


def test_what_one_node_writes_another_reads():
    (found,) = read((CONTACT, to_text(binding(PHONE), "node-1").encode()))
    assert (str(found.contact), found.node, found.source_ip) == (CONTACT.decode(), "node-1", "198.51.100.7")


def test_expired_ones_those_of_others_and_ones_own_are_left_out():
    assert read((CONTACT, entry()), wall=100.0) == []
    assert read((CONTACT, entry()), user_id="bob-id") == []
    assert read((CONTACT, entry()), not_node="node-1") == []


def test_the_preferred_is_first_then_the_latest():
    texts = [
        (b"sip:a@10.0.0.1", entry(q=0.5, at=9)),
        (b"sip:a@10.0.0.2", entry()),
        (b"sip:a@10.0.0.3", entry(at=7)),
    ]
    assert [found.contact.host for found in read(*texts)] == ["10.0.0.3", "10.0.0.2", "10.0.0.1"]


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_nonsense_is_left_out(contact, value):
    assert read((contact, value), (contact, entry(source=value.decode("latin-1")))) == []
    assert notice_of(value) is None


@given(
    st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
)
def test_fields_of_the_wrong_kind_are_left_out(value):
    for name in ("source", "expires_at", "user_id"):
        read((CONTACT, entry(**{name: value})))
    assert notice_of(json.dumps({"aor": value}).encode()) is None


def test_a_notice_concerns_what_was_registered_before_it():
    at_ten = notice_of(
        json.dumps({"aor": "x", "contact": CONTACT.decode(), "call_id": "r", "cseq": 1, "at": 10}).encode()
    )
    assert at_ten is not None and at_ten.concerns(binding(PHONE))
    assert not at_ten._replace(cseq=0).concerns(binding(PHONE))
    assert at_ten._replace(call_id="other").concerns(binding(PHONE))
    assert not at_ten._replace(call_id="other", at=-1.0).concerns(binding(PHONE))
    assert not at_ten._replace(contact_text="sip:b@c").concerns(binding(PHONE))
