# SPDX-License-Identifier: Apache-2.0
"""The memory of a role: of a process and all that it started, as a container's limit would count it."""

from __future__ import annotations

import ctypes
import platform
from contextlib import suppress
from pathlib import Path

KIB_PER_MIB = 1024
KCMP = {"x86_64": 312, "aarch64": 272}
"""Machine → number of the system call kcmp(2)."""
KCMP_VM = 1
_libc = ctypes.CDLL(None)


def processes_of(pid: int) -> list[int]:
    """Return a process and all that it started, but for children that have no memory of their own yet (vfork(2))."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        with suppress(OSError):
            for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
                children = [int(child) for child in task.read_text().split()]
                waiting += [child for child in children if not _share_memory(found[-1], child)]
    return found


def _share_memory(pid: int, other: int) -> bool:
    """Tell whether two processes have the very same memory; what the system does not say is taken for a no."""
    call = KCMP.get(platform.machine())
    return call is not None and _libc.syscall(call, pid, other, KCMP_VM, 0, 0) == 0


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
