# SPDX-License-Identifier: Apache-2.0
"""Audio files as telephone audio: 8 kHz, mono, signed 16-bit little-endian.

A WAV of that form is taken as it is, without loading the numeric libraries; everything else that libsndfile reads
(PCMU, PCMA, other rates, stereo, FLAC, Ogg) is converted.
"""

from __future__ import annotations

import wave
from pathlib import Path

SAMPLE_RATE_HZ = 8000
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_DURATION_S = 900
"""Longer files are no prompts; a quarter of an hour is 14 MB in memory."""


class BadAudio(ValueError):
    """The file is no audio, has none in it, or too much."""


def read_pcm(path: Path) -> bytes:
    """Return the samples of an audio file.

    Raises:
        BadAudio: it cannot be used.
        OSError: it cannot be read.
    """
    pcm = _read_as_is(path)
    if pcm is None:
        pcm = _convert(path)
    if not pcm:
        raise BadAudio("there is no audio in it")
    if len(pcm) > MAX_DURATION_S * SAMPLE_RATE_HZ * 2:
        raise BadAudio(f"it is longer than {MAX_DURATION_S} s")
    return pcm


def _read_as_is(path: Path) -> bytes | None:
    """Return the samples of a WAV that needs no conversion; None for all other files."""
    try:
        with wave.open(str(path), "rb") as audio:
            if (audio.getframerate(), audio.getnchannels(), audio.getsampwidth()) != (SAMPLE_RATE_HZ, 1, 2):
                return None
            pcm = audio.readframes(audio.getnframes())
    except (wave.Error, EOFError):
        return None
    return pcm[: len(pcm) & ~1]


def _convert(path: Path) -> bytes:
    import numpy
    import soundfile
    import soxr

    try:
        with soundfile.SoundFile(str(path)) as audio:
            if audio.frames > MAX_DURATION_S * audio.samplerate:
                raise BadAudio(f"it is longer than {MAX_DURATION_S} s")
            samples = audio.read(dtype="float32", always_2d=True)
            rate_hz = audio.samplerate
    except soundfile.LibsndfileError as error:
        raise BadAudio(str(error)) from error
    mono = samples.mean(axis=1)
    if rate_hz != SAMPLE_RATE_HZ:
        mono = soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ)
    scaled = numpy.clip(numpy.rint(mono * 32768.0), -32768, 32767)
    return bytes(scaled.astype("<i2").tobytes())


def write_wav(path: Path, pcm: bytes) -> None:
    """Write samples as a WAV that plays as it is."""
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(SAMPLE_RATE_HZ)
        audio.writeframes(pcm)
