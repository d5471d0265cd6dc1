# SPDX-License-Identifier: Apache-2.0
"""A NATS server with JetStream of its own for tests, from Debian's package, with what tests do to servers.

Use the fixture `nats_server` (one per test session) by importing it into the test module or its conftest, and mark the
test with ``nats``.
"""

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

import pytest

from tests.postgres import free_port

_START_TIMEOUT_S = 15.0


def find_server() -> str | None:
    """Return the path of the server's program, None when it is not installed."""
    return shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")


class NatsServer:
    """A server process on a loopback port that keeps its streams in a temporary directory.

    Args:
        program: path of the server's program.
        jetstream: whether it keeps streams at all.
    """

    def __init__(self, program: str, *, jetstream: bool = True) -> None:
        self._program = program
        self._jetstream = jetstream
        self._home = Path(tempfile.mkdtemp(prefix="switchboard-nats-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it greets; on the same port and store as before."""
        command = [
            self._program,
            "-a",
            "127.0.0.1",
            "-p",
            str(self.port),
            *(("-js", "-sd", str(self._home / "store")) if self._jetstream else ()),
        ]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._greets():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self._home / "server.log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server in order; harmless when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash would."""
        self._end(signal.SIGKILL)

    def lose_store(self) -> None:
        """Delete the streams of the stopped server, as a lost disk would."""
        shutil.rmtree(self._home / "store", ignore_errors=True)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server: connections stay open and nothing answers."""
        assert self._process is not None, "the server does not run"
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Stop the server and delete its store."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                return probe.recv(4) == b"INFO"
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(timeout=_START_TIMEOUT_S)
        self._process = None


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A running server without streams; a test that stops it starts it again."""
    program = find_server()
    if program is None:
        pytest.skip("Debian's package nats-server is not installed")
    server = NatsServer(program)
    try:
        server.start()
        yield server
    finally:
        server.remove()
