# SPDX-License-Identifier: Apache-2.0
"""The backup of bindings: written behind the location service, read once at the start.

Runs on the event loop and does its database work in a thread of its own. Invariants: nothing here delays an answer;
each key is written with its newest state only; what could not be written is tried again, merged with what came
since; `stop` writes what is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Sequence
from typing import Protocol

from cdrs.daemon_thread import DaemonThread
from signaling.location import Binding, BindingEvent, Location

logger = logging.getLogger(__name__)

BATCH_S = 0.1
"""How long changes are gathered before they are written."""
ROWS_PER_WRITE = 500
"""Rows in one transaction: SQLite has one writer, and others wait for it."""
MAX_WAITING = 200_000
"""Keys that may wait for an absent database. Beyond it removals are dropped: rows carry their own expiry."""
STOP_GRACE_S = 2.0
"""Longest time that a stop waits for the database."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 5.0

Key = tuple[str, str]
"""AOR and contact text."""


class BindingTable(Protocol):
    """Rows of bindings; blocking, called in a thread. Any exception means: try again later."""

    def load(self, now: float, wall: float, local: tuple[str, int]) -> Sequence[Binding]:
        """Return the stored bindings that are still alive and can be reached again; forget the others."""

    def write(self, stored: Sequence[Binding], removed: Sequence[Key]) -> None:
        """Insert or update `stored` and delete `removed`, all or nothing but for rows that can never be written."""

    def close(self) -> None:
        """Give back what the thread holds."""


class LocationStore:
    """Keeps a table in step with a location service.

    Args:
        location: what is backed up.
        table: where to.
        batch_s: how long changes are gathered.
    """

    def __init__(self, location: Location, table: BindingTable, *, batch_s: float = BATCH_S) -> None:
        self._location = location
        self._table = table
        self._batch_s = batch_s
        self._waiting: dict[Key, Binding | None] = {}
        self._thread = DaemonThread("bindings")
        self._writer: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._stopping = asyncio.Event()
        self._failing = False
        self._failure = ""

    @property
    def waiting(self) -> int:
        """Changes not yet written."""
        return len(self._waiting)

    @property
    def problem(self) -> str | None:
        """One sentence on why bindings are not backed up, or None."""
        return f"Bindings cannot be stored: {self._failure}" if self._failing else None

    async def start(self, now: float, wall: float, local: tuple[str, int]) -> Sequence[Binding]:
        """Restore what was stored, waiting for the database as long as it takes, and begin to write.

        Returns the restored bindings, whose users are at home where they are.

        Args:
            now: monotonic seconds; wall: seconds since the epoch at the same moment.
            local: address and port that SIP listens on.
        """
        loop = asyncio.get_running_loop()
        retry_s = FIRST_RETRY_S
        begun = loop.time()
        while True:
            waited_s = loop.time() - begun
            try:
                found = await self._thread.run(
                    functools.partial(self._table.load, now + waited_s, wall + waited_s, local)
                )
                break
            except Exception as error:  # noqa: BLE001 - whatever the driver raises: the database is not there yet
                self._report_failure(error)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)
        self._failing = False
        self._location.restore(found)
        self._location.on_change.append(self._changed)
        self._writer = loop.create_task(self._write_behind())
        return found

    async def stop(self) -> None:
        """Write what waits, once, and end; what the database does not take now is lost to the next start."""
        self._stopping.set()
        self._wake.set()
        if self._writer is not None:
            self._location.on_change.remove(self._changed)
            await asyncio.wait([self._writer], timeout=STOP_GRACE_S)
            self._writer.cancel()
            self._writer = None
        closing = self._thread.run(self._table.close)
        self._thread.end()
        # A database that hangs is left behind.
        await asyncio.wait([closing], timeout=STOP_GRACE_S)

    async def flush(self) -> bool:
        """Write everything that waits now; False when the database did not take it, which is logged once."""
        async with self._flushing:
            return await self._flush()

    async def _flush(self) -> bool:
        waiting, self._waiting = self._waiting, {}
        items = list(waiting.items())
        for begin in range(0, len(items), ROWS_PER_WRITE):
            part = items[begin : begin + ROWS_PER_WRITE]
            stored = [binding for _, binding in part if binding is not None]
            removed = [key for key, binding in part if binding is None]
            try:
                await self._thread.run(functools.partial(self._table.write, stored, removed))
            except Exception as error:  # noqa: BLE001 - whatever the driver raises: keep the changes and try again
                self._report_failure(error)
                self._waiting = dict(items[begin:]) | self._waiting
                return False
        if self._failing:
            self._failing = False
            logger.info("Bindings are written again")
        return True

    def _changed(self, event: BindingEvent, binding: Binding) -> None:
        gone = event in (BindingEvent.UNREGISTERED, BindingEvent.EXPIRED)
        key = (binding.aor, binding.contact_text)
        if gone and len(self._waiting) >= MAX_WAITING and key not in self._waiting:
            return
        self._waiting[key] = None if gone else binding
        self._wake.set()

    async def _write_behind(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopping.is_set():
            await self._wake.wait()
            await self._pause(self._batch_s)
            self._wake.clear()
            if await self.flush():
                retry_s = FIRST_RETRY_S
            elif not self._stopping.is_set():
                await self._pause(retry_s)
                retry_s = min(retry_s * 2, LONGEST_RETRY_S)
                self._wake.set()
        await self.flush()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than until `stop` is called."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _report_failure(self, error: Exception) -> None:
        lines = str(error).strip().splitlines()
        self._failure = lines[0] if lines else type(error).__name__
        if not self._failing:
            self._failing = True
            logger.warning("Bindings cannot be stored, they are kept in memory: %s", self._failure)
