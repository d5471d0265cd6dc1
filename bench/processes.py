# SPDX-License-Identifier: Apache-2.0
"""Processes under measurement: started on one core, their CPU time read from /proc."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SERVER_CORE, LOAD_CORE = 1, 0
STOP_TIMEOUT_S = 5.0


class MissingProgram(RuntimeError):
    """A program that the benchmark compares with is not installed."""


def program(name: str, package: str) -> str:
    """Return the path of a program.

    Raises:
        MissingProgram: it is not installed.
    """
    found = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if found is None:
        raise MissingProgram(f"{name} is not installed ({package})")
    return found


def pinned(core: int) -> list[str]:
    """Return the start of a command line that keeps a process and all its threads on one core."""
    return [program("taskset", "Debian: util-linux"), "-c", str(core)]


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, that a process and all its threads have used (1/100 s steps)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process in megabytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process gently, then by force."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Poll a condition.

    Raises:
        TimeoutError: it does not hold in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.05)


def machine() -> str:
    """Return one line about the machine, for the report."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    cores, kernel = os.cpu_count(), platform.release()
    return f"{cores} cores of {model}, Linux {kernel}, Python {platform.python_version()}"
