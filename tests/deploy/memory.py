# SPDX-License-Identifier: Apache-2.0
"""The memory of a role: of a process and all that it started, as a container's limit would count it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

KIB_PER_MIB = 1024


def processes_of(pid: int) -> list[int]:
    """Return a process and all that it started."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        with suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
                waiting += [int(child) for child in task.read_text().split()]
    return found


def memory_mib(pid: int) -> float:
    """Return what the processes hold alone, and the most of what one of them shares with anybody, in MiB.

    That is no less than what they hold together: their code and libraries are the same files. A process that ends
    meanwhile counts nothing.
    """
    private_kib, shared_kib = 0, 0
    for one in processes_of(pid):
        with suppress(OSError):
            sizes = _sizes_kib(one)
            own = sizes["Private_Clean"] + sizes["Private_Dirty"]
            private_kib += own
            shared_kib = max(shared_kib, sizes["Rss"] - own)
    return (private_kib + shared_kib) / KIB_PER_MIB


def written_mib(pid: int) -> float:
    """Return what of their memory the processes wrote themselves, in MiB.

    The rest are pages of programs and libraries, which are read again when they are needed: a container that comes to its
    limit loses them, and is ended only when nothing of that kind is left.
    """
    private_kib, shared_kib = 0, 0
    for one in processes_of(pid):
        with suppress(OSError):
            sizes = _sizes_kib(one)
            private_kib += sizes["Private_Dirty"]
            shared_kib = max(shared_kib, sizes["Shared_Dirty"])
    return (private_kib + shared_kib) / KIB_PER_MIB


def _sizes_kib(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
