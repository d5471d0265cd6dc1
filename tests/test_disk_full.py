# SPDX-License-Identifier: Apache-2.0
"""A full disk: calls go on, health says so, and every record is written when there is room again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.attacks.calls import raw_call
from tests.sipp import SippRunner
from tests.stack import Stack
from tests.test_nats_events import live_api_serves

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk"),
]

DISK = "48m"
NOTICED_S = 10.0
CAUGHT_UP_S = 20.0
BYE_S = 3.0
MOST_CALLS = 20


@pytest.fixture(scope="module", params=["the journal", "everything"])
def own_stack(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, Path]]:
    """A stack with its journal, or all that it writes, logs included, on a small disk; and that disk."""
    directory = tmp_path_factory.mktemp("full")
    disk = directory / "journal" if request.param == "the journal" else directory
    disk.mkdir(exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("a disk cannot be mounted here")
    stack = Stack(directory, template)
    try:
        yield stack.start(), disk
    finally:
        stack.stop()
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill a disk to the last byte."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
        try:
            while True:
                file.write(b"\0")
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


def problems(stack: Stack) -> list[str]:
    import httpx

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


def test_calls_go_on_and_no_record_is_lost(own_stack: tuple[Stack, Path], tmp_path: Path) -> None:
    stack, disk = own_stack
    sipp = SippRunner(stack, tmp_path)
    stack.wait_until(lambda: live_api_serves(stack), 15, "the live API")
    ended = []
    with raw_call(stack) as long_call:
        with full(disk):
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
