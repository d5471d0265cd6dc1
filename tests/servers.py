# SPDX-License-Identifier: Apache-2.0
"""Servers that tests run for themselves: a process on a loopback port, in a directory of its own, killed and frozen at will."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One server; what it is follows from `command` and `answers`."""

    NAME: ClassVar[str]
    START_TIMEOUT_S: ClassVar[float] = 15.0
    GENTLE: ClassVar[signal.Signals] = signal.SIGTERM
    """Ends it in order."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix=f"switchboard-{self.NAME}-"))
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return the command line."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Tell whether it serves."""
        raise NotImplementedError

    def as_user(self) -> dict[str, Any]:
        """Return the arguments of `subprocess` by which it runs as somebody else."""
        return {}

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self.process is not None, "the server does not run"
        return self.process.pid

    @property
    def running(self) -> bool:
        """Whether the server was started and not ended."""
        return self.process is not None

    def start(self) -> None:
        """Start the server and wait until it answers; on the same port and with the same files as before."""
        log_path = self.home / "server.log"
        with log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.as_user(),
            )
        deadline = time.monotonic() + self.START_TIMEOUT_S
        while not self.answers():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(log_path.read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server in order; harmless when it does not run."""
        self._end(self.GENTLE)

    def kill(self) -> None:
        """End the server as a crash would; harmless when it does not run."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Freeze the server: connections stay open and nothing answers."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self.send(signal.SIGCONT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server for a while."""
        self.freeze()
        try:
            yield
        finally:
            self.thaw()

    def remove(self) -> None:
        """End the server and delete its directory."""
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server, and to all its processes where it has several."""
        assert self.process is not None, "the server does not run"
        self.process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        self.send(number)
        self.process.wait(timeout=self.START_TIMEOUT_S)
        self.process = None
