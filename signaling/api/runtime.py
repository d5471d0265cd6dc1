# SPDX-License-Identifier: Apache-2.0
"""What the views of the live API work with: one mirror, one link to the SIP process, one event loop.

Set once at the start of the process; tests set their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from signaling.live.commands import CommandRefused
from signaling.live.mirror import Mirror
from signaling.live.watch import Watch

T = TypeVar("T")

COMMAND_WAIT_S = 10.0
"""Longer than the link waits for an answer, so that its refusal is what a caller gets."""


class Link(Protocol):
    """Carries commands to the SIP process."""

    def call(self, name: str, wait_s: float = ..., **arguments: Any) -> Coroutine[Any, Any, dict[str, Any]]:
        """Return the result of a command; raises `CommandRefused`."""
        ...


@dataclass(slots=True)
class Runtime:
    """The live parts of the process."""

    mirror: Mirror
    link: Link
    loop: asyncio.AbstractEventLoop
    max_streams: int = 200
    max_queued: int = 1000
    streams: set[object] = field(default_factory=set)
    """Readers of the event stream that are connected now; changed on the loop only."""
    watch: Watch | None = None
    """Lets the mirror sleep; None: it never does."""

    def look(self) -> Mirror:
        """Return the mirror to a thread, up to date.

        Raises:
            CommandRefused: it slept, and the SIP process does not wake it.
        """
        if self.watch is not None and self.watch.look():
            self.wait_for(self.watch.wake())
        return self.mirror

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Give a command from a thread and return its result.

        Raises:
            CommandRefused: it cannot be done.
        """
        return self.wait_for(self.link.call(name, **arguments))

    def wait_for(self, answer: Coroutine[Any, Any, T]) -> T:
        """Return from a thread what a coroutine on the loop returns.

        Raises:
            CommandRefused: it does not return in time, or raises this itself.
        """
        future = asyncio.run_coroutine_threadsafe(answer, self.loop)
        try:
            return future.result(COMMAND_WAIT_S)
        except TimeoutError:
            future.cancel()
            raise CommandRefused(503, "The signaling process did not answer.") from None


_current: Runtime | None = None


def set_runtime(runtime: Runtime | None) -> None:
    """Say what the views work with."""
    global _current
    _current = runtime


def current() -> Runtime:
    """Return what the views work with.

    Raises:
        RuntimeError: the process is no live API.
    """
    if _current is None:
        raise RuntimeError("the live API is not running in this process")
    return _current
