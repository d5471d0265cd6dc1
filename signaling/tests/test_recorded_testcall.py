# SPDX-License-Identifier: Apache-2.0
"""What a test call says of its recording."""

from __future__ import annotations

import io
import math
import uuid
import wave
from array import array
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from cdrs.choices import RecordingState
from cdrs.models import CDR, Recording
from cdrs.tests.factories import make_answered
from signaling.node_client import DENIED, NOT_FOUND, NodeClient, NodeProblem
from signaling.recorded_testcall import BEGUN, SILENCE_DBFS, begin, check, levels_dbfs
from signaling.testcall import Scorecard

pytestmark = pytest.mark.django_db


def wav(*levels: float, channels: int = 2) -> bytes:
    """Return half a second of a tone of so many times full scale on each channel."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(8000)
        tone = (math.sin(2 * math.pi * 440 * n / 8000) for n in range(4000))
        file.writeframes(
            array("h", (int(32767 * level * each) for each in tone for level in levels)).tobytes()
        )
    return out.getvalue()


@pytest.fixture
def recordings(settings: Any, tmp_path: Path) -> Path:
    settings.RECORDINGS_PATH = tmp_path
    return tmp_path


def store(call: CDR, state: str = RecordingState.COMPLETE, detail: str = "") -> None:
    Recording.objects.create(
        id=uuid.uuid4(),
        cdr=call,
        began_at=timezone.now(),
        duration_ms=500,
        state=state,
        detail=detail,
        file="x.wav",
    )


def checked(call: CDR) -> list[tuple[str, bool, str]]:
    card = Scorecard()
    card.add(BEGUN, True)
    check(card, call)
    return [(one.name, one.passed, one.detail) for one in card.checks[1:]]


def test_both_parties_are_heard(recordings: Path) -> None:
    call = make_answered()
    store(call)
    (recordings / "x.wav").write_bytes(wav(0.25, 0.5))
    stored, heard = checked(call)
    assert stored == ("recording stored", True, f"{recordings / 'x.wav'}, 0.5 s")
    assert heard == ("recording heard", True, "caller -15.1 dBFS, called phone -9.0 dBFS")


@pytest.mark.parametrize("levels", [(0.25, 0.0), (0.0, 0.25), (0.0, 0.0), (0.25, 0.001)])
def test_a_silent_side_fails(recordings: Path, levels: tuple[float, float]) -> None:
    call = make_answered()
    store(call)
    (recordings / "x.wav").write_bytes(wav(*levels))
    assert checked(call)[-1][:2] == ("recording heard", False)


@pytest.mark.parametrize("content", [b"", b"RIFF", wav(0.5, channels=1)])
def test_a_file_that_is_no_recording_fails(recordings: Path, content: bytes) -> None:
    call = make_answered()
    store(call)
    (recordings / "x.wav").write_bytes(content)
    assert checked(call)[-1][:2] == ("recording heard", False)


def test_what_is_missing_is_named(recordings: Path) -> None:
    call = make_answered()
    assert checked(call) == [("recording stored", False, "the record of the call tells of none")]
    store(call, RecordingState.FAILED, "a call in opus cannot be recorded")
    assert checked(call) == [("recording stored", False, "failed: a call in opus cannot be recorded")]
    Recording.objects.update(state=RecordingState.COMPLETE)
    ((name, passed, detail),) = checked(call)
    assert (name, passed, "RECORDINGS_PATH" in detail) == ("recording stored", False, True)


def test_a_call_that_was_not_to_be_recorded_has_no_check() -> None:
    card = Scorecard()
    check(card, make_answered())
    card.add(BEGUN, False, "no")
    check(card, make_answered())
    assert [one.name for one in card.checks] == [BEGUN]


def test_a_node_that_cannot_be_reached_fails_the_call() -> None:
    card = Scorecard(call_id="x")
    begin(card, "http://127.0.0.1:9", "")
    assert (card.checks[0].passed, "cannot be reached" in card.checks[0].detail) == (False, True)


def test_silence_has_a_level() -> None:
    left, right = levels_dbfs(wav(0.0, 1.0))
    assert left == SILENCE_DBFS
    assert right == pytest.approx(-3.0, abs=0.1)


@pytest.mark.parametrize(("exit_code", "tries"), [(NOT_FOUND, 3), (DENIED, 1)])
def test_a_call_that_rest_does_not_know_yet_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, exit_code: int, tries: int
) -> None:
    asked: list[str] = []

    def record(node: NodeClient, call_id: str) -> dict[str, Any]:
        asked.append(call_id)
        if len(asked) < 3:
            raise NodeProblem("not there", exit_code)
        return {"message": "recorded"}

    monkeypatch.setattr(NodeClient, "record", record)
    monkeypatch.setattr("signaling.recorded_testcall.time.sleep", lambda seconds: None)
    card = Scorecard(call_id="x")
    begin(card, "http://127.0.0.1:9", "")
    assert (len(asked), card.checks[0].passed) == (tries, exit_code == NOT_FOUND)
