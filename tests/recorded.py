# SPDX-License-Identifier: Apache-2.0
"""Recordings of a stack under test: the rows, the files, and who is heard on which side."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests import audio
from tests.stack import Stack

UNEVEN_S = 0.2
"""How far the length of a recording may be from that of what was recorded."""


class Sides(NamedTuple):
    """Both channels of a recording."""

    left: audio.Signal
    right: audio.Signal

    @property
    def length_s(self) -> float:
        """How long it is."""
        return len(self.left) / audio.RATE_HZ


def rows(stack: Stack, call_id: str) -> list[dict[str, Any]]:
    """Return the rows of the recordings of a call, the first part first, once its record is stored."""
    cdr = stack.cdr(call_id)
    return stack.rows("SELECT * FROM recordings WHERE cdr_id = ? ORDER BY began_at", cdr["id"])


def path_of(stack: Stack, row: dict[str, Any]) -> Path:
    """Return the file of a recording."""
    return Path(stack.var) / "recordings" / str(row["file"])


def read(path: Path) -> Sides:
    """Return both channels of a file, as a player sees them: as far as its header says."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, audio.RATE_HZ)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
    return Sides(samples[::2], samples[1::2])


def assert_tone(signal: audio.Signal, frequency_hz: float, not_hz: float) -> None:
    """One party is heard on its side, and the other one is not."""
    tone = audio.strongest_tone(signal)
    assert tone.frequency_hz == pytest.approx(frequency_hz, abs=2)
    assert tone.level_dbfs == pytest.approx(-12, abs=3)
    assert audio.share_of(signal, not_hz) < 0.02
