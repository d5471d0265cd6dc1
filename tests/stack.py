# SPDX-License-Identifier: Apache-2.0
"""A whole Switchboard for one test or many: its own directory, database and loopback ports, real processes.

The test process never opens the stack's database through Django: it is filled by `tests.seed` in a child process and
read by plain SQL, so that what is asserted is what another program would see.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import PortBlock
from tests.stack_ready import READY, media_is_connected

ROOT = Path(__file__).resolve().parent.parent
DOMAIN = "switchboard.local"
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
LOG_TAIL_LINES = 60
GREETING_S = 0.2
"""Between the connection of signaling to media and the first call that it takes."""

FAST_TIMERS = {"SIP_T1_S": "0.1", "CONFIG_POLL_S": "0.1"}
"""Timers at a fifth of RFC 3261's, so that a 64*T1 timeout takes 6.4 s."""

NO_THROTTLE = {
    "AUTH_FAILURES_PER_MINUTE": "1000000",
    "PASSWORD_GUESSES_PER_DAY": "1000000",
    "REQUESTS_PER_SECOND_PER_SOURCE": "1000000",
    "REFUSALS_PER_PATH": "1000000",
    "REFUSALS_PER_ADDRESS": "1000000",
    "REFUSALS_PER_SECOND": "1000000",
}
"""Every test comes from the loopback address: one test's refused passwords must not throttle the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """A user's credentials and the port its phone is to use."""

    username: str
    password: str
    port: int
    domain: str = DOMAIN

    @property
    def aor(self) -> str:
        """The address of record, without brackets."""
        return f"sip:{self.username}@{self.domain}"


class StackError(AssertionError):
    """The product did not do in time what a test waited for."""


