# SPDX-License-Identifier: Apache-2.0
"""The committed prompts are what a telephone needs, and can be rendered again."""

import wave
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from media.prompts import render
from media.prompts.render import PROMPTS
from media.prompts.wav import read_pcm

DIRECTORY = Path(settings.BASE_DIR) / "media" / "audio"


def samples(name):
    return np.frombuffer(read_pcm(DIRECTORY / name), "<i2").astype(float) / 32768


@pytest.mark.parametrize("name", PROMPTS)
def test_each_prompt_plays_without_conversion(name):
    with wave.open(str(DIRECTORY / name)) as audio:
        assert (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) == (8000, 1, 2)
    assert 0.05 < np.max(np.abs(samples(name))) <= 0.95


def test_there_is_nothing_else_and_not_too_much():
    assert {path.name for path in DIRECTORY.iterdir()} == set(PROMPTS)
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) < 1_500_000


@pytest.mark.parametrize(("name", "hertz"), [("tone-440.wav", 440), ("tone-523.wav", 523)])
def test_the_tones_have_their_frequency_and_repeat_without_a_seam(name, hertz):
    audio = samples(name)
    spectrum = np.abs(np.fft.rfft(np.tile(audio, 2)))
    assert np.argmax(spectrum) == hertz * 4
    assert np.sum(spectrum**2) - spectrum[hertz * 4] ** 2 < 1e-4 * spectrum[hertz * 4] ** 2


def test_the_greeting_has_a_chime_and_then_speech():
    audio = samples("welcome.wav")
    chime, speech = audio[: int(1.2 * 8000)], audio[int(1.3 * 8000) :]
    assert np.sqrt(np.mean(chime**2)) > 0.02
    assert np.sqrt(np.mean(speech**2)) > 0.03


def test_a_tone_prompt_is_rendered_as_it_was_committed(tmp_path):
    call_command("makeprompts", "busy.wav", to=tmp_path)
    assert (tmp_path / "busy.wav").read_bytes() == (DIRECTORY / "busy.wav").read_bytes()


def test_an_unknown_prompt_is_refused(tmp_path):
    with pytest.raises(CommandError, match="unknown prompt"):
        call_command("makeprompts", "nothing.wav", to=tmp_path)


def test_speech_needs_the_synthesiser(tmp_path, monkeypatch):
    monkeypatch.setattr(render.shutil, "which", lambda program: None)
    with pytest.raises(CommandError, match="espeak-ng is not installed"):
        call_command("makeprompts", "goodbye.wav", to=tmp_path)
