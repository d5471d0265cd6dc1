# SPDX-License-Identifier: Apache-2.0
"""The prompts below one directory, as the engine takes them: signed 16-bit little-endian, 8 kHz, mono.

Files are read in a thread and kept in memory within bounds. Names come from dialplans, so nothing outside the
directory can be named. It must not know sessions.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from media.control.errors import ErrorCode, MediaError, Reason, invalid
from media.prompts.references import referred_to
from media.prompts.store import PromptStore
from media.prompts.wav import MAX_FILE_BYTES, SAMPLE_RATE_HZ, BadAudio, read_pcm

CACHE_BYTES = 32 * 1024 * 1024
"""About 35 minutes of audio."""

TRUST_S = 1.0
"""A prompt that was looked at this lately is played without looking at its file again."""

MAX_NAME_CHARACTERS = 512


@dataclass(slots=True)
class CachedPrompt:
    """Audio and what its file looked like when it was read."""

    pcm: bytes
    stamp: tuple[int, int]
    checked_at: float

    @property
    def duration_ms(self) -> int:
        """Length of one pass."""
        return len(self.pcm) * 1000 // (2 * SAMPLE_RATE_HZ)


class PromptLibrary:
    """Prompts by name.

    Args:
        root: the directory; it may be absent as long as no prompt is asked for.
        store: has the uploaded prompts, which are named by their hash (`media.prompts.references`).
        builtin: a directory whose prompts stand in for those that are not in `root`.
        cache_bytes: how much audio is kept in memory.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        root: Path,
        *,
        store: PromptStore | None = None,
        builtin: Path | None = None,
        cache_bytes: int = CACHE_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._store = store
        self._builtin = builtin
        self._cache_bytes = cache_bytes
        self._clock = clock
        self._held_bytes = 0
        self._prompts: OrderedDict[str, CachedPrompt] = OrderedDict()

    def cached(self, file: str) -> CachedPrompt | None:
        """Return a prompt that is in memory and was compared with its file a moment ago."""
        prompt = self._prompts.get(file)
        if prompt is None or self._clock() - prompt.checked_at > TRUST_S:
            return None
        self._prompts.move_to_end(file)
        return prompt

    async def load(self, file: str) -> CachedPrompt:
        """Return a prompt, read again when its file changed.

        Raises:
            MediaError: NOT_FOUND (no such file), INVALID_ARGUMENT (a name that leaves the directory, no audio),
                UNAVAILABLE (an uploaded prompt that cannot be fetched now).
        """
        known = self._prompts.get(file)
        sha256 = referred_to(file)
        fetched = None if sha256 is None or self._store is None else await self._store.path(sha256)
        prompt = await asyncio.to_thread(self._read, file, known, fetched)
        self._keep(file, prompt)
        return prompt

    def path_of(self, file: str) -> Path:
        """Return where a prompt is on disk.

        Args:
            file: a path relative to the directory, or an absolute one inside it.

        Raises:
            MediaError: the name is empty, or leaves the directory.
        """
        if not file or len(file) > MAX_NAME_CHARACTERS or "\0" in file:
            raise invalid(Reason.BAD_REQUEST, "the prompt has no usable name")
        path = _inside(self._root, file)
        if path is None:
            raise invalid(Reason.BAD_REQUEST, f"prompt {file!r} is outside the prompt directory")
        if self._builtin is not None and not path.exists():
            own = _inside(self._builtin, file)
            if own is not None and own.is_file():
                return own
        return path

    def _read(self, file: str, known: CachedPrompt | None, fetched: Path | None) -> CachedPrompt:
        try:
            path = fetched or self.path_of(file)
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if known is not None and known.stamp == stamp:
                return CachedPrompt(known.pcm, stamp, self._clock())
            if not path.is_file() or status.st_size > MAX_FILE_BYTES:
                raise invalid(Reason.BAD_AUDIO, f"prompt {file!r} is not a file below {MAX_FILE_BYTES} bytes")
            return CachedPrompt(read_pcm(path), stamp, self._clock())
        except OSError as error:
            detail = f"no prompt {file!r}: {error.strerror}"
            raise MediaError(ErrorCode.NOT_FOUND, detail, Reason.NO_SUCH_FILE) from error
        except BadAudio as error:
            raise invalid(Reason.BAD_AUDIO, f"prompt {file!r} cannot be played: {error}") from error

    def _keep(self, file: str, prompt: CachedPrompt) -> None:
        before = self._prompts.pop(file, None)
        if before is not None:
            self._held_bytes -= len(before.pcm)
        self._prompts[file] = prompt
        self._held_bytes += len(prompt.pcm)
        while self._held_bytes > self._cache_bytes and len(self._prompts) > 1:
            _, oldest = self._prompts.popitem(last=False)
            self._held_bytes -= len(oldest.pcm)


def _inside(root: Path, file: str) -> Path | None:
    """Return a file's path below a directory, None when it is elsewhere, also through a link."""
    resolved = root.resolve()
    path = (resolved / file).resolve()
    return path if path.is_relative_to(resolved) else None
