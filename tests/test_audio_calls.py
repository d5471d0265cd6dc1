# SPDX-License-Identifier: Apache-2.0
"""Calls that are listened to: who hears what, by frequency and level."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import audio
from tests.conftest import GREETING_HZ
from tests.phones.debian_baresip import DebianBaresip
from tests.phones.process import PhoneProcess
from tests.stack import Stack

pytestmark = pytest.mark.e2e

CALLER_HZ, CALLEE_HZ = 440.0, 523.0
LISTEN_S = 2.0


@contextmanager
def two_phones(stack: Stack, directory: Path, **options: str) -> Iterator[tuple[PhoneProcess, PhoneProcess]]:
    """Two registered baresip phones with a tone each."""
    with (
        PhoneProcess(stack, stack.phone(), CALLER_HZ, directory, **options) as caller,
        PhoneProcess(stack, stack.phone(), CALLEE_HZ, directory, **options) as callee,
    ):
        yield caller, callee


def connect(caller: PhoneProcess, callee: PhoneProcess) -> str:
    """Set up a call and return the caller's Call-ID."""
    caller.order("call", number=callee.phone.username)
    callee.wait_for("incoming")
    callee.order("answer")
    callee.wait_for("call_established")
    return str(caller.wait_for("call_established")["call_id"])


def assert_hears(signal: audio.Signal, frequency_hz: float) -> None:
    """The last second holds one tone of the right frequency and the level that was sent, and not the other phone's.

    A click where a busy machine let the phone's own audio run dry is allowed for; the other tone is not.
    """
    last = signal[-audio.RATE_HZ :]
    tone = audio.strongest_tone(last)
    assert tone.frequency_hz == pytest.approx(frequency_hz, abs=2)
    assert tone.level_dbfs == pytest.approx(-12, abs=3)
    assert tone.purity > 0.8
    other_hz = CALLEE_HZ if frequency_hz == CALLER_HZ else CALLER_HZ
    assert audio.share_of(last, other_hz) < 0.02


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_phones_hear_each_other_and_nothing_else(stack: Stack, tmp_path: Path, transport: str) -> None:
    with two_phones(stack, tmp_path, transport=transport) as (caller, callee):
        call_id = connect(caller, callee)
        time.sleep(LISTEN_S)
        assert_hears(callee.heard(), CALLER_HZ)
        assert_hears(caller.heard(), CALLEE_HZ)
        caller.order("hangup")
        caller.wait_for("call_closed")
        callee.wait_for("call_closed")
    row = stack.cdr(call_id)
    assert (row["disposition"], row["codec"]) == ("ANSWERED", "PCMU")
    assert row["rtp_packets_recv"] > 50 and row["rtp_packets_sent"] > 50
    assert row["rtp_packets_lost"] <= 2
    assert row["mos_score"] > 4


def test_a_held_call_is_silent_and_comes_back(stack: Stack, tmp_path: Path) -> None:
    with two_phones(stack, tmp_path) as (caller, callee):
        connect(caller, callee)
        caller.order("hold")
        caller.wait_for("held")
        time.sleep(1.0)
        before = len(callee.heard())
        time.sleep(1.0)
        held = callee.heard()[before:]
        assert audio.level_dbfs(held) < -40
        caller.order("resume")
        caller.wait_for("resumed")
        time.sleep(LISTEN_S)
        assert_hears(callee.heard(), CALLER_HZ)
        assert_hears(caller.heard(), CALLEE_HZ)


def test_the_greeting_is_played_and_the_call_ends_after_it(stack: Stack, tmp_path: Path) -> None:
    greeting = audio.melody(GREETING_HZ, 0.5)
    with PhoneProcess(stack, stack.phone(), CALLER_HZ, tmp_path) as phone:
        phone.order("call", number="500")
        call_id = phone.wait_for("call_established")["call_id"]
        time.sleep(len(greeting) / audio.RATE_HZ - 0.3)
        phone.wait_for("call_closed")
        assert audio.similarity(phone.heard(), greeting) > 0.9
    row = stack.cdr(call_id)
    assert (row["disposition"], row["hangup_by"]) == ("ANSWERED", "system")


def test_the_echo_returns_what_it_hears(stack: Stack, tmp_path: Path) -> None:
    with PhoneProcess(stack, stack.phone(), CALLER_HZ, tmp_path) as phone:
        phone.order("call", number="600")
        call_id = phone.wait_for("call_established")["call_id"]
        time.sleep(LISTEN_S)
        assert_hears(phone.heard(), CALLER_HZ)
        phone.order("hangup")
        phone.wait_for("call_closed")
    assert stack.cdr(call_id)["hangup_by"] == "caller"


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with default settings for phones that know MD5 alone and give up on a challenge that offers more."""
    stack = Stack(tmp_path_factory.mktemp("old"), template)
    try:
        yield stack.start()
    finally:
        stack.stop()


def test_an_old_baresip_hears_the_greeting(own_stack: Stack, tmp_path: Path) -> None:
    greeting = audio.melody(GREETING_HZ, 0.5)
    phone = DebianBaresip(own_stack, own_stack.phone(), "500", audio.tone(CALLER_HZ, 10), tmp_path)
    time.sleep(1.5 + len(greeting) / audio.RATE_HZ)
    heard = phone.stop()
    assert audio.similarity(heard, greeting) > 0.9, phone.log()


def test_old_and_new_baresip_hear_each_other(own_stack: Stack, tmp_path: Path) -> None:
    with PhoneProcess(own_stack, own_stack.phone(), CALLEE_HZ, tmp_path) as callee:
        caller = DebianBaresip(
            own_stack, own_stack.phone(), callee.phone.username, audio.tone(CALLER_HZ, 20), tmp_path
        )
        callee.wait_for("incoming")
        callee.order("answer")
        callee.wait_for("call_established")
        time.sleep(LISTEN_S)
        assert_hears(callee.heard(), CALLER_HZ)
        heard = caller.stop()
        callee.wait_for("call_closed")
    assert_hears(audio.middle(heard, 1.0), CALLEE_HZ)