class Stack:
    """Processes of one Switchboard; `start()` first, `stop()` always."""

    def __init__(
        self,
        directory: Path,
        template: Path,
        *,
        env: dict[str, str] | None = None,
        prefix: tuple[str, ...] = (),
        root: Path = ROOT,
    ) -> None:
        self.var = directory
        self._root = root
        self._prefix = prefix
        self.ports = PortBlock()
        self.address = ("127.0.0.1", self.ports.sip)
        self.database = self.var / "switchboard.sqlite3"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._extra_env = env or {}
        self._fresh_users = iter(range(FIRST_POOL_USER, FIRST_POOL_USER + POOL_USERS))
        shutil.copytree(template, self.var, dirs_exist_ok=True)
        self.audio = self.var / "audio"
        self.audio.mkdir(exist_ok=True)

    # --- Life ---------------------------------------------------------------------------------------------------

    def start(self) -> Stack:
        """Start media and signaling and return when both answer."""
        self.seed({"routes": routes(self.ports)})
        self.run("runrtp")
        self.run("runsip")
        return self

    def run(self, command: str) -> None:
        """Start one ``manage.py`` command as a child and wait until it serves.

        Raises:
            StackError: it ended or did not answer in time.
        """
        self.begin(command)
        ready = READY[command]
        self.wait_until(
            lambda: self._alive(command) and ready(self.ports), START_TIMEOUT_S, f"{command} serves"
        )
        if command == "runsip" and "runrtp" in self.processes:
            self.wait_until(
                lambda: media_is_connected(self.ports), START_TIMEOUT_S, "signaling reaches media"
            )
            time.sleep(GREETING_S)

    def begin(self, command: str) -> None:
        """Start one ``manage.py`` command as a child, whether or not it can serve."""
        with (self.var / f"{command}.log").open("ab") as log:
            self.processes[command] = subprocess.Popen(
                [*self._prefix, sys.executable, "manage.py", command],
                cwd=self._root,
                env=self.environment(),
                stdout=log,
                stderr=log,
            )

    def kill(self, command: str, number: int = signal.SIGKILL) -> int:
        """Send a signal to one process and return its exit code (negative: the signal that ended it).

        A process that does not end on a gentle signal in `STOP_TIMEOUT_S` is killed.
        """
        process = self.processes.pop(command)
        process.send_signal(number)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def stop(self) -> None:
        """End what still runs, signaling first, and free the ports."""
        for command in [
            each for each in ("runjobs", "runcdr", "runui", "runsip", "runrtp") if each in self.processes
        ]:
            self.kill(command, signal.SIGTERM)
        self.ports.release()

    def environment(self) -> dict[str, str]:
        """Return the variables that the stack's processes get."""
        ports = self.ports
        inherited = {
            name: os.environ[name] for name in ("PATH", "HOME", "LANG", "VIRTUAL_ENV") if name in os.environ
        }
        return {
            **inherited,
            "DJANGO_SETTINGS_MODULE": "switchboard.settings",
            "PYTHONUNBUFFERED": "1",
            "VAR_DIR": str(self.var),
            "AUDIO_PATH": str(self.audio),
            "BIND": "127.0.0.1",
            "PORT": str(ports.sip),
            "SIP_TLS_PORT": str(ports.tls),
            "API_PORT": str(ports.api),
            "UI_PORT": str(ports.ui),
            "GRPC_PORT": str(ports.grpc),
            "CDR_METRICS_PORT": str(ports.cdr_metrics),
            "GRPC_BIND": "127.0.0.1",
            "RTP_BIND": "127.0.0.1",
            "RTPMANAGER_ADDRS": f"127.0.0.1:{ports.grpc}",
            "RTP_PORT_MIN": str(ports.rtp_min),
            "RTP_PORT_MAX": str(ports.rtp_max),
            "UI_RUNS_JOBS": "false",
            **FAST_TIMERS,
            **NO_THROTTLE,
            **self._extra_env,
        }

    # --- Configuration --------------------------------------------------------------------------------------------

    def seed(self, document: dict[str, Any]) -> None:
        """Write accounts, users and routes (see `tests.seed`), also while the stack runs."""
        manage([sys.executable, "-m", "tests.seed"], self.environment(), document, root=self._root)

    def phone(self, username: str | None = None, *, domain: str = DOMAIN) -> Phone:
        """Return a phone of the named user, or of one that no other test uses."""
        name = username or str(next(self._fresh_users))
        return Phone(username=name, password=password(name), port=self.ports.client(), domain=domain)

    # --- What can be seen ----------------------------------------------------------------------------------------

    def pid(self, command: str) -> int:
        """Return the process id of one command."""
        return self.processes[command].pid

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """Return rows of the stack's database as dictionaries."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]

    def cdrs(self, call_id: str) -> list[dict[str, Any]]:
        """Return the CDRs whose Call-ID starts with ``call_id``."""
        return self.rows("SELECT * FROM cdrs WHERE substr(call_id, 1, ?) = ?", len(call_id), call_id)

    def cdr(self, call_id: str, *, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait for the one CDR of a call.

        Raises:
            StackError: there is none after ``timeout_s``, or more than one.
        """
        self.wait_until(lambda: bool(self.cdrs(call_id)), timeout_s, f"the CDR of {call_id}")
        found = self.cdrs(call_id)
        if len(found) != 1:
            raise StackError(f"{len(found)} CDRs of {call_id}")
        return found[0]

    def wait_until(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Poll a condition.

        Raises:
            StackError: it does not hold after ``timeout_s``.
        """
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(f"waited {timeout_s} s for {what}\n{self.logs()}")
            time.sleep(0.02)

    def logs(self) -> str:
        """Return the last lines that each process wrote."""
        parts = []
        for path in sorted(self.var.glob("*.log")):
            lines = path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
            parts.append(f"--- {path.name} ---\n" + "\n".join(lines))
        return "\n".join(parts)

    def _alive(self, command: str) -> bool:
        code = self.processes[command].poll()
        if code is not None:
            raise StackError(f"{command} ended with {code}\n{self.logs()}")
        return True


FIRST_POOL_USER = 2000
POOL_USERS = 600


def password(username: str) -> str:
    """Return the password that every seeded user has: the same rule for all."""
    return f"secret-{username}"


def base_configuration() -> dict[str, Any]:
    """Return accounts and users that every stack has."""
    pool = [str(number) for number in range(FIRST_POOL_USER, FIRST_POOL_USER + POOL_USERS)]
    return {
        "accounts": [
            {"domain": DOMAIN},
            {"domain": "other.example"},
            {"domain": "disabled.example", "enabled": False},
            {"domain": "small.example", "max_concurrent_calls": 1},
        ],
        "users": [
            *(_user(name) for name in pool),
            _user("3001", enabled=False),
            _user("3002", max_concurrent_calls=1),
            _user("4001", account="other.example"),
            _user("4002", account="other.example"),
            _user("5001", account="disabled.example"),
            _user("6001", account="small.example"),
            _user("6002", account="small.example"),
        ],
    }


def _user(name: str, *, account: str = DOMAIN, **fields: Any) -> dict[str, Any]:
    return {
        "account": account,
        "username": name,
        "extension": name,
        "password": password(name),
        "display_name": f"Phone {name}",
        **fields,
    }


def routes(ports: PortBlock) -> list[dict[str, Any]]:
    """Return the dialplan of a stack: users by number, and one number per way in which a call can end."""
    direct, silent, closed = ports.fixed[0], ports.fixed[-2], ports.fixed[-1]
    plan: dict[str, list[dict[str, Any]]] = {
        "[23456]???": [_action("dial", target="user/${destination}", timeout=20)],
        "500": [_action("play_audio", file="tones.wav"), _action("hangup", reason="normal")],
        "600": [_action("echo")],
        "9001": [_action("dial", target="user/2599", timeout=1)],
        "9002": [_action("dial", target=f"sip:silent@127.0.0.1:{silent}", timeout=20)],
        "9003": [_action("dial", target=f"sip:closed@127.0.0.1:{closed}", timeout=20)],
        "9004": [_action("dial", target=f"sip:direct@127.0.0.1:{direct}", timeout=20)],
        "9005": [_action("dial", target="user/2598", timeout=20)],
        "9006": [_action("dial", target=f"sip:silent@127.0.0.1:{silent}", timeout=1)],
        "9011": [_action("hangup", reason="busy")],
        "9012": [_action("hangup", reason="rejected")],
        "9013": [_action("hangup", reason="unavailable")],
    }
    return [
        {"id": f"test-{number}", "pattern": pattern, "priority": 10 + number, "actions": actions}
        for number, (pattern, actions) in enumerate(plan.items())
    ]


def _action(kind: str, **params: Any) -> dict[str, Any]:
    return {"type": kind, "params": params}


def manage(
    command: list[str], env: dict[str, str], document: dict[str, Any] | None = None, *, root: Path = ROOT
) -> None:
    """Run a command of the product to its end.

    Raises:
        StackError: it failed; the message holds what it wrote.
    """
    text = json.dumps(document) if document is not None else ""
    done = subprocess.run(command, cwd=root, env=env, input=text, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise StackError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def make_template(directory: Path, root: Path = ROOT) -> Path:
    """Create the migrated and filled database that every stack of a checkout starts from."""
    directory.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "VAR_DIR": str(directory), "DJANGO_SETTINGS_MODULE": "switchboard.settings"}
    manage([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env, root=root)
    manage([sys.executable, "-m", "tests.seed"], env, base_configuration(), root=root)
    with closing(sqlite3.connect(directory / "switchboard.sqlite3")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return directory


@contextmanager
def running_stack(directory: Path, template: Path, **env: str) -> Iterator[Stack]:
    """Start a stack and stop it at the end of the block."""
    stack = Stack(directory, template, env=env)
    try:
        yield stack.start()
    finally:
        stack.stop()
