# SPDX-License-Identifier: Apache-2.0
"""Uploads become prompts, and hostile ones a sentence."""

import struct
import subprocess
from datetime import timedelta

import numpy
import pytest
import soundfile
from django.core.files.base import ContentFile
from django.utils import timezone

from media.models import Piece, Prompt, PromptUpload, Status
from media.prompts import blobs, conversion, uploads
from media.prompts.convert import Unusable, convert
from media.prompts.pruning import prune
from media.tests.factories import make_prompt, tone, wav_bytes, write_sound


def converted(source, tmp_path, *, max_s=5.0, bars=20):
    target = tmp_path / "target.wav"
    made = convert(source, target, max_s=max_s, bars=bars)
    samples, rate_hz = soundfile.read(str(target))
    info = soundfile.info(str(target))
    assert (rate_hz, info.channels, info.subtype) == (8000, 1, "PCM_16")
    return made, samples


def strongest_hz(samples):
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return numpy.argmax(spectrum) * 8000 / len(samples)


@pytest.mark.parametrize(
    ("kind", "rate_hz", "channels", "more"),
    [
        ("WAV", 44100, 2, {}),
        ("WAV", 8000, 1, {"subtype": "ULAW"}),
        ("WAV", 96000, 1, {"subtype": "FLOAT"}),
        ("WAVEX", 48000, 6, {}),
        ("MP3", 44100, 2, {}),
        ("OGG", 48000, 1, {"subtype": "OPUS"}),
        ("OGG", 22050, 2, {"subtype": "VORBIS"}),
        ("FLAC", 16000, 2, {}),
    ],
)
def test_each_kind_of_sound_becomes_telephone_audio(tmp_path, kind, rate_hz, channels, more):
    source = write_sound(tmp_path / "source", kind=kind, rate_hz=rate_hz, channels=channels, **more)
    assert uploads.looks_like_audio(source.read_bytes()[:16])
    made, samples = converted(source, tmp_path)
    assert made["duration_ms"] == pytest.approx(500, abs=80)
    assert strongest_hz(samples) == pytest.approx(700, abs=5)
    assert numpy.abs(samples[1000:3000]).max() == pytest.approx(0.5, abs=0.06)
    assert f"{rate_hz} Hz" in made["format"]
    assert len(made["peaks"]) == 20 and max(made["peaks"]) == pytest.approx(50, abs=12)


def test_a_short_sound_has_as_many_bars_as_it_has_parts(tmp_path):
    made, _ = converted(write_sound(tmp_path / "s", seconds=0.03, rate_hz=8000, channels=1), tmp_path)
    assert len(made["peaks"]) == 3


def test_numbers_that_are_none_do_no_harm(tmp_path):
    samples = tone(700, 0.5).astype("float32")
    samples[100:200] = numpy.nan
    samples[300:400] = numpy.inf
    soundfile.write(str(tmp_path / "s"), samples, 8000, format="WAV", subtype="FLOAT")
    _, heard = converted(tmp_path / "s", tmp_path)
    assert numpy.abs(heard).max() <= 1


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_bytes(b"RIFF\0\0\0\0WAVEjunk"), "cannot be read"),
        (lambda path: path.write_bytes(b"\x7fELF" + bytes(5000)), "cannot be read"),
        (lambda path: path.write_bytes(wav_bytes(b"")), "no sound"),
        (lambda path: write_sound(path, kind="AIFF"), "AIFF"),
        (lambda path: write_sound(path, channels=9), "9 channels"),
        (lambda path: write_sound(path, rate_hz=2000), "2000 samples"),
        (lambda path: write_sound(path, seconds=6), "longer than 5 s"),
    ],
)
def test_what_is_no_prompt_is_refused_with_its_reason(tmp_path, write, says):
    write(tmp_path / "source")
    with pytest.raises(Unusable, match=says):
        convert(tmp_path / "source", tmp_path / "target", max_s=5, bars=20)


def test_a_header_that_promises_little_does_not_let_much_through(tmp_path):
    lying = bytearray(wav_bytes(bytes(16000 * 10)))
    lying[40:44] = struct.pack("<I", 0)
    (tmp_path / "source").write_bytes(bytes(lying))
    try:
        made = convert(tmp_path / "source", tmp_path / "target", max_s=5, bars=20)
    except Unusable:
        return
    assert made["duration_ms"] <= 5000


@pytest.fixture
def uploaded(db):
    def upload(data: bytes, name: str = "sound.wav", prompt: Prompt | None = None) -> PromptUpload:
        return uploads.keep(prompt or Prompt(name="hours"), ContentFile(data), name)

    return upload


