# SPDX-License-Identifier: Apache-2.0
"""One real call between two softphones through a running server, and the scorecard of it.

The phones are processes of their own (`signaling.softphone`), driven by lines of JSON; this module knows their lines,
not their code. Invariant: no wait is without a limit, and no phone outlives `place_call`.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
CALLER_HZ, CALLEE_HZ = 440, 523
"""What each phone plays: A4 and C5, neither a harmonic of the other."""

STEP_TIMEOUT_S = 10.0
SETTLE_S = 0.4
LISTEN_S = 1.0
PLAY_S = 4.0
HEARD_DBFS = -30.0
"""The phones play at -12 dBFS: quieter than this is not the tone that was played."""
ABOVE_OTHER_DB = 15.0


class StepFailed(Exception):
    """A phone did not tell in time what was waited for; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What one phone logs in with."""

    username: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the scorecard."""

    name: str
    passed: bool
    detail: str


@dataclass(slots=True)
class Scorecard:
    """The checks of one call, in order, and what was measured."""

    checks: list[Check] = field(default_factory=list)
    call_id: str = ""
    post_dial_delay_ms: float | None = None

    def add(self, name: str, passed: bool, detail: str = "") -> None:
        """Record a check."""
        self.checks.append(Check(name=name, passed=passed, detail=detail))

    @property
    def passed(self) -> bool:
        """Whether every check passed and there was one."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """Return the scorecard for ``--json``."""
        return {
            "passed": self.passed,
            "call_id": self.call_id,
            "post_dial_delay_ms": self.post_dial_delay_ms,
            "checks": [{"name": c.name, "passed": c.passed, "detail": c.detail} for c in self.checks],
        }


class Softphone:
    """A child process that is one phone; a context manager that ends it."""

    def __init__(self, server: str, credentials: Credentials) -> None:
        self.name = credentials.username
        self._server = server
        self._password = credentials.password
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._process = subprocess.Popen(  # noqa: S603 - the interpreter itself, with arguments that no shell reads
            [sys.executable, "-m", "signaling.softphone", "--server", server, "--username", self.name],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.order("quit")
            self._process.wait(STEP_TIMEOUT_S / 2)
        except (StepFailed, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def register(self) -> None:
        """Register and wait for the server's word.

        Raises:
            StepFailed: refused, or no answer; the message names the server, which may be another one than was meant.
        """
        self.order("register", password=self._password)
        try:
            self.wait_for("registered")
        except StepFailed as failure:
            raise StepFailed(f"{failure} ({self._server})") from None

    def order(self, verb: str, **fields: object) -> None:
        """Send a verb.

        Raises:
            StepFailed: the process has ended.
        """
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        try:
            self._process.stdin.write(json.dumps({"do": verb, **fields}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise StepFailed(f"phone {self.name} has ended") from error

    def wait_for(self, event: str, timeout_s: float = STEP_TIMEOUT_S) -> dict[str, Any]:
        """Return the next event of that name, skipping others.

        Raises:
            StepFailed: it did not come in time, or the phone told a failure or the end of the call.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                told = self._events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise StepFailed(f"phone {self.name}: no {event!r} within {timeout_s:g} s") from None
            if told["event"] == event:
                return told
            if told["event"] in ("failed", "refused", "ended"):
                reason = told.get("reason") or told["event"]
                raise StepFailed(f"phone {self.name}: {told.get('status', '')} {reason}".replace("  ", " "))

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was opened as a pipe
        for line in self._process.stdout:
            try:
                self._events.put(json.loads(line))
            except ValueError:
                continue
        self._events.put({"event": "failed", "reason": "its process ended"})


def place_call(
    server: str,
    caller: Credentials,
    callee: Credentials,
    number: str,
    when_answered: Callable[[Scorecard], object] | None = None,
) -> Scorecard:
    """Register two phones, let one call the other, and return what worked; the call is over when this returns.

    Args:
        server: host:port.
        caller: who calls.
        callee: whose phone is to ring.
        number: what is dialled.
        when_answered: is called once both are connected, before they play their tones.
    """
    card = Scorecard()
    with Softphone(server, caller) as first, Softphone(server, callee) as second:
        steps = (_register, _connect, _hear, _hang_up)
        for step in steps:
            try:
                step(card, first, second, number)
                if step is _connect and when_answered is not None:
                    when_answered(card)
            except StepFailed as failure:
                card.add(step.__name__.strip("_").replace("_", " "), False, str(failure))
                break
    return card


def _register(card: Scorecard, first: Softphone, second: Softphone, number: str) -> None:
    for phone in (first, second):
        phone.register()
    card.add("registered", True, f"{first.name} and {second.name}")


def _connect(card: Scorecard, first: Softphone, second: Softphone, number: str) -> None:
    first.order("call", number=number)
    started = first.wait_for("calling")
    card.call_id = started["call_id"]
    second.wait_for("incoming")
    second.order("answer")
    while (progress := first.wait_for("progress"))["status"] < 180:
        continue
    card.post_dial_delay_ms = round((progress["at"] - started["at"]) * 1000, 1)
    card.add("post-dial delay", True, f"{card.post_dial_delay_ms} ms until {progress['status']}")
    first.wait_for("answered")
    card.add("answered", True, f"{first.name} → {number}")


def _hear(card: Scorecard, first: Softphone, second: Softphone, number: str) -> None:
    first.order("play", frequency_hz=CALLER_HZ, seconds=PLAY_S)
    second.order("play", frequency_hz=CALLEE_HZ, seconds=PLAY_S)
    time.sleep(SETTLE_S)
    for phone in (first, second):
        phone.order("listen", seconds=LISTEN_S, frequencies_hz=[CALLER_HZ, CALLEE_HZ])
    for phone, wanted, other in ((second, CALLER_HZ, CALLEE_HZ), (first, CALLEE_HZ, CALLER_HZ)):
        levels = phone.wait_for("heard")["levels_dbfs"]
        level, leak = levels[str(wanted)], levels[str(other)]
        passed = level > HEARD_DBFS and level - leak > ABOVE_OTHER_DB
        card.add(f"{wanted} Hz heard by {phone.name}", passed, f"{level} dBFS ({other} Hz: {leak} dBFS)")


def _hang_up(card: Scorecard, first: Softphone, second: Softphone, number: str) -> None:
    first.order("hangup")
    second.wait_for("ended")
    card.add("hung up", True, f"{second.name} got BYE")
