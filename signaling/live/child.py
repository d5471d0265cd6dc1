# SPDX-License-Identifier: Apache-2.0
"""The live API as a child of the SIP process: started, started again when it dies or hangs, stopped with its parent.

Invariant: nothing here waits on the child while calls are served; a child that cannot start is tried again, ever more
rarely. The child's standard input is a pipe of which nothing ever comes: its end tells the child that its parent died.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from asyncio import sleep
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

log = structlog.get_logger("switchboard.live")

FIRST_DELAY_S = 0.05
LAST_DELAY_S = 10.0
STABLE_S = 30.0
"""A child that ran this long is not in a crash loop: its next restart is quick again."""
STOP_GRACE_S = 5.0
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
"""Keeps glibc from giving each thread of the child memory of its own."""
CHILD_FLAG = "--exit-with-parent"
LOOK_EVERY_S = 10.0
ANSWER_S = 5.0
MISSES = 3
"""So many looks in a row without an answer, and a child that had answered before is killed."""
START_MISSES = 12
"""The same for one that has not answered yet."""

Probe = Callable[[], Awaitable[bool]]
"""Asks the child something and returns whether it answered."""


def api_command(manage: Path) -> list[str]:
    """Return the command of the live API as a child."""
    return [sys.executable, str(manage), "runapi", CHILD_FLAG]


class ApiChild:
    """Keeps one child process running.

    Args:
        command: what to run.
        probe: tells whether it serves; None: nobody looks.
    """

    def __init__(self, command: Sequence[str], probe: Probe | None = None) -> None:
        self._command = command
        self._probe = probe
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the child that runs now."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Begin to keep it running; does not wait for it."""
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        """Ask the child to stop; kill it when it does not."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_GRACE_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = FIRST_DELAY_S
        while True:
            began = loop.time()
            ended = await self._run()
            if loop.time() - began > STABLE_S:
                delay_s = FIRST_DELAY_S
            log.warning("live.api_ended", code=ended, again_in_s=delay_s)
            await sleep(delay_s)
            delay_s = min(delay_s * 2, LAST_DELAY_S)

    async def _run(self) -> int | str:
        """Run the child once; return its exit code, or why it did not start."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                env={**os.environ, **ENVIRONMENT},
                start_new_session=True,
            )
        except OSError as error:
            return str(error)
        watching = asyncio.create_task(self._watch(self._process))
        try:
            return await self._process.wait()
        finally:
            watching.cancel()

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Kill a child that lives and does not answer: nobody else would."""
        if self._probe is None:
            return
        misses, patience = 0, START_MISSES
        while misses < patience:
            await asyncio.sleep(LOOK_EVERY_S)
            if await self._probe():
                misses, patience = 0, MISSES
            else:
                misses += 1
        log.error("live.api_hangs", pid=process.pid)
        with contextlib.suppress(ProcessLookupError):
            process.kill()


def http_probe(host: str, port: int) -> Probe:
    """Return what looks whether HTTP is served there, whatever the answer says."""
    request = b"GET /api/v1/health?liveness=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    async def answers() -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(request)
                    return (await reader.read(5)) == b"HTTP/"
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    return answers
