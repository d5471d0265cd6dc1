# SPDX-License-Identifier: Apache-2.0
"""Signed routes: what was made is read, for its call, kind and life alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.shared.routes import Path, RouteTexts
from signaling.sip import Flow

UDP = Flow("udp", ("192.0.2.7", 5060), ("", 0))
TCP = Flow("tcp", ("2001:db8::7", 40000), ("", 0), 12)
HERE = RouteTexts(b"secret", boot_id="b1")
THERE = RouteTexts(b"secret", boot_id="b2")
STRANGER = RouteTexts(b"guess", boot_id="b1")


def test_another_node_reads_a_route_to_a_binding():
    text = HERE.to_binding("user-1", "call-1")
    assert THERE.read_binding(text, "call-1") == "user-1"
    assert STRANGER.read_binding(text, "call-1") is None
    assert THERE.read_binding(text, "call-2") is None
    assert THERE.read_path(text, "call-1") is None


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_path_is_read_by_the_node_that_made_it(flow):
    path = Path(flow, "192.0.2.9")
    assert HERE.read_path(HERE.to_path(path, "call"), "call") == path


def test_a_connection_of_an_earlier_life_leads_nowhere_and_a_datagram_path_still_does():
    assert THERE.read_path(HERE.to_path(Path(TCP, ""), "call"), "call") == Path(
        TCP._replace(transport=""), ""
    )
    assert THERE.read_path(HERE.to_path(Path(UDP, ""), "call"), "call") == Path(UDP, "")


def test_a_branch_is_the_same_each_time_and_leads_back_for_its_transaction_alone():
    branch = HERE.branch_to(UDP, "call", "z9hG4bKin")
    assert branch == HERE.branch_to(UDP, "call", "z9hG4bKin") != HERE.branch_to(UDP, "call", "z9hG4bKother")
    assert HERE.read_branch(branch, "call", "z9hG4bKin") == UDP
    assert HERE.read_branch(branch, "call", "z9hG4bKother") is None
    assert STRANGER.read_branch(branch, "call", "z9hG4bKin") is None


@given(st.text(max_size=40), st.sampled_from("bfr"))
def test_nothing_else_is_read(text, kind):
    for made_up in (text, f"sb-relay.{kind}{text}", f"z9hG4bKsb-relay.{kind}{text}"):
        assert HERE.read_binding(made_up, "call") is None
        assert HERE.read_path(made_up, "call") is None
        assert HERE.read_branch(made_up, "call", "") is None


@given(st.integers(min_value=9))
def test_a_changed_text_is_none(position):
    text = HERE.to_path(Path(UDP, "192.0.2.9"), "call")
    position = 9 + position % (len(text) - 9)
    changed = text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
    # The last character of an unpadded base64 text has bits that say nothing.
    assert HERE.read_path(changed, "call") in (
        None,
        Path(UDP, "192.0.2.9") if position == text.index(".", 9) - 1 else None,
    )
