# SPDX-License-Identifier: Apache-2.0
"""Uploaded prompts on an RTP manager's disk: fetched when first played, kept for the next time.

It must not know sessions, nor where sounds come from. Invariants: what is on disk under a hash has that hash; a source that
hangs costs the caller who waits no more than `FETCH_S` and the process a bounded number of threads; the directory is
bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from media.control.errors import ErrorCode, MediaError, Reason

log = logging.getLogger(__name__)

FETCH_S: Final = 3.0
"""How long a caller waits for a prompt that is not here yet."""
MAX_THREADS: Final = 4
DISK_BYTES: Final = 1 << 30
"""About 18 hours of sound."""

Fetch = Callable[[str], Iterator[bytes]]
"""Yields the parts of the sound with a hash; nothing when there is none. Blocks."""


class PromptStore:
    """The directory.

    Args:
        directory: is made when the first prompt is fetched.
        fetch: where sounds come from.
        disk_bytes: what the directory may hold.
        fetch_s: how long a caller waits.
    """

    def __init__(
        self, directory: Path, fetch: Fetch, *, disk_bytes: int = DISK_BYTES, fetch_s: float = FETCH_S
    ) -> None:
        self._directory = directory
        self._fetch = fetch
        self._disk_bytes = disk_bytes
        self._fetch_s = fetch_s
        self._fetching: dict[str, asyncio.Future[Path]] = {}

    async def path(self, sha256: str) -> Path:
        """Return where a sound is on disk, fetched if need be.

        Raises:
            MediaError: NOT_FOUND (there is no such sound), UNAVAILABLE (it cannot be had now).
        """
        path = self._directory / f"{sha256}.wav"
        if await asyncio.to_thread(path.is_file):
            return path
        fetching = self._fetching.get(sha256) or self._begin(sha256, path)
        try:
            return await asyncio.wait_for(asyncio.shield(fetching), self._fetch_s)
        except TimeoutError:
            raise _away(f"the prompt was not fetched in {self._fetch_s:g} s") from None

    def _begin(self, sha256: str, path: Path) -> asyncio.Future[Path]:
        if len(self._fetching) >= MAX_THREADS:
            raise _away("too many prompts are being fetched")
        loop = asyncio.get_running_loop()
        future = self._fetching[sha256] = loop.create_future()

        def done(error: Exception | None) -> None:
            del self._fetching[sha256]
            if error is None:
                future.set_result(path)
                return
            future.set_exception(error)
            # Whoever waited may have gone; then nobody asks for the reason.
            future.exception()

        def work() -> None:
            error: Exception | None = None
            try:
                self._write(sha256, path)
            except MediaError as found:
                error = found
            except Exception as found:  # noqa: BLE001 - whatever database or disk say, the playback must end
                log.warning("prompt %s cannot be fetched: %s", sha256, found)
                error = _away("the prompt cannot be fetched; the log has more")
            # The loop may be closed by now: then nobody waits.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(done, error)

        # A daemon: a source that hangs must not keep the process from ending.
        threading.Thread(target=work, name="prompt-fetch", daemon=True).start()
        return future

    def _write(self, sha256: str, path: Path) -> None:
        """Fetch a sound and write it, whole or not at all."""
        if path.is_file():
            # Whoever asked at the same time was quicker.
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        digest = hashlib.sha256()
        try:
            with draft.open("wb") as file:
                for part in self._fetch(sha256):
                    digest.update(part)
                    file.write(part)
            if digest.hexdigest() != sha256:
                raise MediaError(ErrorCode.NOT_FOUND, "there is no such prompt any more", Reason.NO_SUCH_FILE)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        self._make_room(path)

    def _make_room(self, newest: Path) -> None:
        """Delete what was fetched longest ago, beyond the bound; it is fetched again when it is played."""
        files = sorted(self._directory.glob("*.wav"), key=lambda path: path.stat().st_mtime)
        held = sum(path.stat().st_size for path in files)
        for path in files:
            if held <= self._disk_bytes or path == newest:
                return
            held -= path.stat().st_size
            path.unlink(missing_ok=True)


def _away(detail: str) -> MediaError:
    return MediaError(ErrorCode.UNAVAILABLE, detail, Reason.TIMEOUT)
