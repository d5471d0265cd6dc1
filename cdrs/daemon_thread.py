# SPDX-License-Identifier: Apache-2.0
"""One thread that does things for an event loop and that a process may leave behind when it hangs.

The executors of the standard library are waited for when a process ends: one that hangs in a frozen database would keep
the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

_Result = TypeVar("_Result")


class _Job(Generic[_Result]):
    """Something to do, and who waits for it."""

    def __init__(self, work: Callable[[], _Result]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[_Result] = self._loop.create_future()

    def do(self) -> None:
        """Do it, in the thread."""
        try:
            result = self._work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for whoever waits
            self._tell(self.future.set_exception, error)
        else:
            self._tell(self.future.set_result, result)

    def _tell(self, setter: Callable[[Any], None], value: Any) -> None:
        def tell() -> None:
            if not self.future.done():
                setter(value)

        # The loop may be gone: then nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(tell)


class DaemonThread:
    """The thread; it begins with the first piece of work."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def run(self, work: Callable[[], _Result]) -> asyncio.Future[_Result]:
        """Have something done after what was asked for before; the future has its result or its exception."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        job = _Job(work)
        self._jobs.put(job)
        return job.future

    def end(self) -> None:
        """Let the thread end when it has done what it was asked for; it is not waited for."""
        self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.do()
