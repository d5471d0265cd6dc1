# SPDX-License-Identifier: Apache-2.0
"""Tones and what is heard of them: makes WAV files for phones to play and analyses what they recorded.

Signals are numpy arrays of floats from -1 to 1 at 8,000 samples a second, the rate of G.711.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
Signal = NDArray[np.float64]

SILENCE_DBFS = -96.0
"""What a level of zero is reported as: the floor of 16 bits."""


class Tone(NamedTuple):
    """The strongest frequency of a signal, its level, and how much of the signal's energy it holds."""

    frequency_hz: float
    level_dbfs: float
    purity: float


def tone(frequency_hz: float, duration_s: float, *, level_dbfs: float = -12.0) -> Signal:
    """Return a sine whose amplitude lies ``level_dbfs`` below full scale."""
    time_s = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    return 10 ** (level_dbfs / 20) * np.sin(2 * np.pi * frequency_hz * time_s)


def silence(duration_s: float) -> Signal:
    """Return silence."""
    return np.zeros(int(duration_s * RATE_HZ))


def melody(frequencies_hz: tuple[float, ...], note_s: float = 0.25) -> Signal:
    """Return notes one after the other: a prompt whose order and timing can be recognised."""
    return np.concatenate([tone(frequency, note_s) for frequency in frequencies_hz])


def write_wav(path: Path, signal: Signal) -> Path:
    """Write 16-bit mono PCM at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(signal, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def pcmu(signal: Signal) -> bytes:
    """Return a signal as G.711 mu-law, by its curve and not by the segments that approach it."""
    curve = np.log1p(255 * np.abs(np.clip(signal, -1, 1))) / np.log(256)
    code = np.rint(127 * curve).astype(np.uint8)
    return bytes(np.where(signal >= 0, 0xFF - code, 0x7F - code).astype(np.uint8))


def read_wav(path: Path) -> Signal:
    """Read a 16-bit mono file at 8 kHz, also one whose writer was cut off before it closed the header.

    Raises:
        ValueError: the file has another form.
    """
    data = path.read_bytes()
    start = data.find(b"data")
    if data[:4] != b"RIFF" or start < 0:
        raise ValueError(f"{path} is not a WAV file")
    channels = int.from_bytes(data[22:24], "little")
    rate_hz = int.from_bytes(data[24:28], "little")
    bits = int.from_bytes(data[34:36], "little")
    if (channels, rate_hz, bits) != (1, RATE_HZ, 16):
        raise ValueError(f"{path} has {channels} channels of {bits} bits at {rate_hz} Hz")
    body = data[start + 8 :]
    return np.frombuffer(body[: len(body) // 2 * 2], "<i2") / 32768.0


def level_dbfs(signal: Signal) -> float:
    """Return the root mean square in decibels of full scale (a full-scale sine: -3)."""
    if not len(signal):
        return SILENCE_DBFS
    power = float(np.mean(np.square(signal)))
    return max(SILENCE_DBFS, 10 * np.log10(power)) if power > 0 else SILENCE_DBFS


def strongest_tone(signal: Signal) -> Tone:
    """Return the strongest frequency by FFT with a Hann window; the level is that of the sine's amplitude."""
    if len(signal) < RATE_HZ // 10:
        return Tone(0.0, SILENCE_DBFS, 0.0)
    window = np.hanning(len(signal))
    spectrum = np.abs(np.fft.rfft(signal * window))
    spectrum[0] = 0
    peak = int(np.argmax(spectrum))
    near = spectrum[max(0, peak - 3) : peak + 4]
    energy, total = float(np.sum(near**2)), float(np.sum(spectrum**2))
    amplitude = 2 * float(spectrum[peak]) / float(np.sum(window))
    level = 20 * np.log10(amplitude) if amplitude > 0 else SILENCE_DBFS
    return Tone(peak * RATE_HZ / len(signal), max(SILENCE_DBFS, level), energy / total if total else 0.0)


def share_of(signal: Signal, frequency_hz: float, *, width_hz: float = 15.0) -> float:
    """Return which part of a signal's energy lies within ``width_hz`` of a frequency, 0 to 1."""
    if not len(signal):
        return 0.0
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    frequencies = np.fft.rfftfreq(len(signal), 1 / RATE_HZ)
    total = float(np.sum(spectrum))
    near = float(np.sum(spectrum[np.abs(frequencies - frequency_hz) <= width_hz]))
    return near / total if total else 0.0


def middle(signal: Signal, duration_s: float) -> Signal:
    """Return the loud part's middle: what lies between the first and the last sound, cut to ``duration_s``."""
    loud = np.flatnonzero(np.abs(signal) > 0.01)
    if not len(loud):
        return signal[:0]
    centre = int(loud[0] + loud[-1]) // 2
    half = int(duration_s * RATE_HZ) // 2
    return signal[max(int(loud[0]), centre - half) : min(int(loud[-1]), centre + half)]


def similarity(heard: Signal, original: Signal) -> float:
    """Return the highest normalised correlation of ``original`` with any part of ``heard``: 1 when it is there."""
    if len(heard) < len(original):
        heard = np.concatenate([heard, silence(1 + len(original) / RATE_HZ)])
    size = 1 << int(np.ceil(np.log2(len(heard) + len(original))))
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(original, size))
    correlation = np.fft.irfft(product, size)[: len(heard) - len(original) + 1]
    energy = np.concatenate([[0.0], np.cumsum(heard**2)])
    windows = energy[len(original) :] - energy[: len(energy) - len(original)]
    norm = np.sqrt(np.maximum(windows, 1e-9) * float(np.sum(original**2)))
    return float(np.max(correlation / norm))
