# SPDX-License-Identifier: Apache-2.0
"""``python -m media.prompts.convert SOURCE TARGET``: makes a prompt of whatever sound somebody uploaded.

Runs in a process of its own, because the source is hostile until it is converted: the decoders are C code. It has no
secrets, no network and no database, little memory and little time (`media.prompts.conversion` starts it). It must not
know Django. It prints one JSON object: what was made, or ``error`` for the person who uploaded.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

RATE_HZ: Final = 8000
FORMATS: Final = {"WAV": "WAV", "WAVEX": "WAV", "MP3": "MP3", "OGG": "Ogg", "FLAC": "FLAC"}
MAX_CHANNELS: Final = 8
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 4000, 192_000
BLOCK_FRAMES: Final = 16_384
CPU_S: Final = 60
MEMORY_BYTES: Final = 1 << 30
OPEN_FILES: Final = 64
HEADER_BYTES: Final = 4096


class Unusable(ValueError):
    """The source cannot become a prompt; the text is for who uploaded it."""


def convert(source: Path, target: Path, *, max_s: float, bars: int) -> dict[str, Any]:
    """Write a sound as 8 kHz, mono, 16-bit WAV and return what it was and is.

    Args:
        source: WAV, MP3, Ogg or FLAC.
        target: is written.
        max_s: longest duration.
        bars: parts of which the loudest sample is told.

    Raises:
        Unusable: it is no such file, broken, empty or too long.
    """
    import numpy
    import soundfile

    try:
        with soundfile.SoundFile(str(source)) as audio:
            described = _check(audio, max_s)
            peaks = []
            frames = 0
            with wave.open(str(target), "wb") as made:
                made.setnchannels(1)
                made.setsampwidth(2)
                made.setframerate(RATE_HZ)
                for samples in _narrow(audio):
                    frames += len(samples)
                    if frames > max_s * RATE_HZ:
                        raise _too_long(max_s)
                    whole = numpy.clip(numpy.rint(samples * 32768.0), -32768, 32767).astype("<i2")
                    made.writeframes(whole.tobytes())
                    peaks += _loudest(whole, 80)
    except soundfile.LibsndfileError as error:
        raise Unusable(f"it cannot be read: {error.error_string.rstrip('.')}") from error
    if not frames:
        raise Unusable("there is no sound in it")
    return {
        "duration_ms": frames * 1000 // RATE_HZ,
        "format": described,
        "peaks": _bars(peaks, bars),
    }


def _check(audio: Any, max_s: float) -> str:
    """Return what a source is, in words."""
    kind = FORMATS.get(audio.format)
    if kind is None:
        raise Unusable(f"it is {audio.format}; WAV, MP3, Ogg and FLAC are accepted")
    if not 1 <= audio.channels <= MAX_CHANNELS:
        raise Unusable(f"it has {audio.channels} channels; at most {MAX_CHANNELS} are accepted")
    if not LOWEST_RATE_HZ <= audio.samplerate <= HIGHEST_RATE_HZ:
        raise Unusable(
            f"it has {audio.samplerate} samples a second; {LOWEST_RATE_HZ} to {HIGHEST_RATE_HZ} are accepted"
        )
    # What the header says; a header that lies is found out while reading.
    if 0 < max_s * audio.samplerate < audio.frames < 1 << 48:
        raise _too_long(max_s)
    channels = {1: "mono", 2: "stereo"}.get(audio.channels, f"{audio.channels} channels")
    return f"{kind}, {audio.samplerate} Hz, {channels}"


def _too_long(max_s: float) -> Unusable:
    return Unusable(f"it is longer than {max_s:g} s")


def _narrow(audio: Any) -> Iterator[Any]:
    """Yield the samples mixed to one channel, at the telephone's rate."""
    import numpy
    import soxr

    same = audio.samplerate == RATE_HZ
    stream = None if same else soxr.ResampleStream(audio.samplerate, RATE_HZ, 1, dtype="float32")
    while len(block := audio.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        # Floating-point files may hold what is no number.
        mono = numpy.nan_to_num(block.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0)
        yield mono if stream is None else stream.resample_chunk(mono)
    if stream is not None:
        yield stream.resample_chunk(numpy.zeros(0, dtype="float32"), last=True)


def _loudest(samples: Any, step: int) -> list[int]:
    """Return the loudest sample of each 10 ms."""
    import numpy

    return [int(numpy.abs(samples[at : at + step].astype("i4")).max()) for at in range(0, len(samples), step)]


def _bars(peaks: list[int], bars: int) -> list[int]:
    """Return the loudest of each of equal parts, 0 to 100."""
    count = min(bars, len(peaks))
    edges = [len(peaks) * number // count for number in range(count + 1)]
    parts = (peaks[begin:end] for begin, end in pairwise(edges))
    return [min(100, round(max(part) * 100 / 32767)) for part in parts]


def bound_this_process(max_s: float) -> None:
    """Take time, memory, output and files away from this process, for good."""
    output = int(max_s * RATE_HZ * 2) + HEADER_BYTES
    for what, limit in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, output),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (limit, limit))


def main() -> None:
    """Convert and print what was made, or what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--max-s", type=float, required=True)
    parser.add_argument("--bars", type=int, required=True)
    options = parser.parse_args()
    bound_this_process(options.max_s)
    try:
        made = convert(options.source, options.target, max_s=options.max_s, bars=options.bars)
    except Unusable as error:
        made = {"error": str(error)}
    json.dump(made, sys.stdout)


if __name__ == "__main__":
    main()
