# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.errors import ErrorCode, MediaError, Reason
from media.prompts import library as library_module
from media.prompts.library import TRUST_S, PromptLibrary
from media.prompts.wav import write_wav


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def root(tmp_path):
    (tmp_path / "audio" / "en").mkdir(parents=True)
    write_wav(tmp_path / "audio" / "hello.wav", b"\1\0" * 800)
    write_wav(tmp_path / "audio" / "en" / "bye.wav", b"\2\0" * 1600)
    write_wav(tmp_path / "secret.wav", b"\3\0" * 800)
    return tmp_path / "audio"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def library(root, clock):
    return PromptLibrary(root, clock=clock)


async def test_it_reads_prompts_by_name(library, root):
    assert (await library.load("hello.wav")).pcm == b"\1\0" * 800
    assert (await library.load("en/bye.wav")).duration_ms == 200
    assert (await library.load(str(root / "hello.wav"))).duration_ms == 100


@pytest.mark.parametrize(
    "name", ["../secret.wav", "en/../../secret.wav", "/etc/passwd", "", "a\0b", "x" * 600, "."]
)
async def test_it_reads_nothing_outside_its_directory(library, name):
    with pytest.raises(MediaError) as caught:
        await library.load(name)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT


async def test_it_does_not_follow_links_out_of_its_directory(library, root):
    (root / "link.wav").symlink_to(root.parent / "secret.wav")
    with pytest.raises(MediaError, match="outside"):
        await library.load("link.wav")


async def test_a_prompt_that_the_operator_does_not_have_is_the_products_own(root, tmp_path):
    builtin = tmp_path / "builtin"
    builtin.mkdir()
    for name in ("hello.wav", "welcome.wav"):
        write_wav(builtin / name, b"\4\0" * 400)
    (builtin / "link.wav").symlink_to(tmp_path / "secret.wav")
    library = PromptLibrary(root, builtin=builtin)
    assert (await library.load("welcome.wav")).duration_ms == 50
    assert (await library.load("hello.wav")).duration_ms == 100
    for name in ("link.wav", "missing.wav"):
        with pytest.raises(MediaError) as caught:
            await library.load(name)
        assert caught.value.code is ErrorCode.NOT_FOUND


async def test_a_missing_file_is_not_found(library):
    with pytest.raises(MediaError) as caught:
        await library.load("missing.wav")
    assert (caught.value.code, caught.value.reason) == (ErrorCode.NOT_FOUND, Reason.NO_SUCH_FILE)


async def test_what_is_no_audio_says_so(library, root):
    (root / "text.wav").write_text("hello")
    with pytest.raises(MediaError) as caught:
        await library.load("text.wav")
    assert caught.value.reason is Reason.BAD_AUDIO


async def test_a_huge_file_is_not_read(library, root, monkeypatch):
    monkeypatch.setattr(library_module, "MAX_FILE_BYTES", 100)
    with pytest.raises(MediaError) as caught:
        await library.load("hello.wav")
    assert caught.value.reason is Reason.BAD_AUDIO


async def test_a_prompt_is_at_hand_for_a_second_after_it_was_looked_at(library, clock):
    assert library.cached("hello.wav") is None
    await library.load("hello.wav")
    clock.now = TRUST_S
    assert library.cached("hello.wav").duration_ms == 100
    clock.now = TRUST_S + 0.1
    assert library.cached("hello.wav") is None


async def test_a_file_is_read_again_only_when_it_changed(library, root, monkeypatch):
    first = await library.load("hello.wav")
    assert (await library.load("hello.wav")).pcm is first.pcm
    write_wav(root / "hello.wav", b"\7\0" * 400)
    assert (await library.load("hello.wav")).pcm == b"\7\0" * 400


async def test_memory_is_bounded_and_the_least_used_goes_first(root, clock):
    library = PromptLibrary(root, cache_bytes=5000, clock=clock)
    for name, count in (("a.wav", 800), ("b.wav", 800), ("c.wav", 800)):
        write_wav(root / name, b"\0\0" * count)
    await library.load("a.wav")
    await library.load("b.wav")
    assert library.cached("a.wav")
    await library.load("c.wav")
    await library.load("en/bye.wav")
    assert [name for name in ("a.wav", "b.wav", "c.wav", "en/bye.wav") if library.cached(name)] == [
        "c.wav",
        "en/bye.wav",
    ]
