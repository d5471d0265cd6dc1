# SPDX-License-Identifier: Apache-2.0
"""Keeps a few child processes running: starts them, starts one again that died, stops them all together.

Invariant: no child outlives its parent, however that ends (on Linux): ports and files would stay taken.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

from switchboard.parents import die_with

RESTART_DELAY_S = 0.3
LONGEST_DELAY_S = 10.0
STABLE_S = 30.0
"""A child that ran this long is not in a crash loop: its next restart is quick again."""
STOP_GRACE_S = 10.0


@dataclass(slots=True)
class Child:
    """One process: its name, its command, and how often it had to be started again."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    delay_s: float = field(default=RESTART_DELAY_S)


class Supervisor:
    """Runs children of one parent.

    Args:
        children: name → arguments of ``manage.py``.
        manage: path of ``manage.py``; ``-m`` when the first argument is a module.
        tied: give each child an input that ends with this process, for children that end when it does.
        pass_fds: file descriptors that stay open in each child.
    """

    def __init__(
        self,
        children: dict[str, list[str]],
        manage: str,
        *,
        tied: bool = False,
        pass_fds: tuple[int, ...] = (),
    ) -> None:
        self._input = subprocess.PIPE if tied else None
        self._pass_fds = pass_fds
        self.children = [
            Child(name, [sys.executable, manage, *arguments]) for name, arguments in children.items()
        ]

    def start(self) -> None:
        """Start every child."""
        for child in self.children:
            self._start(child)

    def check(self) -> list[str]:
        """Start again what died and is due; return one line for each death that was noticed now."""
        now = time.monotonic()
        lines = []
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                lines.append(f"{child.name} ended with code {child.process.returncode}; it is started again")
                if now - child.started_at > STABLE_S:
                    child.delay_s = RESTART_DELAY_S
                child.process = None
                child.restart_at = now + child.delay_s
                child.delay_s = min(child.delay_s * 2, LONGEST_DELAY_S)
            if child.process is None and now >= child.restart_at:
                self._start(child)
        return lines

    def kill(self, name: str) -> None:
        """End one child that no longer does anything, and what it started; the next check starts it again."""
        for child in self.children:
            if child.name == name and child.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()

    def stop(self) -> None:
        """Ask every child to stop, the last started first; kill what has not stopped in 10 seconds."""
        running = [child.process for child in reversed(self.children) if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_GRACE_S
        for process in running:
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, child: Child) -> None:
        child.started_at = time.monotonic()
        # A group of its own: Ctrl-C in the terminal reaches the parent alone, which stops the children in order.
        child.process = subprocess.Popen(  # noqa: S603 - the product's own commands
            child.command,
            stdin=self._input,
            env=os.environ.copy(),
            start_new_session=True,
            pass_fds=self._pass_fds,
            preexec_fn=None if self._input else die_with(os.getpid()),
        )
