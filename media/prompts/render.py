# SPDX-License-Identifier: Apache-2.0
"""The product's own prompts: speech by espeak-ng, tones by arithmetic.

Rendered once by ``manage.py makeprompts`` and committed; the running product needs neither espeak-ng nor this module.
Samples are numpy arrays from -1 to 1 at 8 kHz.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable, Sequence

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from media.prompts.wav import SAMPLE_RATE_HZ

Samples = NDArray[np.float64]

VOICE = "en-us+f3"
WORDS_PER_MINUTE = 155
SPEECH_LEVEL = 0.5
TONE_LEVEL = 0.3
FADE_S = 0.01
"""Tones fade in and out this long, so that they do not click."""


class NoSpeech(RuntimeError):
    """espeak-ng is missing or failed."""


def silence(duration_s: float) -> Samples:
    """Return silence."""
    return np.zeros(int(duration_s * SAMPLE_RATE_HZ))


def tone(frequencies_hz: Sequence[float], duration_s: float, level: float = TONE_LEVEL) -> Samples:
    """Return a mix of sine waves with short fades."""
    time_s = np.arange(int(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    mixed = np.sum([np.sin(2 * np.pi * hertz * time_s) for hertz in frequencies_hz], axis=0)
    return fade(mixed * (level / len(frequencies_hz)), FADE_S)


def endless_tone(hertz: int, duration_s: int, level: float = TONE_LEVEL) -> Samples:
    """Return a sine wave that can be repeated without a seam: whole periods, no fades."""
    time_s = np.arange(duration_s * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    return np.asarray(level * np.sin(2 * np.pi * hertz * time_s))


def fade(samples: Samples, fade_s: float) -> Samples:
    """Return the samples with a linear fade at both ends."""
    count = min(int(fade_s * SAMPLE_RATE_HZ), len(samples) // 2)
    envelope = np.ones(len(samples))
    envelope[:count] = np.linspace(0.0, 1.0, count)
    envelope[len(samples) - count :] = np.linspace(1.0, 0.0, count)
    return samples * envelope


def chime(frequencies_hz: Sequence[float], step_s: float = 0.16) -> Samples:
    """Return decaying notes, each starting while the one before rings out."""
    ring_s = 0.7
    mixed = silence(step_s * (len(frequencies_hz) - 1) + ring_s)
    time_s = np.arange(int(ring_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    for index, hertz in enumerate(frequencies_hz):
        note = np.sin(2 * np.pi * hertz * time_s) + 0.25 * np.sin(4 * np.pi * hertz * time_s)
        start = int(index * step_s * SAMPLE_RATE_HZ)
        mixed[start : start + len(note)] += fade(note * np.exp(-6.0 * time_s) * 0.25, FADE_S / 2)
    return mixed


def speech(text: str) -> Samples:
    """Return spoken text, trimmed and at a fixed level.

    Raises:
        NoSpeech: espeak-ng is not installed or refused.
    """
    program = shutil.which("espeak-ng")
    if program is None:
        raise NoSpeech("espeak-ng is not installed")
    command = [program, "-v", VOICE, "-s", str(WORDS_PER_MINUTE), "--stdout", text]
    outcome = subprocess.run(command, capture_output=True, check=False, timeout=60)  # noqa: S603 - fixed program
    if outcome.returncode != 0 or not outcome.stdout:
        raise NoSpeech(f"espeak-ng failed: {outcome.stderr.decode(errors='replace').strip()}")
    samples, rate_hz = soundfile.read(io.BytesIO(outcome.stdout), dtype="float64", always_2d=True)
    narrow = soxr.resample(samples.mean(axis=1), rate_hz, SAMPLE_RATE_HZ)
    return _leveled(_trimmed(narrow))


def _trimmed(samples: Samples) -> Samples:
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    margin = SAMPLE_RATE_HZ // 50
    return samples[max(int(loud[0]) - margin, 0) : int(loud[-1]) + margin]


def _leveled(samples: Samples) -> Samples:
    return np.asarray(samples * (SPEECH_LEVEL / np.max(np.abs(samples))))


def joined(*parts: Samples) -> Samples:
    """Return the parts one after the other."""
    return np.concatenate(parts)


def to_pcm(samples: Samples) -> bytes:
    """Return signed 16-bit little-endian samples."""
    return bytes(np.clip(np.rint(samples * 32767.0), -32768, 32767).astype("<i2").tobytes())


def _welcome() -> Samples:
    greeting = (
        "Welcome to Switchboard. Your phone works. Dial 6 0 0 to hear yourself, or another number to talk."
    )
    return joined(silence(0.3), chime((659.3, 784.0, 1046.5)), speech(greeting), silence(0.5))


def _spoken(text: str) -> Callable[[], Samples]:
    return lambda: joined(silence(0.2), speech(text), silence(0.4))


PROMPTS: dict[str, Callable[[], Samples]] = {
    "welcome.wav": _welcome,
    "echo-intro.wav": _spoken("This is the echo test. After the tone, you hear what you say."),
    "beep.wav": lambda: tone((1000,), 0.3),
    "goodbye.wav": _spoken("Good bye."),
    "unavailable.wav": _spoken("The person you called is not available. Please try again later."),
    "invalid-number.wav": _spoken("The number you dialled is not in use."),
    "all-busy.wav": _spoken("All lines are busy. Please hold the line."),
    "tone-440.wav": lambda: endless_tone(440, 2),
    "tone-523.wav": lambda: endless_tone(523, 2),
    "ringback.wav": lambda: joined(tone((440, 480), 2.0), silence(4.0)),
    "busy.wav": lambda: joined(tone((480, 620), 0.5), silence(0.5)),
    "congestion.wav": lambda: joined(tone((480, 620), 0.25), silence(0.25)),
}
"""File name and how it is rendered. Call progress tones are those of ITU-T E.180 for North America."""
