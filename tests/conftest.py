# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests: one stack for all that a test may leave running, and SIPp bound to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import audio
from tests.media_pool import PoolStack
from tests.sipp import SippRunner
from tests.stack import Stack, make_template

GREETING_HZ = (440.0, 660.0, 550.0, 880.0, 495.0, 770.0)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with users, and the prompt that 500 plays."""
    directory = make_template(tmp_path_factory.mktemp("template"))
    (directory / "audio").mkdir(exist_ok=True)
    audio.write_wav(directory / "audio" / "tones.wav", audio.melody(GREETING_HZ, 0.5))
    return directory


@pytest.fixture(scope="session")
def stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack that tests share; each takes users and ports of its own and leaves the processes alone."""
    shared = Stack(tmp_path_factory.mktemp("stack"), template)
    try:
        yield shared.start()
    finally:
        shared.stop()


@pytest.fixture
def sipp(stack: Stack, tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against the shared stack."""
    runner = SippRunner(stack, tmp_path)
    yield runner
    runner.stop()


@pytest.fixture
def pool(template: Path, tmp_path: Path) -> Iterator[PoolStack]:
    """A signaling node that knows three RTP managers, none of which runs yet."""
    stack = PoolStack(tmp_path / "stack", template, managers=3)
    try:
        yield stack
    finally:
        stack.stop()


@pytest.fixture
def pool_sipp(pool: PoolStack, tmp_path: Path) -> Iterator[SippRunner]:
    """SIPp against it."""
    runner = SippRunner(pool, tmp_path / "sipp")
    yield runner
    runner.stop()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the processes' last log lines to the report of a failed end-to-end test."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    used = getattr(item, "funcargs", {})
    for name in ("stack", "own_stack", "pool"):
        if report.failed and isinstance(used.get(name), Stack):
            report.sections.append((f"logs of {name}", used[name].logs()))
