# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of its own for tests, from Debian's packages, with what tests do to servers: stop, kill, freeze.

Use the fixture `postgres_server` (one per test session) by importing it into the test module or its conftest, and mark
the test with ``postgres``. Its data directory is temporary and owned by the unprivileged user that runs it.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.servers import Server


def find_binaries() -> Path | None:
    """Return the directory of the newest installed server's programs, None when none is installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class PostgresServer(Server):
    """A server process on a loopback port, trusting the user ``postgres``."""

    NAME = "postgres"
    START_TIMEOUT_S = 30.0
    GENTLE = signal.SIGINT
    """Ends its connections too, at once."""

    def __init__(self, binaries: Path) -> None:
        super().__init__()
        self._binaries = binaries
        self._data = self.home / "data"
        self._account: dict[str, Any] = {}
        if os.geteuid() == 0:
            # The server refuses to run as root.
            entry = pwd.getpwnam("postgres")
            self._account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(self.home, entry.pw_uid, entry.pw_gid)

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

    def command(self) -> list[str]:
        """Return the command line."""
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        for option in ("listen_addresses=127.0.0.1", f"unix_socket_directories={self.home}", "fsync=off"):
            command += ["-c", option]
        return command

    def answers(self) -> bool:
        """Tell whether it takes connections."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def as_user(self) -> dict[str, Any]:
        """Return the account that runs it."""
        return self._account

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
        super().remove()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server; what it cannot handle goes to its backends too."""
        if number is signal.SIGKILL:
            self._signal_all(number)
        else:
            super().send(number)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), *arguments],
            check=True,
            cwd=self.home,
            capture_output=True,
            **self._account,
        )

    def _signal_all(self, signum: signal.Signals) -> list[int]:
        """Signal the server, which then makes no more backends, and each backend; they are in sessions of their own."""
        server = self.pid
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
