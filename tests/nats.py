# SPDX-License-Identifier: Apache-2.0
"""A NATS server with JetStream of its own for tests, from Debian's package, with what tests do to servers.

Use the fixture `nats_server` (one per test session) by importing it into the test module or its conftest, and mark the
test with ``nats``.
"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator

import pytest

from tests.servers import Server


def find_server() -> str | None:
    """Return the path of the server's program, None when it is not installed."""
    return shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")


class NatsServer(Server):
    """A server process on a loopback port that keeps its streams in a temporary directory.

    Args:
        program: path of the server's program.
        jetstream: whether it keeps streams at all.
    """

    NAME = "nats"

    def __init__(self, program: str, *, jetstream: bool = True) -> None:
        super().__init__()
        self._program = program
        self._jetstream = jetstream
        self.url = f"nats://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """Return the command line."""
        store = ("-js", "-sd", str(self.home / "store")) if self._jetstream else ()
        return [self._program, "-a", "127.0.0.1", "-p", str(self.port), *store]

    def answers(self) -> bool:
        """Tell whether it greets."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                return probe.recv(4) == b"INFO"
        except OSError:
            return False

    def lose_store(self) -> None:
        """Delete the streams of the stopped server, as a lost disk would."""
        shutil.rmtree(self.home / "store", ignore_errors=True)


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
