# SPDX-License-Identifier: Apache-2.0
"""A Redis server of its own for tests, from Debian's package, with what tests do to servers: kill, freeze, empty.

Use the fixture `redis_server` (one per test session, empty for each test, with `redis_process` beside it) by importing it into the test module or
its conftest, and mark the test with ``redis``.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.certificates import Certificate
from tests.servers import Server


def find_server() -> str | None:
    """Return the path of the server's program, None when it is not installed."""
    return shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin:/usr/bin")


class RedisServer(Server):
    """A server process on a loopback port that keeps nothing on disk, as in the deployment guide: empty at each start.

    Args:
        program: path of the server's program.
        password: what clients must show; "" for none.
        tls: its certificate; None: it does not speak TLS.
    """

    NAME = "redis"

    def __init__(self, program: str, password: str = "", tls: Certificate | None = None) -> None:
        super().__init__()
        self._program = program
        self._password = password
        self._tls = tls
        self.address = f"127.0.0.1:{self.port}"
        """What REDIS_ADDR is set to."""

    def client(self) -> redis.Redis:
        """Return a blocking client, whose replies are text."""
        tls: Any = {"ssl": True, "ssl_ca_certs": str(self._tls.authority)} if self._tls else {}
        return redis.Redis(
            port=self.port, password=self._password or None, decode_responses=True, socket_timeout=5, **tls
        )

    def command(self) -> list[str]:
        """Return the command line."""
        command = [
            self._program,
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.home),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        command += ["--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru"]
        if self._tls is None:
            command += ["--port", str(self.port)]
        else:
            command += ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            command += ["--tls-cert-file", str(self._tls.path), "--tls-key-file", str(self._tls.key)]
            command += ["--tls-ca-cert-file", str(self._tls.authority)]
        return command + (["--requirepass", self._password] if self._password else [])

    def answers(self) -> bool:
        """Tell whether it answers, by whatever."""
        if self._tls is not None:
            try:
                return bool(self.client().ping())
            except redis.ConnectionError:
                return False
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(1) in (b"+", b"-")
        except OSError:
            return False


@contextlib.contextmanager
def running_redis(password: str = "", tls: Certificate | None = None) -> Iterator[RedisServer]:
    """Run a server of one's own; the test is skipped when none is installed."""
    program = find_server()
    if program is None:
        pytest.skip("Debian's package redis-server is not installed")
    server = RedisServer(program, password, tls)
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
