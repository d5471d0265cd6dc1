# SPDX-License-Identifier: Apache-2.0
"""A Redis server of its own for tests, from Debian's package, with what tests do to servers: kill, freeze, empty.

Use the fixture `redis_server` (one per test session, empty for each test, with `redis_process` beside it) by importing it into the test module or
its conftest, and mark the test with ``redis``.
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
import redis

from tests.postgres import free_port

_START_TIMEOUT_S = 15.0


def find_server() -> str | None:
    """Return the path of the server's program, None when it is not installed."""
    return shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin:/usr/bin")


class RedisServer:
    """A server process on a loopback port that keeps nothing on disk, as in the deployment guide.

    Args:
        program: path of the server's program.
        password: what clients must show; "" for none.
    """

    def __init__(self, program: str, password: str = "") -> None:
        self._program = program
        self._password = password
        self._home = Path(tempfile.mkdtemp(prefix="switchboard-redis-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        """What REDIS_ADDR is set to."""

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server was started and not ended."""
        return self._process is not None

    def client(self) -> redis.Redis:
        """Return a blocking client, whose replies are text."""
        return redis.Redis(
            port=self.port, password=self._password or None, decode_responses=True, socket_timeout=5
        )

    def start(self) -> None:
        """Start the server, empty, on the same port as before, and wait until it answers."""
        command = [
            *(self._program, "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self._home)),
            *(
                "--save",
                "",
                "--appendonly",
                "no",
                "--maxmemory",
                "128mb",
                "--maxmemory-policy",
                "allkeys-lru",
            ),
            *(("--requirepass", self._password) if self._password else ()),
        ]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self._home / "server.log").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server in order; harmless when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a crash would; harmless when it does not run."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill the server and start it empty."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Freeze the server: connections stay open and nothing answers."""
        assert self._process is not None, "the server does not run"
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        assert self._process is not None, "the server does not run"
        self._process.send_signal(signal.SIGCONT)

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
        shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(1) in (b"+", b"-")
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        self._process.wait(timeout=_START_TIMEOUT_S)
        self._process = None


@contextlib.contextmanager
def running_redis(password: str = "") -> Iterator[RedisServer]:
    """Run a server of one's own; the test is skipped when none is installed."""
    program = find_server()
    if program is None:
        pytest.skip("Debian's package redis-server is not installed")
    server = RedisServer(program, password)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    """The server of the test session."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_server(redis_process: RedisServer) -> Iterator[RedisServer]:
    """A running, empty server; a test may stop it and needs not start it again."""
    if redis_process.running:
        redis_process.client().flushall()
    else:
        redis_process.start()
    yield redis_process
    if redis_process.running:
        redis_process.thaw()
