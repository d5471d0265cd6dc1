# SPDX-License-Identifier: Apache-2.0
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
import pytest
from django.db import connections

from cdrs.delivery import SinkUnavailable
from cdrs.models import CDR
from cdrs.tests.conftest import JournalWriter, RecordMaker, extra_database, wait_until
from cdrs.tests.writer_cases import SinkCases
from cdrs.writer import DatabaseSink, DatabaseWriter
from tests.postgres import PostgresServer, postgres_server  # noqa: F401 - a fixture

pytestmark = pytest.mark.postgres

OPTIONS = {"options": "-c search_path=switchboard,public", "connect_timeout": 2}


@pytest.fixture(scope="module")
def migrated(postgres_server: PostgresServer, django_db_blocker: Any) -> Iterator[str]:  # noqa: F811
    """A migrated database for all tests of this module; each empties the table."""
    url = postgres_server.create_database(f"cdrs_{uuid.uuid4().hex[:8]}")
    config = {**environ.Env.db_url_config(url), "OPTIONS": OPTIONS}
    with extra_database("cdr_postgres", config, django_db_blocker) as alias:
        yield alias


@pytest.fixture
def database(migrated: str) -> Iterator[str]:
    CDR.objects.using(migrated).all().delete()
    yield migrated
    connections[migrated].close()


class TestOnPostgres(SinkCases):
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


def test_it_stores_all_once_a_server_that_was_down_is_up(
    database_writer: DatabaseWriter,
    database: str,
    postgres_server: PostgresServer,  # noqa: F811
    make_ended: RecordMaker,
    write_journal: JournalWriter,
) -> None:
    connections[database].close()
    postgres_server.stop()
    try:
        write_journal([make_ended() for _ in range(10)], per_segment=4)
        database_writer.start()
        wait_until(lambda: database_writer.problem is not None)
        assert database_writer.delivered == 0
    finally:
        postgres_server.start()
    wait_until(lambda: database_writer.delivered == 10)
    assert count(database) == 10


def test_it_stores_all_once_over_a_server_that_is_killed_while_it_writes(
    database_writer: DatabaseWriter,
    database: str,
    postgres_server: PostgresServer,  # noqa: F811
    make_ended: RecordMaker,
    write_journal: JournalWriter,
) -> None:
    connections[database].close()
    write_journal([make_ended() for _ in range(2000)], per_segment=500)
    database_writer.start()
    wait_until(lambda: database_writer.delivered >= 40)
    postgres_server.kill()
    postgres_server.start()
    wait_until(lambda: database_writer.backlog == 0, timeout_s=30)
    assert count(database) == 2000


def test_it_uses_a_new_connection_at_once_when_the_server_dropped_the_old_one(
    database: str,
    postgres_server: PostgresServer,  # noqa: F811
    make_ended: RecordMaker,
) -> None:
    sink = DatabaseSink(database)
    sink.deliver([make_ended()])
    postgres_server.stop()
    postgres_server.start()
    assert sink.deliver([make_ended()]) == []
    assert count(database) == 2


def test_it_waits_for_a_frozen_server_without_losing_or_doubling(
    database_writer: DatabaseWriter,
    database: str,
    postgres_server: PostgresServer,  # noqa: F811
    make_ended: RecordMaker,
    write_journal: JournalWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cdrs.delivery._HANGING_S", 0.1)
    write_journal([make_ended()], per_segment=4)
    database_writer.start()
    wait_until(lambda: database_writer.delivered == 1)
    with postgres_server.frozen():
        write_journal([make_ended() for _ in range(10)], per_segment=4)
        database_writer.wake()
        wait_until(lambda: database_writer.problem is not None)
    wait_until(lambda: database_writer.delivered == 11)
    assert count(database) == 11


def test_it_waits_for_the_tables_to_be_made(database: str, make_ended: RecordMaker) -> None:
    with connections[database].cursor() as cursor:
        cursor.execute("ALTER TABLE cdrs RENAME TO elsewhere")
    try:
        with pytest.raises(SinkUnavailable, match="does not exist"):
            DatabaseSink(database).deliver([make_ended()])
    finally:
        with connections[database].cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO cdrs")
