# SPDX-License-Identifier: Apache-2.0
"""Recordings: two parties on two channels, from the packets that are relayed."""

from __future__ import annotations

import time
import wave
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_phone import Phone, rtp
from switchboard_engine import Engine, EngineError

Join = Callable[[str, Phone], int]
WaitForEvent = Callable[[str], tuple[object, ...]]

FORMATS = {0: "PCMU", 8: "PCMA"}
LOUD = b"\x80" * 160
"""The loudest sample of mu-law."""
LOUDEST = 32124
SILENCE = b"\0" * 320


def channels(path: Path) -> tuple[array[int], array[int]]:
    """Return the samples of both parties."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        samples = array("h", file.readframes(file.getnframes()))
    return samples[::2], samples[1::2]


def test_it_records_who_is_recorded_left_and_who_is_heard_right(
    engine: Engine, alice: Phone, bob: Phone, join: Join, wait_for_event: WaitForEvent, tmp_path: Path
) -> None:
    port_a, port_b = join("a", alice), join("b", bob)
    engine.bridge("a", "b")
    path = tmp_path / "call.wav"
    engine.start_recording("a", "r", path, FORMATS)
    assert wait_for_event("recording_started")[:3] == ("recording_started", "a", "r")
    alice.send(rtp(1, ssrc=1, payload=LOUD), port_a)
    bob.receive()
    for sequence in (1, 2):
        bob.send(rtp(sequence, timestamp=sequence * 160, ssrc=2, payload=LOUD), port_b)
        alice.receive()
    time.sleep(0.1)
    duration_ms, octets = engine.stop_recording("a")
    _, _, _, detail, stopped_ms, stopped_octets, dropped = wait_for_event("recording_stopped")
    assert (detail, dropped) == ("", 0)
    assert isinstance(stopped_ms, int) and 0 <= stopped_ms - duration_ms <= 5
    assert path.stat().st_size == stopped_octets
    assert isinstance(stopped_octets, int) and 0 <= stopped_octets - octets <= 5 * 32
    left, right = channels(path)
    assert (left.count(LOUDEST), right.count(LOUDEST)) == (160, 320)


def test_it_records_prompts_and_echo_of_a_party_that_is_alone(
    engine: Engine, alice: Phone, join: Join, wait_for_event: WaitForEvent, tmp_path: Path
) -> None:
    port = join("a", alice)
    path = tmp_path / "alone.wav"
    engine.start_recording("a", "r", path, FORMATS)
    engine.play("a", "p", b"\xff\x7f" * 160, codec="PCMU", payload_type=0)
    wait_for_event("play_completed")
    alice.receive()
    # An echo that arrives while the prompt's packet still sounds is mixed with it.
    time.sleep(0.04)
    engine.bridge("a", "a")
    alice.send(rtp(1, payload=LOUD), port)
    alice.receive()
    time.sleep(0.1)
    engine.destroy("a")
    wait_for_event("recording_stopped")
    left, right = channels(path)
    assert (left.count(LOUDEST), right.count(LOUDEST)) == (160, 320), "the prompt, then the echo"


def test_it_ends_and_writes_recordings_when_it_is_closed(
    engine: Engine, alice: Phone, join: Join, tmp_path: Path
) -> None:
    join("a", alice)
    engine.start_recording("a", "r", tmp_path / "closed.wav", FORMATS)
    time.sleep(0.1)
    engine.close()
    left, _ = channels(tmp_path / "closed.wav")
    assert 0.1 <= len(left) / 8000 < 1


def test_it_refuses_what_it_cannot_record(engine: Engine, alice: Phone, join: Join, tmp_path: Path) -> None:
    join("a", alice)
    with pytest.raises(EngineError, match="session a is not being recorded"):
        engine.stop_recording("a")
    with pytest.raises(ValueError, match='not PCMU or PCMA: "opus"'):
        engine.start_recording("a", "r", tmp_path / "x.wav", {96: "opus"})
    engine.start_recording("a", "r", tmp_path / "x.wav", FORMATS)
    with pytest.raises(EngineError, match="session a is being recorded"):
        engine.start_recording("a", "r", tmp_path / "y.wav", FORMATS)


def test_it_reports_a_file_that_cannot_be_made(
    engine: Engine, alice: Phone, join: Join, wait_for_event: WaitForEvent, tmp_path: Path
) -> None:
    join("a", alice)
    (tmp_path / "taken").write_text("no directory")
    engine.start_recording("a", "r", tmp_path / "taken" / "x.wav", FORMATS)
    failed = wait_for_event("recording_failed")
    assert failed[1:3] == ("a", "r")
    assert "directory" in str(failed[3]) or "exists" in str(failed[3])
