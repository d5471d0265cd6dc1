# SPDX-License-Identifier: Apache-2.0
"""A phone program as a child process: orders go in, events come out, and no wait is without a limit."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests import audio
from tests.stack import ROOT, Phone, Stack

EVENT_TIMEOUT_S = 10.0
HANG_UP_EVENTS = ("failed", "call_closed")


class PhoneProcess:
    """One phone of a user of the stack, sending ``tone_hz`` in every call."""

    def __init__(
        self,
        stack: Stack,
        phone: Phone,
        tone_hz: float,
        directory: Path,
        *,
        transport: str = "udp",
        mediaenc: str = "",
    ) -> None:
        self.phone = phone
        self._directory = directory
        self._errors = (directory / f"phone-{phone.port}.log").open("w")
        command = [sys.executable, "-m", "tests.phones.program_baresip", "--tone-hz", str(tone_hz)]
        port = stack.ports.tls if transport == "tls" else stack.address[1]
        command += ["--server", f"{stack.address[0]}:{port}", "--domain", phone.domain]
        command += ["--username", phone.username, "--password", phone.password]
        command += ["--port", str(phone.port), "--transport", transport, "--mediaenc", mediaenc]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._seen: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        self.wait_for("started")
        self.order("register")
        self.wait_for("registered")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def order(self, verb: str, **fields: object) -> None:
        """Send a verb."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": verb, **fields}) + "\n")
        self._process.stdin.flush()

    def wait_for(self, event: str, timeout_s: float = EVENT_TIMEOUT_S) -> dict[str, Any]:
        """Return the next event of a name.

        Raises:
            AssertionError: it did not come, or a failure or the end of the call came first.
        """
        deadline = time.monotonic() + timeout_s
        while (left_s := deadline - time.monotonic()) > 0:
            try:
                told = self._events.get(timeout=left_s)
            except queue.Empty:
                break
            self._seen.append(told)
            if told["event"] == event:
                return told
            assert told["event"] not in HANG_UP_EVENTS, f"phone {self.phone.username}: {self._seen}"
        raise AssertionError(
            f"phone {self.phone.username}: no {event} within {timeout_s} s, but {self._seen}"
        )

    def heard(self) -> audio.Signal:
        """Return everything that was heard in this call so far."""
        path = self._directory / f"heard-{self.phone.port}-{time.monotonic_ns()}.wav"
        self.order("save", path=str(path))
        self.wait_for("saved")
        return audio.read_wav(path)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._events.put(json.loads(line))
        self._events.put({"event": "failed", "reason": "the program ended"})
