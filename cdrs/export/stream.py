# SPDX-License-Identifier: Apache-2.0
"""Sends the pieces of a file to a browser, at the speed at which it takes them, from either kind of server.

Under ASGI a thread of its own reads the database, one piece ahead at most, so that neither the event loop nor the
memory carries an export. Invariant: whatever ends a stream, its slot and its database connection are given back.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.db import connections

from cdrs.export.progress import Progress
from cdrs.export.rows import Piece

logger = logging.getLogger(__name__)

MAX_STREAMS: Final = 4
"""Exports at once in this process; each keeps a thread and a database connection busy."""

_slots = threading.BoundedSemaphore(MAX_STREAMS)


class TooManyExports(Exception):
    """Every slot for an export is taken."""


class Stream:
    """One file on its way. Iterate it once, in the way that suits the server, or `abandon` it."""

    def __init__(self, make: Callable[[], Iterator[Piece]], progress: Progress) -> None:
        """
        Args:
            make: makes the pieces; called in the thread that reads them.
            progress: counts them.

        Raises:
            TooManyExports: try again later.
        """
        if not _slots.acquire(blocking=False):
            raise TooManyExports
        self._make = make
        self._progress = progress
        self._pieces: Iterator[Piece] | None = None
        self._is_begun = False
        self._is_open = True
        self._is_complete = False

    def __iter__(self) -> Iterator[bytes]:
        """Give the pieces where the server takes them in this thread."""
        self._is_begun = True
        try:
            while (data := self._next()) is not None:
                yield data
        finally:
            self._close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces where the server is an event loop."""
        self._is_begun = True
        loop = asyncio.get_running_loop()
        reader = ThreadPoolExecutor(1, thread_name_prefix="cdr-export")
        try:
            while (data := await loop.run_in_executor(reader, self._next)) is not None:
                yield data
        finally:
            # Not waited for: this may be a request that was cancelled, in the midst of reading a piece.
            reader.submit(self._close_in_thread)
            reader.shutdown(wait=False)

    def abandon(self) -> None:
        """Give the slot back if nobody began to iterate."""
        if not self._is_begun:
            self._close()

    def _close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        try:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        finally:
            self._progress.end(complete=self._is_complete)
            _slots.release()

    def _close_in_thread(self) -> None:
        try:
            self._close()
        except Exception:
            logger.exception("an export could not be closed")
        finally:
            connections.close_all()

    def _next(self) -> bytes | None:
        """Return the next piece, None after the last one."""
        if self._pieces is None:
            self._progress.begin()
            self._pieces = self._make()
        piece = next(self._pieces, None)
        if piece is None:
            self._is_complete = True
            return None
        self._progress.add(piece.rows, len(piece.data))
        return piece.data
