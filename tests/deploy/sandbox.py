# SPDX-License-Identifier: Apache-2.0
"""A container without a container engine: bubblewrap gives a process the image's paths, a read-only root, process
number 1, the image's user and no capability. The network is that of the caller, as on the host network of a node.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import switchboard_engine

from tests.deploy.memory import memory_mib, processes_of

VENV = Path(sys.prefix)
SYSTEM = ("/usr", "/sys", "/etc/ssl", "/etc/ld.so.cache")
MERGED = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib", "/lib64": "usr/lib64"}


@dataclass(frozen=True, slots=True)
class Mount:
    """A path of the host and where the container sees it."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """All that a container is started with."""

    name: str
    command: list[str]
    env: dict[str, str]
    workdir: str
    uid: int
    gid: int
    mounts: list[Mount] = field(default_factory=list)

    def argv(self, command: list[str], extra: list[str]) -> list[str]:
        """Return the command line that runs a command in it."""
        line = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--as-pid-1"]
        line += [*extra, "--proc", "/proc", "--dev", "/dev"]
        made: set[str] = set()
        for target, link in MERGED.items():
            line += ["--symlink", link, target]
        for mount in [*_system_mounts(), *self.mounts]:
            line += _parents(mount.target, made)
            line += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
        line += ["--remount-ro", "/", "--chdir", self.workdir, "--clearenv"]
        for name, value in self.env.items():
            line += ["--setenv", name, value]
        line += ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--no-new-privs"]
        return [*line, "--bounding-set=-all", "--inh-caps=-all", "--", *command]

    def run(self, command: list[str], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """Run a command in a container like it, to its end."""
        return subprocess.run(
            self.argv(command, []), capture_output=True, text=True, timeout=timeout_s, check=False
        )


class Running:
    """A started container; its output goes to ``log``."""

    def __init__(self, container: Container, log: Path) -> None:
        self.container = container
        self.log = log
        told, tell = os.pipe()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                container.argv(container.command, ["--info-fd", str(tell)]),
                stdout=output,
                stderr=output,
                pass_fds=[tell],
            )
        os.close(tell)
        with os.fdopen(told) as information:
            text = information.read()
        assert text, f"{container.name} did not start: {log.read_text(errors='replace')}"
        self.pid = int(json.loads(text)["child-pid"])

    @property
    def ended_with(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._process.poll()

    def stop(self, grace_s: float = 15.0) -> int:
        """Ask process 1 to end, as a container engine does; return its exit code.

        Raises:
            AssertionError: it had to be killed.
        """
        if self.ended_with is None:
            os.kill(self.pid, signal.SIGTERM)
        try:
            return self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.container.name} did not end on SIGTERM in {grace_s} s") from None

    def kill(self) -> None:
        """End it at once; what it started ends with process 1."""
        if self.ended_with is None:
            os.kill(self.pid, signal.SIGKILL)
            self._process.wait()

    def processes(self) -> list[int]:
        """Return the process ids of it and of what it started."""
        return processes_of(self.pid)

    def memory_mib(self) -> float:
        """Return its memory, see `tests.deploy.memory`."""
        return memory_mib(self.pid)


def _system_mounts() -> list[Mount]:
    """Return this machine's stand-ins for the base image and the virtual environment of the build stage."""
    paths = [Path(path) for path in SYSTEM]
    engine = Path(switchboard_engine.__file__).resolve()
    if not engine.is_relative_to(VENV):
        paths.append(engine.parents[2])
    base = Path(sys.base_prefix)
    if not base.is_relative_to("/usr"):
        paths.append(base)
    return [Mount(path, str(path)) for path in paths if path.exists()]


def _parents(target: str, made: set[str]) -> list[str]:
    """Return the options that make the folders above a mount point; bubblewrap's own would be root's alone."""
    options = []
    for parent in reversed(PurePosixPath(target).parents):
        name = str(parent)
        inside = any(
            name == top or name.startswith(f"{top}/") for top in ("/usr", "/sys", "/app", "/etc/ssl")
        )
        if name != "/" and not inside and name not in made:
            made.add(name)
            options += ["--perms", "0755", "--dir", name]
    return options


def wait_until_ended(running: Running, timeout_s: float) -> int:
    """Return the exit code of a container that ends by itself.

    Raises:
        AssertionError: it still runs after ``timeout_s``.
    """
    deadline = time.monotonic() + timeout_s
    while (code := running.ended_with) is None:
        assert time.monotonic() < deadline, f"{running.container.name} still runs after {timeout_s} s"
        time.sleep(0.02)
    return code
