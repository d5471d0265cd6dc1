# SPDX-License-Identifier: Apache-2.0
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cdrs.committer import RETRY_S, Committer, Entry
from cdrs.segments import ANSWERED, ENDED, STARTED, list_segments, read_lines
from cdrs.tests.conftest import NOON

NO_SPACE = OSError(28, "No space left on device")


class Disk:
    """Makes writes or syncs fail while told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing: set[str] = set()
        self.once = False
        for name in ("write", "fdatasync"):
            monkeypatch.setattr(os, name, self._wrap(name, getattr(os, name)))

    def _wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if name in self.failing:
                if self.once:
                    self.failing.clear()
                raise NO_SPACE
            return real(*arguments)

        return call


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def committer(tmp_path: Path, clock: Clock) -> Committer:
    return Committer(tmp_path, "node", max_segment_bytes=500, max_held=3, clock=lambda: NOON, monotonic=clock)


def lines_of(path: Path) -> list[tuple[str | None, str]]:
    return [(line.kind, line.body.decode()) for line in read_lines(path) if line.kind != "segment"]


def ended(*numbers: int) -> list[Entry]:
    return [Entry(ENDED, str(number), str(number)) for number in numbers]


def test_it_syncs_ended_calls_and_only_writes_the_others(
    committer: Committer, monkeypatch: pytest.MonkeyPatch
) -> None:
    committer.commit([])
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    assert committer.commit([Entry(STARTED, "1", "1"), Entry(ANSWERED, "1", "1")]) and not synced
    assert committer.commit([*ended(1), *ended(2)]) and len(synced) == 1


def test_it_begins_a_segment_with_the_open_calls_when_one_is_full(
    committer: Committer, tmp_path: Path
) -> None:
    committer.commit([Entry(STARTED, "open", "first"), Entry(ANSWERED, "open", "latest")])
    committer.commit([Entry(ENDED, "x", "x" * 600)])
    committer.commit(ended(7))
    _, newest = list_segments(tmp_path)
    assert lines_of(newest) == [(ANSWERED, "latest"), (ENDED, "7")]


def test_it_forgets_a_call_that_ended(committer: Committer) -> None:
    committer.commit([Entry(STARTED, "1", "1"), Entry(STARTED, "2", "2")])
    assert committer.open_calls == 2
    committer.commit(ended(1))
    assert committer.open_calls == 1


@pytest.mark.parametrize("operation", ["write", "fdatasync"])
def test_it_writes_anew_elsewhere_when_a_segment_fails(
    committer: Committer, tmp_path: Path, disk: Disk, operation: str
) -> None:
    committer.commit([Entry(STARTED, "open", "open")])
    disk.failing, disk.once = {operation}, True
    assert committer.commit(ended(1))
    assert lines_of(list_segments(tmp_path)[-1]) == [(STARTED, "open"), (ENDED, "1")]
    assert committer.problem is None


def test_it_holds_what_a_full_disk_refuses_and_writes_it_later(
    committer: Committer, tmp_path: Path, disk: Disk, clock: Clock
) -> None:
    committer.commit(ended(1))
    disk.failing.add("write")
    assert not committer.commit(ended(2)) and not committer.commit(ended(3))
    assert "No space left" in str(committer.problem)
    disk.failing.clear()
    clock.now += RETRY_S
    assert committer.commit([])
    assert lines_of(list_segments(tmp_path)[-1]) == [(ENDED, "2"), (ENDED, "3")]
    assert committer.problem is None and committer.held == []


def test_it_pauses_between_attempts_while_the_disk_is_full(
    committer: Committer, disk: Disk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.failing.add("write")
    committer.commit(ended(1))
    disk.failing.clear()
    assert not committer.commit(ended(2))
    clock.now += RETRY_S
    assert committer.commit(ended(3))


def test_it_counts_what_it_can_hold_no_more(committer: Committer, disk: Disk) -> None:
    disk.failing.add("write")
    committer.commit(ended(1, 2, 3, 4, 5))
    assert committer.lost == 2
    assert [line.split()[-1] for line in committer.held] == [b"1", b"2", b"3"]


def test_it_leaves_no_drafts_on_a_full_disk(committer: Committer, tmp_path: Path, disk: Disk) -> None:
    disk.failing.add("write")
    committer.commit(ended(1))
    assert list(tmp_path.iterdir()) == []
