# SPDX-License-Identifier: Apache-2.0
import wave

import numpy as np
import pytest
import soundfile

from media.prompts.wav import BadAudio, read_pcm, write_wav


def sine(rate_hz, seconds=1.0, hertz=440.0):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate_hz * seconds)) / rate_hz)


def loudest_hertz(pcm):
    samples = np.frombuffer(pcm, "<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 8000 / len(samples))


def test_telephone_wav_plays_as_it_is(tmp_path):
    pcm = bytes(range(256)) * 4
    write_wav(tmp_path / "a.wav", pcm)
    assert read_pcm(tmp_path / "a.wav") == pcm


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_g711_wav_plays_sample_by_sample(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", sine(8000), 8000, subtype=subtype)
    pcm = read_pcm(tmp_path / "a.wav")
    expected, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert np.array_equal(np.frombuffer(pcm, "<i2"), expected)


@pytest.mark.parametrize(
    ("rate_hz", "suffix"), [(44100, "wav"), (16000, "flac"), (48000, "ogg"), (11025, "wav")]
)
def test_other_rates_and_formats_are_converted(tmp_path, rate_hz, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, sine(rate_hz), rate_hz)
    pcm = read_pcm(path)
    assert abs(len(pcm) // 2 - 8000) <= 80
    assert abs(loudest_hertz(pcm) - 440) < 2


def test_stereo_is_mixed(tmp_path):
    left, right = sine(8000, hertz=440), np.zeros(8000)
    soundfile.write(tmp_path / "a.wav", np.column_stack([left, right]), 8000)
    pcm = np.frombuffer(read_pcm(tmp_path / "a.wav"), "<i2")
    assert np.allclose(pcm, left * 16384, atol=2)


def test_loud_audio_does_not_wrap_around(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.ones(800, dtype="float32") * 1.5, 8000, subtype="FLOAT")
    assert set(np.frombuffer(read_pcm(tmp_path / "a.wav"), "<i2")) == {32767}


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 50])
def test_what_is_no_audio_is_refused(tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(BadAudio):
        read_pcm(tmp_path / "a.wav")


def test_empty_and_endless_audio_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("media.prompts.wav.MAX_DURATION_S", 1)
    for seconds, rate_hz in ((0, 8000), (1.1, 8000), (1.1, 16000)):
        with wave.open(str(tmp_path / "a.wav"), "wb") as audio:
            audio.setparams((1, 2, rate_hz, 0, "NONE", ""))
            audio.writeframes(b"\0\0" * int(seconds * rate_hz))
        with pytest.raises(BadAudio):
            read_pcm(tmp_path / "a.wav")
