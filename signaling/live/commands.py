# SPDX-License-Identifier: Apache-2.0
"""Commands to the SIP process: what it offers, and how it refuses.

Handlers are registered by name by whoever can do a thing; a name that nobody registered is refused with 501. They run
on the event loop and must not block. Invariant: every command is answered once, whatever its handler does.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

log = structlog.get_logger("switchboard.live")

MAX_RUNNING = 1000
"""Most commands whose answer is outstanding; more are refused with 503."""

Arguments = Mapping[str, Any]
Handler = Callable[[Arguments], "dict[str, Any] | Awaitable[dict[str, Any]]"]
Answer = Callable[[bool, dict[str, Any]], None]


class CommandRefused(Exception):
    """A command cannot be done; it is made for the person who gave it.

    Args:
        status: HTTP status that says the same.
        error: one sentence.
        fields: argument → what is wrong with it.
    """

    def __init__(self, status: int, error: str, fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.fields = dict(fields or {})

    def as_dict(self) -> dict[str, Any]:
        """Return what travels to the other side."""
        return {"status": self.status, "error": self.error, "fields": self.fields}


class CommandTable:
    """What the SIP process does when it is asked."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._running: set[asyncio.Task[None]] = set()

    def register(self, name: str, handler: Handler) -> None:
        """Offer a command; ``handler`` gets its arguments and returns its result, at once or awaited.

        It may raise `CommandRefused`; anything else that it raises is a bug and answered with 500.
        """
        self._handlers[name] = handler

    def execute(self, name: str, arguments: Arguments, answer: Answer) -> None:
        """Run a command and answer it now or later; never raises."""
        handler = self._handlers.get(name)
        if handler is None:
            answer(False, CommandRefused(501, f"This version does not know the command {name}.").as_dict())
            return
        if len(self._running) >= MAX_RUNNING:
            answer(False, CommandRefused(503, "Too many commands are waiting for their answers.").as_dict())
            return
        try:
            result = handler(arguments)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is an answer
            answer(False, _refusal(name, error))
            return
        if not inspect.isawaitable(result):
            answer(True, result)
            return
        task = asyncio.ensure_future(_finish(name, result, answer))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


async def _finish(name: str, result: Awaitable[dict[str, Any]], answer: Answer) -> None:
    try:
        value = await result
    except Exception as error:  # noqa: BLE001 - as above
        answer(False, _refusal(name, error))
    else:
        answer(True, value)


def _refusal(name: str, error: Exception) -> dict[str, Any]:
    if isinstance(error, CommandRefused):
        return error.as_dict()
    log.error("live.command_failed", command=name, exc_info=error)
    return CommandRefused(500, "Something went wrong here; it was logged.").as_dict()
