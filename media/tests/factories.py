# SPDX-License-Identifier: Apache-2.0
"""Prompts and sound files for tests."""

from __future__ import annotations

import hashlib
import io
import wave
from pathlib import Path
from typing import Any

import numpy
import soundfile
from django.core.files.uploadedfile import SimpleUploadedFile
from numpy.typing import NDArray

from accounts.models import Account
from media.models import Prompt, Status
from media.prompts import blobs


def tone(hertz: float, seconds: float, rate_hz: int = 8000, channels: int = 1) -> NDArray[Any]:
    """Return a sine of half of full scale."""
    one = 0.5 * numpy.sin(2 * numpy.pi * hertz * numpy.arange(int(seconds * rate_hz)) / rate_hz)
    return numpy.repeat(one[:, None], channels, axis=1)


def wav_bytes(pcm: bytes = b"\1\0" * 800) -> bytes:
    """Return a WAV as it is played."""
    made = io.BytesIO()
    with wave.open(made, "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(pcm)
    return made.getvalue()


def wav_file(name: str = "hello.wav", data: bytes | None = None) -> SimpleUploadedFile:
    """Return a file as a form sends it."""
    return SimpleUploadedFile(name, wav_bytes() if data is None else data, "audio/wav")


def write_sound(
    path: Path, *, kind: str = "WAV", rate_hz: int = 44100, channels: int = 2, **more: Any
) -> Path:
    """Write a tone of 700 Hz in some form."""
    samples = tone(more.pop("hertz", 700), more.pop("seconds", 0.5), rate_hz, channels)
    soundfile.write(str(path), samples, rate_hz, format=kind, **more)
    return path


def make_prompt(
    name: str, account: Account | None = None, *, data: bytes | None = None, **fields: Any
) -> Prompt:
    """Return a stored prompt that can be played; ``sha256=""`` makes one that cannot yet."""
    sound = wav_bytes() if data is None else data
    sha256 = fields.pop("sha256", hashlib.sha256(sound).hexdigest())
    if sha256:
        blobs.write(blobs.sound_key(sha256), [sound])
    values = {"status": Status.READY, "size": len(sound), "duration_ms": 100, **fields}
    return Prompt.objects.create(name=name, account=account, sha256=sha256, **values)
