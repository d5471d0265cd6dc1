# SPDX-License-Identifier: Apache-2.0
"""The parts of a distributed stack that calls can do without, and the ways in which a test makes them fail."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.distributed import Distributed

DRAINED, USED = "rtp-2", "rtp-3"
"""An RTP manager that was taken out of service, and one whose calls are moved when it fails."""
FAULTS: Final = ("killed", "frozen", "restarted")


@dataclass(frozen=True, slots=True)
class Part:
    """Something that fails."""

    name: str
    kill: Callable[[], object]
    start: Callable[[], object]
    restart: Callable[[], object]
    """Ends it in order and starts it."""
    freeze: Callable[[], object]
    thaw: Callable[[], object]
    shown_as: str | None
    """What health calls degraded then; None: health does not tell of it."""
    faults: tuple[str, ...] = FAULTS
    """In which ways it fails."""
    prepare: Callable[[], object] = lambda: None
    """Called before each fault."""


def parts(stack: Distributed) -> list[Part]:
    """Return the parts of a stack, in the order in which they fail."""
    assert stack.redis is not None and stack.nats is not None
    return [
        _server("PostgreSQL", stack.postgres, "database"),
        _server("Redis", stack.redis, "redis"),
        _server("NATS", stack.nats, "nats"),
        replace(
            _media(stack, DRAINED, "RTP manager, drained"),
            prepare=lambda: take_out_of_service(stack, DRAINED),
        ),
        _command(stack, "runcdr", "CDR consumer"),
        _command(stack, "runui", "ui"),
        _command(stack, "runjobs", "worker"),
        _live_api(stack),
        replace(_media(stack, USED, "RTP manager, in use"), faults=("killed",)),
    ]


def _server(name: str, server: object, shown_as: str) -> Part:
    """Return a service that tests run; all have the same verbs."""
    frozen = contextlib.ExitStack()

    def freeze() -> None:
        frozen.enter_context(server.frozen())  # type: ignore[attr-defined]

    def restart() -> None:
        server.stop()  # type: ignore[attr-defined]
        server.start()  # type: ignore[attr-defined]

    kill, start = server.kill, server.start  # type: ignore[attr-defined]
    return Part(name, kill, start, restart, freeze, frozen.close, shown_as)


def _command(stack: Distributed, command: str, name: str) -> Part:
    def restart() -> None:
        stack.kill(command, signal.SIGTERM)
        stack.run(command)

    return Part(
        name,
        kill=lambda: stack.kill(command),
        start=lambda: stack.run(command),
        restart=restart,
        freeze=lambda: stack.freeze(command),
        thaw=lambda: stack.thaw(command),
        shown_as=None,
    )


def _media(stack: Distributed, manager: str, name: str) -> Part:
    def restart() -> None:
        stack.kill(manager, signal.SIGTERM)
        stack.start_media(manager)

    return Part(
        name,
        kill=lambda: stack.kill(manager),
        start=lambda: stack.start_media(manager),
        restart=restart,
        freeze=lambda: stack.freeze(manager),
        thaw=lambda: stack.thaw(manager),
        shown_as=None,
    )


def _live_api(stack: Distributed) -> Part:
    """Return the child of signaling that serves REST and events; signaling starts it again by itself."""

    def pid() -> int:
        tasks = Path(f"/proc/{stack.pid('runsip')}/task").iterdir()
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return next(child for child in children if "runapi" in _command_line(child))

    return Part(
        "live API",
        kill=lambda: os.kill(pid(), signal.SIGKILL),
        start=lambda: None,
        restart=lambda: os.kill(pid(), signal.SIGTERM),
        freeze=lambda: os.kill(pid(), signal.SIGSTOP),
        thaw=lambda: os.kill(pid(), signal.SIGCONT),
        shown_as=None,
    )


def take_out_of_service(stack: Distributed, manager: str) -> None:
    """Drain an RTP manager, unless it is drained; one that was started again is not."""
    stack.wait_healthy(manager)
    if stack.manager(manager)["drain_state"] == "active":
        stack.command("drain", node_id=manager)
    stack.wait_until(
        lambda: stack.manager(manager)["drain_state"] == "disabled", 30, f"{manager} is out of service"
    )


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