def test_an_upload_waits_and_is_converted_once(uploaded, tmp_path):
    uploaded(write_sound(tmp_path / "s").read_bytes(), "../../etc/Hours é.wav")
    prompt = Prompt.objects.get()
    assert (prompt.status, prompt.playable, prompt.source_name) == (Status.CONVERTING, False, "Hours é.wav")
    assert conversion.convert_waiting() == 1
    prompt.refresh_from_db()
    assert (prompt.status, prompt.source_format) == (Status.READY, "WAV, 44100 Hz, stereo")
    stored = b"".join(blobs.read(blobs.sound_key(prompt.sha256)))
    assert len(stored) == prompt.size and stored[:4] == b"RIFF"
    assert conversion.convert_waiting() == 0
    assert not PromptUpload.objects.exists()
    assert set(Piece.objects.values_list("key", flat=True)) == {blobs.sound_key(prompt.sha256)}
    assert [version.history_change_reason for version in prompt.history.all()] == [
        "Converted",
        "Uploaded Hours é.wav",
    ]


def test_a_file_that_breaks_the_decoder_leaves_a_sentence_and_what_was_played_before(uploaded):
    prompt = make_prompt("hours")
    uploaded(b"fLaC" + bytes(2000), prompt=prompt)
    assert conversion.convert_waiting() == 1
    prompt.refresh_from_db()
    assert (prompt.status, prompt.playable) == (Status.FAILED, True)
    assert "cannot be read" in prompt.error


def test_a_converter_that_dies_or_hangs_is_told_to_who_uploaded(uploaded, monkeypatch, settings):
    def hang(*args, **options):
        raise subprocess.TimeoutExpired("converter", 1)

    upload = uploaded(wav_bytes())
    monkeypatch.setattr(conversion, "WALL_S", 0.001)
    monkeypatch.setattr(subprocess, "run", hang)
    conversion.convert_upload(upload)
    assert Prompt.objects.get().error == "its conversion takes too long"
    upload = uploaded(wav_bytes(), prompt=Prompt.objects.get())
    dead = subprocess.CompletedProcess([], -9, b"", b"")
    monkeypatch.setattr(subprocess, "run", lambda *args, **options: dead)
    conversion.convert_upload(upload)
    assert "died" in Prompt.objects.get().error


def test_the_converter_knows_no_secret_and_has_bounds(uploaded, monkeypatch):
    seen = {}

    def look(command, **options):
        seen.update(options)
        return subprocess.CompletedProcess([], 0, b'{"error": "seen"}', b"")

    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    monkeypatch.setattr(subprocess, "run", look)
    conversion.convert_upload(uploaded(wav_bytes()))
    assert "secret" not in str(seen["env"]) and seen["timeout"] == conversion.WALL_S


def test_an_upload_whose_worker_died_is_taken_over_and_given_up_in_the_end(uploaded):
    upload = uploaded(wav_bytes())
    PromptUpload.objects.update(claimed_at=timezone.now(), attempts=1)
    assert conversion.convert_waiting() == 0
    PromptUpload.objects.update(
        claimed_at=timezone.now() - conversion.CLAIM - timedelta(seconds=1), attempts=conversion.ATTEMPTS
    )
    assert conversion.convert_waiting() == 1
    assert "interrupted" in Prompt.objects.get(pk=upload.prompt_id).error


def test_what_a_newer_upload_replaced_is_not_stored_over_it(uploaded, tmp_path):
    older = uploaded(write_sound(tmp_path / "a").read_bytes())
    uploaded(write_sound(tmp_path / "b", hertz=440).read_bytes(), prompt=older.prompt)
    conversion.convert_upload(older)
    assert Prompt.objects.get().status == Status.CONVERTING
    conversion.convert_waiting()
    prompt = Prompt.objects.get()
    samples, _ = soundfile.read(str(_written(tmp_path, prompt)))
    assert strongest_hz(samples) == pytest.approx(440, abs=5)


def _written(tmp_path, prompt):
    path = tmp_path / "stored.wav"
    path.write_bytes(b"".join(blobs.read(blobs.sound_key(prompt.sha256))))
    return path


@pytest.mark.django_db
def test_a_file_is_read_in_any_part(monkeypatch):
    monkeypatch.setattr(blobs, "PIECE_BYTES", 10)
    data = bytes(range(35))
    assert blobs.write("k", [data[:3], data[3:24], data[24:]]) == 35
    for start, end in ((0, None), (0, 35), (9, 11), (10, 20), (12, 13), (29, 99), (35, None), (50, 60)):
        assert b"".join(blobs.read("k", start, end)) == data[start:end], (start, end)
    assert blobs.write("k", [b"other"]) == 5
    assert b"".join(blobs.read("k")) == data


@pytest.mark.django_db
def test_sounds_that_nobody_has_are_deleted_after_a_day():
    prompt = make_prompt("kept")
    blobs.write("sound:gone", [b"x"])
    blobs.write("upload:gone", [b"x"])
    assert prune() == 0
    Piece.objects.update(created_at=timezone.now() - timedelta(days=2))
    assert prune() == 2
    assert set(Piece.objects.values_list("key", flat=True)) == {blobs.sound_key(prompt.sha256)}
