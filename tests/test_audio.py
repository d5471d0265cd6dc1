# SPDX-License-Identifier: Apache-2.0
"""The analysers must tell right from wrong before any call is judged by them."""

from pathlib import Path

import numpy as np
import pytest

from tests import audio


@pytest.mark.parametrize("frequency_hz", [440.0, 523.0, 1000.0, 3000.0])
def test_it_finds_the_frequency_and_level_of_a_tone(frequency_hz: float) -> None:
    found = audio.strongest_tone(audio.tone(frequency_hz, 1.0, level_dbfs=-20))
    assert found.frequency_hz == pytest.approx(frequency_hz, abs=1.5)
    assert found.level_dbfs == pytest.approx(-20, abs=1.5)
    assert found.purity > 0.99


def test_it_finds_the_stronger_of_two_tones() -> None:
    mixed = audio.tone(440, 1.0, level_dbfs=-12) + audio.tone(523, 1.0, level_dbfs=-18)
    assert audio.strongest_tone(mixed).frequency_hz == pytest.approx(440, abs=1.5)
    assert audio.share_of(mixed, 440) == pytest.approx(0.8, abs=0.05)
    assert audio.share_of(mixed, 523) == pytest.approx(0.2, abs=0.05)


def test_it_hears_nothing_in_silence_and_in_no_signal() -> None:
    assert audio.strongest_tone(audio.silence(1.0)).level_dbfs == audio.SILENCE_DBFS
    assert audio.strongest_tone(audio.silence(0.0)).level_dbfs == audio.SILENCE_DBFS
    assert audio.share_of(audio.silence(0.0), 440) == 0


def test_noise_is_no_tone() -> None:
    noise = np.random.default_rng(7).normal(0, 0.1, audio.RATE_HZ)
    assert audio.strongest_tone(noise).purity < 0.1


def test_it_recognises_a_melody_with_silence_around_it_and_not_another_one() -> None:
    right, wrong = audio.melody((440, 660, 880)), audio.melody((880, 500, 330))
    heard = np.concatenate([audio.silence(0.7), right * 0.5, audio.silence(0.3)])
    assert audio.similarity(heard, right) > 0.95
    assert audio.similarity(heard, wrong) < 0.5


def test_the_middle_leaves_out_the_silence_before_and_after() -> None:
    heard = np.concatenate([audio.silence(1.0), audio.tone(440, 1.0), audio.silence(1.0)])
    part = audio.middle(heard, 0.5)
    assert len(part) == pytest.approx(audio.RATE_HZ / 2, abs=2)
    assert audio.strongest_tone(part).frequency_hz == pytest.approx(440, abs=2)


def test_a_wav_file_reads_as_it_was_written_even_with_a_header_that_was_never_completed(
    tmp_path: Path,
) -> None:
    signal = audio.tone(440, 0.5)
    path = audio.write_wav(tmp_path / "tone.wav", signal)
    assert np.max(np.abs(audio.read_wav(path) - signal)) < 1e-3
    data = bytearray(path.read_bytes())
    data[40:44] = b"\0\0\0\0"
    path.write_bytes(data)
    assert len(audio.read_wav(path)) == len(signal)
