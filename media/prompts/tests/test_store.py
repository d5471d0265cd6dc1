# SPDX-License-Identifier: Apache-2.0
"""Uploaded prompts on an RTP manager: fetched once, checked, bounded in time, threads and disk."""

import asyncio
import hashlib
import os
import threading

import pytest

from media.control.errors import ErrorCode, MediaError
from media.prompts import store as store_module
from media.prompts.library import PromptLibrary
from media.prompts.references import reference_to, referred_to
from media.prompts.store import PromptStore
from media.tests.factories import wav_bytes

SOUND = wav_bytes(b"\5\0" * 800)
SHA = hashlib.sha256(SOUND).hexdigest()


class Source:
    def __init__(self, sounds):
        self.sounds = sounds
        self.asked = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, sha256):
        self.asked.append(sha256)
        self.gate.wait(10)
        sound = self.sounds.get(sha256, b"")
        if isinstance(sound, Exception):
            raise sound
        yield sound[:100]
        yield sound[100:]


@pytest.fixture
def source():
    made = Source({SHA: SOUND})
    yield made
    made.gate.set()


async def test_a_prompt_is_fetched_once_and_played_from_disk(source, tmp_path):
    store = PromptStore(tmp_path / "prompts", source)
    library = PromptLibrary(tmp_path / "audio", store=store)
    first = await asyncio.gather(library.load(reference_to(SHA)), library.load(reference_to(SHA)))
    assert {prompt.pcm for prompt in first} == {b"\5\0" * 800}
    assert (await PromptLibrary(tmp_path, store=store).load(reference_to(SHA))).duration_ms == 100
    assert source.asked == [SHA]
    assert [path.name for path in (tmp_path / "prompts").iterdir()] == [f"{SHA}.wav"]


async def test_a_prompt_that_is_gone_and_one_that_was_changed_are_not_played(source, tmp_path):
    store = PromptStore(tmp_path, source)
    other = "0" * 64
    source.sounds["1" * 64] = SOUND
    for sha256 in (other, "1" * 64):
        with pytest.raises(MediaError) as caught:
            await store.path(sha256)
        assert caught.value.code is ErrorCode.NOT_FOUND
    assert list(tmp_path.iterdir()) == []


async def test_a_source_that_fails_or_hangs_costs_a_bounded_time_and_few_threads(source, tmp_path):
    store = PromptStore(tmp_path, source, fetch_s=0.05)
    source.sounds["2" * 64] = RuntimeError("away")
    with pytest.raises(MediaError) as caught:
        await PromptStore(tmp_path, source).path("2" * 64)
    assert caught.value.code is ErrorCode.UNAVAILABLE
    source.gate.clear()
    asked = [f"{number:064x}" for number in range(store_module.MAX_THREADS + 2)]
    answers = await asyncio.gather(*(store.path(sha256) for sha256 in asked), return_exceptions=True)
    assert {answer.code for answer in answers} == {ErrorCode.UNAVAILABLE}
    assert len(source.asked) == 1 + store_module.MAX_THREADS


async def test_who_waits_longer_than_the_first_gets_what_comes_late(source, tmp_path):
    store = PromptStore(tmp_path, source, fetch_s=0.05)
    source.gate.clear()
    with pytest.raises(MediaError):
        await store.path(SHA)
    source.gate.set()
    for _ in range(200):
        try:
            assert (await store.path(SHA)).read_bytes() == SOUND
            return
        except MediaError:
            await asyncio.sleep(0.01)
    pytest.fail("it never came")


async def test_the_directory_stays_within_its_bound(tmp_path):
    sounds = {}
    for number in range(4):
        sound = wav_bytes(bytes([number, 0]) * 800)
        sounds[hashlib.sha256(sound).hexdigest()] = sound
    store = PromptStore(tmp_path, Source(sounds), disk_bytes=2 * len(SOUND))
    for age, sha256 in enumerate(sounds):
        os.utime(await store.path(sha256), (age, age))
    assert {path.stem for path in tmp_path.iterdir()} == set(list(sounds)[-2:])


@pytest.mark.parametrize(
    "name", ["prompt:", "prompt:" + "g" * 64, f"prompt:{SHA}/../x", f"x/prompt:{SHA}", SHA]
)
def test_nothing_else_refers_to_a_sound(name):
    assert referred_to(name) is None
