# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of its own for tests, from Debian's packages, with what tests do to servers: stop, kill, freeze.

Use the fixture `postgres_server` (one per test session) by importing it into the test module or its conftest, and mark
the test with ``postgres``. Its data directory is temporary and owned by the unprivileged user that runs it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

_START_TIMEOUT_S = 30.0


def find_binaries() -> Path | None:
    """Return the directory of the newest installed server's programs, None when none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgresServer:
    """A server process on a loopback port, trusting the user ``postgres``."""

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._home = Path(tempfile.mkdtemp(prefix="switchboard-postgres-"))
        self._data = self._home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            # The server refuses to run as root.
            entry = pwd.getpwnam("postgres")
            self._account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self._home, entry.pw_uid, entry.pw_gid)
        self.port = free_port()

    def url(self, database: str = "switchboard") -> str:
        """Return the DATABASE_URL of ``database``."""
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def create(self) -> None:
        """Make the data directory, start the server and make the database ``switchboard``."""
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()
        self.create_database("switchboard")

    def create_database(self, name: str) -> str:
        """Make an empty database with the schema ``switchboard`` and return its URL."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            connection.execute("CREATE SCHEMA switchboard")
        return self.url(name)

    def start(self) -> None:
        """Start the server and wait until it answers; on the same port and data as before."""
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={self._home}", "fsync=off"]
        for option in options:
            command += ["-c", option]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._home, stdout=log, stderr=log, start_new_session=True, **self._account
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError((self._home / "server.log").read_text())
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server at once, ending its connections; harmless when it does not run."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End the server and its backends as a power loss would."""
        self._end(signal.SIGKILL)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze the server and its backends: connections stay open and nothing answers."""
        frozen = self._signal_all(signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in frozen:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), *arguments],
            check=True,
            cwd=self._home,
            capture_output=True,
            **self._account,
        )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, signum: signal.Signals) -> None:
        if self._process is None:
            return
        if signum is signal.SIGKILL:
            self._signal_all(signum)
        else:
            self._process.send_signal(signum)
        self._process.wait(timeout=_START_TIMEOUT_S)
        self._process = None

    def _signal_all(self, signum: signal.Signals) -> list[int]:
        """Signal the server, which then makes no more backends, and each backend; they are in sessions of their own."""
        assert self._process is not None, "the server does not run"
        server = self._process.pid
        os.kill(server, signal.SIGSTOP)
        backends = Path(f"/proc/{server}/task/{server}/children")
        pids = [server, *map(int, backends.read_text().split())]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)
        return pids


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server with an empty database ``switchboard``; a test that stops it starts it again."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("Debian's package postgresql is not installed")
    server = PostgresServer(binaries)
    try:
        server.create()
        yield server
    finally:
        server.remove()
