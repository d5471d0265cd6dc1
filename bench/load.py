# SPDX-License-Identifier: Apache-2.0
"""SIP load by SIPp on the load core: a server that answers every call, and clients at a given rate."""

from __future__ import annotations

import csv
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.processes import LOAD_CORE, pinned, program, stop
from tests.ports import wait_until_bound

SCENARIOS = Path(__file__).parent / "sipp"
DRAIN_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What SIPp counted in one run."""

    completed: int
    failed: int
    retransmissions: int
    elapsed_s: float

    @property
    def clean(self) -> bool:
        """Whether at most one call in a thousand failed and one message in a hundred had to be repeated."""
        return self.failed <= self.completed * 0.001 and self.retransmissions <= self.completed * 0.01


class Answerer:
    """SIPp as the called phones; a context manager."""

    def __init__(self, port: int, directory: Path) -> None:
        command = [*pinned(LOAD_CORE), program("sipp", "Debian: sip-tester"), "-sn", "uas", "-i", "127.0.0.1"]
        command += ["-p", str(port), "-mp", str(port + 2), "-nostdin", "-cp", str(port + 8)]
        self._process = subprocess.Popen(
            command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until_bound(port)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(self._process)


def offer(
    scenario: str,
    server: tuple[str, int],
    *,
    port: int,
    rate: float,
    count: int,
    directory: Path,
    options: tuple[str, ...] = (),
) -> Outcome:
    """Place ``count`` calls (or registrations) at ``rate`` a second and return what became of them."""
    statistics = directory / f"{scenario}-{port}-{time.monotonic_ns()}.csv"
    command = [
        *pinned(LOAD_CORE),
        program("sipp", "Debian: sip-tester"),
        "-sf",
        str(SCENARIOS / f"{scenario}.xml"),
    ]
    command += _own_ports(port)
    command += f"-r {rate} -m {count} -l 100000 -trace_stat -stf {statistics} -fd 1 -skip_rlimit".split()
    command += ["-timeout", f"{int(count / rate) + DRAIN_S}s", *options, "{}:{}".format(*server)]
    started = time.monotonic()
    subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return _outcome(statistics, count, time.monotonic() - started)


def _own_ports(port: int) -> list[str]:
    return f"-i 127.0.0.1 -p {port} -mp {port + 2} -cp {port + 8} -nostdin".split()


def _outcome(statistics: Path, count: int, elapsed_s: float) -> Outcome:
    with statistics.open() as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    completed = int(last["SuccessfulCall(C)"])
    return Outcome(
        completed=completed,
        failed=count - completed,
        retransmissions=int(last["Retransmissions(C)"]),
        elapsed_s=elapsed_s,
    )
