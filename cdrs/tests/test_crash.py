# SPDX-License-Identifier: Apache-2.0
import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from cdrs.journal import Journal
from cdrs.models import CDR
from cdrs.record import CallRecord
from cdrs.tests.conftest import extra_database
from cdrs.writer import DatabaseWriter

ROUNDS = 5


class Promises:
    """What the killed processes said."""

    def __init__(self) -> None:
        self.noted: set[str] = set()
        self.ended: set[str] = set()

    def take(self, line: str) -> None:
        word, _, record_id = line.rstrip("\n").partition(" ")
        if word == "noted":
            self.noted.add(record_id)
        elif word == "ended":
            self.ended.add(record_id)


def run_and_kill(var_dir: Path, promises: Promises, life_s: float) -> None:
    """Run the child for ``life_s`` seconds after it is ready, then kill it in the middle of everything."""
    environment = {**os.environ, "VAR_DIR": str(var_dir), "DATABASE_URL": ""}
    command = [sys.executable, "-m", "cdrs.tests.crash_child", str(var_dir / "journal")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, cwd=settings.BASE_DIR
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        threading.Timer(life_s, child.send_signal, [signal.SIGKILL]).start()
        for line in child.stdout:
            if line.endswith("\n"):
                promises.take(line)
    assert child.returncode == -signal.SIGKILL


async def recover(directory: Path) -> list[CallRecord]:
    """Open the journal as the next run would, and close it again."""
    journal = Journal(directory, "after")
    cut_off = journal.open()
    await journal.close()
    return cut_off


@pytest.fixture(scope="module")
def after_the_kills(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[tuple[dict[str, CDR], Promises]]:
    """The rows after several killed runs and a last delivery, and what the runs had promised."""
    var_dir, promises, chance = tmp_path_factory.mktemp("var"), Promises(), random.Random(7)
    config = {**settings.DATABASES["default"], "NAME": var_dir / "switchboard.sqlite3"}
    with extra_database("cdr_crash", config, django_db_blocker) as alias:
        for _ in range(ROUNDS):
            run_and_kill(var_dir, promises, 0.5 + chance.random() * 0.6)
        assert asyncio.run(recover(var_dir / "journal")), (
            "the last kill met no call: the test would prove nothing"
        )
        writer = DatabaseWriter(var_dir / "journal", using=alias)
        writer.start()
        writer.stop(timeout_s=20)
        assert (writer.rejected, writer.backlog) == (0, 0)
        yield {str(row.pk): row for row in CDR.objects.using(alias).all()}, promises


def test_it_loses_no_call_over_a_row_of_kills(after_the_kills: tuple[dict[str, CDR], Promises]) -> None:
    rows, promises = after_the_kills
    assert len(promises.ended) > 20 * ROUNDS
    assert promises.noted <= rows.keys()


def test_it_keeps_every_record_that_was_on_disk_as_it_was(
    after_the_kills: tuple[dict[str, CDR], Promises],
) -> None:
    rows, promises = after_the_kills
    assert {rows[record_id].hangup_cause for record_id in promises.ended} == {"normal"}


def test_it_stores_no_call_twice_over_a_row_of_kills(
    after_the_kills: tuple[dict[str, CDR], Promises],
) -> None:
    """The child uses a call's id as its Call-ID: a second row would have a Call-ID with a suffix."""
    rows, _ = after_the_kills
    assert [row.call_id for row in rows.values() if row.call_id != str(row.pk)] == []


def test_it_says_so_where_a_kill_cut_a_call_off(after_the_kills: tuple[dict[str, CDR], Promises]) -> None:
    rows, _ = after_the_kills
    cut_off = [row for row in rows.values() if row.hangup_cause == "error"]
    assert cut_off and all(row.metadata == {"cut_off": True} and row.hangup_by == "system" for row in cut_off)
    assert {row.disposition for row in cut_off} == {"ANSWERED", "FAILED"}
    assert all(row.end_time >= (row.answer_time or row.invite_time) for row in cut_off)


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    """It should be usable at once after a kill, without cleaning up anything."""
    code = (
        "import sys,time; from pathlib import Path; from cdrs.journal import Journal;"
        "Journal(Path(sys.argv[1]), 'child').open(); print('open', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, cwd=settings.BASE_DIR
    )
    assert child.stdout is not None and child.stdout.readline() == b"open\n"
    child.kill()
    child.wait()
    child.stdout.close()
    assert asyncio.run(recover(tmp_path)) == []
