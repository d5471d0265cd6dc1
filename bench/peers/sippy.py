# SPDX-License-Identifier: Apache-2.0
"""Sippy B2BUA from PyPI (`bench/requirements.txt`): its simple B2BUA with one static next hop.

It does a bare call: no authentication, no dialplan, no media session, no CDR. Its log is turned off, because it writes
every message by default and would be slower than it has to be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from types import TracebackType
from typing import Self

from bench.processes import SERVER_CORE, pinned, stop

SETTLE_S = 1.5


class Sippy:
    """A running B2BUA on ``port`` that sends every call to ``next_hop``."""

    def __init__(self, port: int, next_hop: int) -> None:
        self.address = ("127.0.0.1", port)
        command = [*pinned(SERVER_CORE), sys.executable, "-m", "sippy.b2bua_simple", "-f", "-l", "127.0.0.1"]
        command += ["-p", str(port), "-n", f"127.0.0.1:{next_hop}"]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "SIPLOG_BEND": "none"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(SETTLE_S)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(self._process)
