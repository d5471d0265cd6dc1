# SPDX-License-Identifier: Apache-2.0
"""Records, journals and databases for the tests of this app."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections

from cdrs.committer import Committer, Entry
from cdrs.record import CallRecord, EndReason, HangupBy, new_record_id
from cdrs.segments import ENDED

NOON = 1_800_000_000.0
RecordMaker = Callable[..., CallRecord]


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait until another thread has made ``condition`` true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - a thread makes it true, there is nothing to await
            await asyncio.sleep(0.005)


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Do as `until` where no event loop runs."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.005)


@pytest.fixture
def make_record() -> RecordMaker:
    """Return a maker of records of calls that began at NOON and have not ended."""

    def make(**values: Any) -> CallRecord:
        record_id = new_record_id(NOON, os.urandom(10))
        defaults = {"id": record_id, "call_id": f"{record_id}@192.0.2.1", "invite_time": NOON}
        return CallRecord(**{**defaults, "caller_number": "1001", "callee_number": "1002", **values})

    return make


@pytest.fixture
def make_ended(make_record: RecordMaker) -> RecordMaker:
    """Return a maker of records of calls that were answered after 4 s and hung up by the caller after 63 s."""

    def make(**values: Any) -> CallRecord:
        record = make_record(**{"ring_time": NOON + 1, "answer_time": NOON + 4, **values})
        record.finish(NOON + 67, EndReason.NORMAL, HangupBy.CALLER, 200)
        return record

    return make


class JournalWriter(Protocol):
    """Adds ended records to the journal in the test's directory, a new segment for every ``per_segment`` of them."""

    def __call__(self, records: Sequence[CallRecord], per_segment: int) -> None: ...


@pytest.fixture
def write_journal(tmp_path: Path) -> JournalWriter:
    """Return a writer of journals that needs neither loop nor thread."""

    def write(records: Sequence[CallRecord], per_segment: int) -> None:
        for start in range(0, len(records), per_segment):
            committer = Committer(
                tmp_path, "node", max_segment_bytes=1 << 30, max_held=10**6, clock=lambda: NOON
            )
            lines = [
                Entry(ENDED, record.id, record.to_json()) for record in records[start : start + per_segment]
            ]
            assert committer.commit(lines)
            committer.close()

    return write


@pytest.fixture
def sqlite_alias(tmp_path: Path, django_db_blocker: Any) -> Iterator[str]:
    """The alias of a migrated SQLite file, configured as the product configures its own."""
    base = dict(settings.DATABASES["default"])
    if "sqlite3" not in str(base["ENGINE"]):
        pytest.skip("the settings name another database")
    with extra_database(
        "cdr_file", {**base, "NAME": tmp_path / "switchboard.sqlite3"}, django_db_blocker
    ) as alias:
        yield alias


class extra_database:  # noqa: N801 - reads as the verb that it is
    """A context in which one more migrated database is known under ``alias``."""

    def __init__(self, alias: str, config: dict[str, Any], blocker: Any) -> None:
        self._alias = alias
        self._config = config
        self._blocker = blocker

    def __enter__(self) -> str:
        self._access = self._blocker.unblock()
        self._access.__enter__()
        defaults = {k: v for k, v in connections.settings["default"].items() if k not in ("ENGINE", "NAME")}
        connections.settings[self._alias] = {**defaults, **self._config}
        call_command("migrate", database=self._alias, verbosity=0)
        return self._alias

    def __exit__(self, *exc_info: object) -> None:
        connections[self._alias].close()
        del connections[self._alias]
        del connections.settings[self._alias]
        self._access.__exit__(*exc_info)
