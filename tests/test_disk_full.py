# SPDX-License-Identifier: Apache-2.0
"""A full disk: calls go on, health says so, and every record is written when there is room again."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.attacks.calls import raw_call
from tests.sipp import SippRunner
from tests.stack import Stack
from tests.test_nats_events import live_api_serves

pytestmark = pytest.mark.e2e

DISK = "48m"
NOTICED_S = 10.0
CAUGHT_UP_S = 20.0
BYE_S = 3.0
MOST_CALLS = 20


Fault = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module", params=["the journal", "everything", "no file may grow"])
def own_stack(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, Fault]]:
    """A stack, and what leaves it no room: on a small disk for its journal, or for all that it writes, logs included.

    Where no disk may be mounted, the kernel forbids signaling to write to any file.
    """
    directory = tmp_path_factory.mktemp("full")
    disk = directory / "journal" if request.param == "the journal" else directory
    disk.mkdir(exist_ok=True)
    is_mounted = request.param != "no file may grow"
    if is_mounted:
        mount(disk)
    stack = Stack(directory, template)
    try:
        stack.start()
        yield stack, (lambda: full(disk)) if is_mounted else (lambda: forbidden(stack.pid("runsip")))
    finally:
        stack.stop()
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)


def mount(disk: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, check=False).returncode:
        pytest.skip("a disk cannot be mounted here")


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill a disk to the last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for block in (65536, 1):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * block)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def forbidden(pid: int) -> Iterator[None]:
    """Forbid a process to write to files."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def problems(stack: Stack) -> list[str]:
    answer = httpx.get(f"http://127.0.0.1:{stack.ports.api}/api/v1/health", timeout=3)
    return [each["code"] for each in answer.json()["problems"]]


def a_call(stack: Stack) -> str:
    """Place a call with audio both ways, hang up at once, and return its Call-ID."""
    with raw_call(stack) as call:
        assert call.flows()
        begun = time.monotonic()
        assert call.hang_up().status == 200
        assert time.monotonic() - begun < BYE_S
        return call.caller.call_id


def test_calls_go_on_and_no_record_is_lost(own_stack: tuple[Stack, Fault], tmp_path: Path) -> None:
    stack, fault = own_stack
    sipp = SippRunner(stack, tmp_path)
    stack.wait_until(lambda: live_api_serves(stack), 15, "the live API")
    ended = []
    with raw_call(stack) as long_call:
        with fault():
            sipp.register(stack.phone())
            # The first ones may fit into what is left of the last block.
            for _ in range(MOST_CALLS):
                ended.append(a_call(stack))
                if problems(stack):
                    break
            stack.wait_until(lambda: problems(stack) == ["JOURNAL"], NOTICED_S, "health tells of it")
            ended.append(a_call(stack))
            assert long_call.flows()
        stack.wait_until(lambda: problems(stack) == [], NOTICED_S, "health is good again")
        assert long_call.hang_up().status == 200
        ended.append(long_call.caller.call_id)
    for call_id in ended:
        assert stack.cdr(call_id, timeout_s=CAUGHT_UP_S)["disposition"] == "ANSWERED"
    sipp.stop()
