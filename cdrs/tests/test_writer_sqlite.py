# SPDX-License-Identifier: Apache-2.0
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from cdrs import writer
from cdrs.delivery import SinkUnavailable
from cdrs.models import CDR
from cdrs.tests.conftest import JournalWriter, RecordMaker, wait_until
from cdrs.tests.writer_cases import SinkCases
from cdrs.writer import DatabaseSink, DatabaseWriter


@pytest.fixture
def database(sqlite_alias: str) -> str:
    return sqlite_alias


@pytest.fixture
def file(database: str) -> Path:
    return Path(str(connections[database].settings_dict["NAME"]))


class TestOnSqlite(SinkCases):
    pass


@pytest.fixture
def database_writer(tmp_path: Path, database: str) -> Iterator[DatabaseWriter]:
    made = DatabaseWriter(
        tmp_path, using=database, batch_size=4, gather_s=0.0, poll_s=0.01, max_backoff_s=0.05
    )
    yield made
    made.stop()


def count(database: str) -> int:
    return CDR.objects.using(database).count()


def test_it_waits_for_a_locked_database_and_then_stores_all(
    database_writer: DatabaseWriter,
    database: str,
    file: Path,
    make_ended: RecordMaker,
    write_journal: JournalWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer, "_BUSY_TIMEOUT_MS", 10)
    write_journal([make_ended() for _ in range(10)], per_segment=4)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    database_writer.start()
    wait_until(lambda: database_writer.problem is not None)
    assert "locked" in str(database_writer.problem) and database_writer.backlog == 10
    holder.execute("ROLLBACK")
    holder.close()
    wait_until(lambda: database_writer.delivered == 10)
    assert count(database) == 10


def test_it_writes_no_records_into_a_file_that_was_removed(
    database: str, file: Path, make_ended: RecordMaker
) -> None:
    sink = DatabaseSink(database)
    sink.deliver([make_ended()])
    aside = file.rename(file.with_name("aside"))
    with pytest.raises(SinkUnavailable, match="missing"):
        sink.deliver([make_ended()])
    assert not file.exists()
    aside.rename(file)
    sink.deliver([make_ended()])
    assert count(database) == 2


def test_it_notices_that_the_file_was_replaced(database: str, file: Path, make_ended: RecordMaker) -> None:
    sink = DatabaseSink(database)
    sink.deliver([make_ended()])
    connections[database].close()
    copy = file.with_name("copy")
    copy.write_bytes(file.read_bytes())
    sink.deliver([make_ended()])
    copy.replace(file)
    for leftover in file.parent.glob(file.name + "-*"):
        leftover.unlink()
    record = make_ended()
    sink.deliver([record])
    connections[database].close()
    assert CDR.objects.using(database).filter(pk=record.id).exists()


def test_it_waits_for_the_tables_to_be_made(database: str, make_ended: RecordMaker) -> None:
    with connections[database].cursor() as cursor:
        cursor.execute("ALTER TABLE cdrs RENAME TO elsewhere")
    with pytest.raises(SinkUnavailable, match="no such table"):
        DatabaseSink(database).deliver([make_ended()])


def test_it_singles_out_a_record_that_only_the_database_refuses(
    database: str, make_ended: RecordMaker
) -> None:
    records = [make_ended() for _ in range(5)]
    with connections[database].cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON cdrs WHEN NEW.codec = 'BAD' "
            "BEGIN SELECT RAISE(ABORT, 'codec refused'); END"
        )
    records[2].codec = "BAD"
    rejected = DatabaseSink(database).deliver(records)
    assert [(item.record, item.reason) for item in rejected] == [(records[2], "codec refused")]
    assert count(database) == 4


def test_it_stores_once_what_was_delivered_before_a_crash_took_the_cursor(
    database: str, tmp_path: Path, make_ended: RecordMaker, write_journal: JournalWriter
) -> None:
    records = [make_ended(call_id=f"call-{number % 3}") for number in range(10)]
    write_journal(records, per_segment=4)
    for _ in range(3):
        for leftover in tmp_path.glob("cursor.json"):
            leftover.unlink()
        again = DatabaseWriter(tmp_path, using=database)
        again.start()
        again.stop()
    assert count(database) == 10


def test_it_gives_its_connection_back(database: str, make_ended: RecordMaker) -> None:
    sink = DatabaseSink(database)
    sink.deliver([make_ended()])
    sink.close()
    assert connections[database].connection is None
