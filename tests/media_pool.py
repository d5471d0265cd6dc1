# SPDX-License-Identifier: Apache-2.0
"""A stack with several RTP managers, and many calls in it: SIPp signals, `RtpBank` talks and listens."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from signaling.live.link import FeedLink
from signaling.live.mirror import Mirror
from signaling.live.tables import RTPMANAGERS
from tests import audio
from tests.ports import PortBlock
from tests.rtp_bank import RtpBank
from tests.sipp import Sipp, SippRunner
from tests.stack import ROOT, START_TIMEOUT_S, Phone, Stack, StackError

TOKEN = "of-this-test"
PROMPT_S = 6.0
LONG_PROMPT, PROMPT_THEN_ECHO = "501", "502"


class PoolStack(Stack):
    """A stack whose signaling knows several RTP managers, each of which a test starts when it likes.

    Args:
        directory: of the stack.
        template: see `Stack`.
        managers: how many RTP managers signaling is told of.
        env: for all processes.
    """

    def __init__(
        self, directory: Path, template: Path, *, managers: int = 2, env: dict[str, str] | None = None
    ) -> None:
        super().__init__(directory, template, env={"INTERNAL_API_TOKEN": TOKEN, **(env or {})})
        self.blocks = [self.ports, *(PortBlock() for _ in range(managers - 1))]
        self.media_env: dict[str, dict[str, str]] = {}
        audio.write_wav(self.audio / "long.wav", audio.tone(440.0, PROMPT_S))

    @property
    def names(self) -> list[str]:
        """The names of the RTP managers."""
        return [f"rtp-{number}" for number in range(1, len(self.blocks) + 1)]

    def start(self, *names: str) -> PoolStack:
        """Start some RTP managers, then signaling."""
        self.seed({"routes": _routes()})
        for name in names:
            self.start_media(name)
        self.run("runsip")
        for name in names:
            self.wait_healthy(name)
        return self

    def environment(self) -> dict[str, str]:
        """Return the variables that the stack's processes get."""
        pairs = zip(self.names, self.blocks, strict=True)
        addresses = ",".join(f"{name}=127.0.0.1:{block.grpc}" for name, block in pairs)
        return super().environment() | {"RTPMANAGER_ADDRS": addresses} | self._extra_env

    def start_media(self, name: str, *, wait_healthy: bool = False, **env: str) -> None:
        """Start one RTP manager and wait until it listens, or until signaling gives it calls."""
        block = self.blocks[self.names.index(name)]
        own = {
            "GRPC_PORT": str(block.grpc),
            "RTP_PORT_MIN": str(block.rtp_min),
            "RTP_PORT_MAX": str(block.rtp_max),
            "RTP_NODE_ID": name,
        }
        with (self.var / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "manage.py", "runrtp"],
                cwd=ROOT,
                env=self.environment() | own | env,
                stdout=log,
                stderr=log,
            )
        self.wait_until(lambda: _listens(block.grpc), START_TIMEOUT_S, f"{name} serves")
        if wait_healthy:
            self.wait_healthy(name)

    def wait_healthy(self, name: str) -> None:
        """Wait until signaling gives calls to an RTP manager."""
        self.wait_until(lambda: self.manager(name)["healthy"], 10, f"{name} is healthy")

    def freeze(self, name: str) -> None:
        """Stop a process without ending it."""
        os.kill(self.pid(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a stopped process go on."""
        os.kill(self.pid(name), signal.SIGCONT)

    def stop(self) -> None:
        """End everything, signaling first, and free the ports."""
        if "runsip" in self.processes:
            self.kill("runsip", signal.SIGTERM)
        for name in [name for name in self.names if name in self.processes]:
            self.kill(name, signal.SIGKILL)
        super().stop()
        for block in self.blocks[1:]:
            block.release()

    # --- What operators do and see ----------------------------------------------------------------------------------

    def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Give signaling a command through the socket that its REST uses.

        Raises:
            CommandRefused: it cannot be done.
        """
        return asyncio.run(self._command(name, arguments))

    def manager(self, name: str) -> dict[str, Any]:
        """Return what signaling says of an RTP manager."""
        return asyncio.run(self._look(name))

    def rest(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        """Ask the REST of signaling; return status and body, status 0 when nobody answers."""
        connection = HTTPConnection("127.0.0.1", self.ports.api, timeout=5)
        try:
            connection.request(method, f"/api/v1/{path}", headers={"Authorization": f"Internal {TOKEN}"})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except OSError:
            return 0, {}
        finally:
            connection.close()

    async def _command(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        link, _ = await self._linked()
        try:
            return await link.call(name, **arguments)
        finally:
            await link.stop()

    async def _look(self, name: str) -> dict[str, Any]:
        link, mirror = await self._linked()
        await link.stop()
        return next(row for row in mirror.rows(RTPMANAGERS) if row["node_id"] == name)

    async def _linked(self) -> tuple[FeedLink, Mirror]:
        mirror = Mirror()
        link = FeedLink(self.var / f"live-{self.ports.api}.sock", mirror)
        link.start()
        for _ in range(500):
            if mirror.complete:
                return link, mirror
            await asyncio.sleep(0.01)
        raise StackError(f"the live socket does not answer\n{self.logs()}")


def _routes() -> list[dict[str, Any]]:
    play = {"type": "play_audio", "params": {"file": "long.wav"}}
    plan = {
        "[23456]???": [{"type": "dial", "params": {"target": "user/${destination}", "timeout": 20}}],
        LONG_PROMPT: [play, {"type": "hangup", "params": {"reason": "normal"}}],
        PROMPT_THEN_ECHO: [play, {"type": "echo", "params": {}}],
        "600": [{"type": "echo", "params": {}}],
    }
    return [
        {"id": f"pool-{number}", "pattern": pattern, "priority": 1 + number, "actions": actions}
        for number, (pattern, actions) in enumerate(plan.items())
    ]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def talking(stack: Stack, bank: RtpBank, timeout_s: float = 10.0) -> None:
    """Wait until every line has heard something new."""
    before = [line.received for line in bank.lines]
    stack.wait_until(
        lambda: all(line.received > was + 10 for line, was in zip(bank.lines, before, strict=True)),
        timeout_s,
        "audio on every line",
    )


class ManyCalls:
    """Calls of many phones by a few SIPp processes, with audio.

    Args:
        stack: where they go.
        sipp: starts SIPp.
        bank: their audio; lines are handed out in order.
        patience_s: how long SIPp waits for what its scenario expects; None: as for any scenario.
    """

    def __init__(
        self, stack: Stack, sipp: SippRunner, bank: RtpBank, *, patience_s: float | None = None
    ) -> None:
        self._stack = stack
        self._sipp = sipp
        self._bank = bank
        self._patience = () if patience_s is None else ("-timeout", f"{patience_s:.0f}s")
        self._unused = iter(bank.lines)
        self.runs: list[Sipp] = []

    def callee(self, count: int, *, status: str = "200 OK") -> Phone:
        """Return a registered phone that answers up to so many calls, and every re-INVITE with ``status``."""
        phone = self._stack.phone()
        self._sipp.register(phone)
        lines = [next(self._unused) for _ in range(count)]
        say = "MEDIA" if status.startswith("200") else "REFUSED"
        self._start("uas-follows", phone, [f"{line.port};" for line in lines], STATUS=status, SAY=say)
        return phone

    def call(self, number: str, count: int, *, talk_s: float) -> Sipp:
        """Place calls to a number; each ends ``talk_s`` after it was answered or moved last."""
        callers = [self._stack.phone() for _ in range(count)]
        rows = []
        for caller in callers:
            line = next(self._unused)
            credentials = f"[authentication username={caller.username} password={caller.password}]"
            rows.append(f"{caller.username};{credentials};{number};{line.port};")
        return self._start("uac-follows", callers[0], rows, TALK_MS=int(talk_s * 1000), to=number)

    def _start(
        self, scenario: str, phone: Phone, rows: Sequence[str], to: str = "", **replacements: Any
    ) -> Sipp:
        table = self._stack.var / f"{scenario}-{len(self.runs)}.csv"
        table.write_text("SEQUENTIAL\n" + "\n".join(rows) + "\n")
        log = table.with_suffix(".media")
        self._bank.follow(log)
        options = ("-inf", str(table), "-m", str(len(rows)), "-r", "20", "-trace_logs", "-log_file", str(log))
        run = self._sipp.start(scenario, phone, to=to, options=(*options, *self._patience), **replacements)
        self.runs.append(run)
        return run
