# SPDX-License-Identifier: Apache-2.0
"""Runs SIPp scenarios against a stack; the scenarios are the files in `tests/sipp/`, named by behaviour.

A scenario is a template: ``%NAME%`` is replaced before SIPp reads it, because SIPp cannot take an expected status or
a header of its own from the command line.
"""

from __future__ import annotations

import shutil
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ports import wait_until_bound
from tests.stack import Phone, Stack

SCENARIOS = Path(__file__).parent / "sipp"
SIPP = shutil.which("sipp")
TIMEOUT_S = 40


@dataclass(slots=True, kw_only=True)
class Sipp:
    """One running SIPp; `call_id` is how the Call-IDs of the calls that it places begin."""

    process: subprocess.Popen[bytes]
    directory: Path
    scenario: str
    call_id: str
    port: int
    finished: bool = field(default=False)

    def wait(self, timeout_s: float = TIMEOUT_S + 5) -> None:
        """Wait for the end of the scenario.

        Raises:
            AssertionError: a message that the scenario expects did not come, or another one came.
        """
        code = self.process.wait(timeout_s)
        self.finished = True
        assert code == 0, f"SIPp {self.scenario} ended with {code}\n{self.report()}"

    def running(self) -> bool:
        """Tell whether the scenario still goes on."""
        return self.process.poll() is None

    def messages(self) -> str:
        """Return every SIP message that was sent or received, as SIPp logged it."""
        path = self.directory / "messages.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def report(self) -> str:
        """Return what SIPp says about the failure."""
        errors = self.directory / "errors.log"
        text = errors.read_text(errors="replace") if errors.exists() else ""
        return f"{text}\n{self.messages()[-12000:]}"

    def stop(self) -> None:
        """End SIPp, whatever it waits for."""
        if self.running():
            self.process.kill()
            self.process.wait()


class SippRunner:
    """Starts SIPp processes for one test and ends them all after it."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        if SIPP is None:
            pytest.fail("SIPp is not installed (Debian: sip-tester)")
        self.stack = stack
        self._directory = directory
        self._started: list[Sipp] = []

    def start(
        self,
        scenario: str,
        phone: Phone,
        *,
        to: str = "",
        transport: str = "u1",
        options: tuple[str, ...] = (),
        **replacements: object,
    ) -> Sipp:
        """Start a scenario as ``phone``, calling ``to`` (or waiting, when the scenario is a server)."""
        number = len(self._started)
        directory = self._directory / f"{number}-{scenario}"
        directory.mkdir(parents=True)
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        for name, value in {"DOMAIN": phone.domain, "USER": phone.username, **replacements}.items():
            text = text.replace(f"%{name}%", str(value))
        (directory / "scenario.xml").write_text(text)
        call_id = f"{scenario}-{uuid.uuid4().hex}"
        run = Sipp(
            process=self._spawn(directory, phone, to, transport, call_id, options),
            directory=directory,
            scenario=scenario,
            call_id=call_id,
            port=phone.port,
        )
        self._started.append(run)
        if scenario.startswith("uas"):
            wait_until_bound(phone.port)
        return run

    def _spawn(
        self,
        directory: Path,
        phone: Phone,
        to: str,
        transport: str,
        call_id: str,
        options: tuple[str, ...],
    ) -> subprocess.Popen[bytes]:
        assert SIPP is not None
        command = [
            SIPP,
            "-sf",
            "scenario.xml",
            "-i",
            "127.0.0.1",
            "-p",
            str(phone.port),
            "-m",
            "1",
            "-nostdin",
        ]
        command += ["-t", transport, "-s", to or phone.username, "-au", phone.username, "-ap", phone.password]
        command += ["-auth_uri", f"{to}@{phone.domain}" if to else phone.domain]
        command += ["-mi", "127.0.0.1", "-mp", str(phone.port + 2), "-cp", str(phone.port + 8)]
        command += [
            "-cid_str",
            f"{call_id}-%u",
            "-timeout",
            f"{TIMEOUT_S}s",
            "-timeout_error",
            "-skip_rlimit",
        ]
        command += ["-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "messages.log"]
        command += [*options, "{}:{}".format(*self.stack.address)]
        return subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, scenario: str, phone: Phone, **kwargs: object) -> Sipp:
        """Start a scenario and wait for its good end."""
        done = self.start(scenario, phone, **kwargs)  # type: ignore[arg-type]
        done.wait()
        return done

    def register(
        self, phone: Phone, *, expires: int = 300, contact: str = "", transport: str = "u1"
    ) -> Phone:
        """Register a phone from its own port and return it."""
        contact = contact or f"<sip:{phone.username}@127.0.0.1:{phone.port}>"
        self.run("register", phone, transport=transport, CONTACT=contact, EXPIRES=expires)
        return phone

    def answering(
        self, scenario: str = "uas-answers", *, phone: Phone | None = None, **replacements: object
    ) -> Phone:
        """Return a registered phone that plays a server scenario."""
        phone = phone or self.stack.phone()
        self.register(phone)
        self.start(scenario, phone, **replacements)  # type: ignore[arg-type]
        return phone

    def runs(self) -> list[Sipp]:
        """Return everything that was started."""
        return list(self._started)

    def wait_all(self) -> None:
        """Wait for the good end of everything that was started."""
        for run in self._started:
            if not run.finished:
                run.wait()

    def stop(self) -> None:
        """End everything."""
        for run in self._started:
            run.stop()
