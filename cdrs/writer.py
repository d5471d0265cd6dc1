# SPDX-License-Identifier: Apache-2.0
"""Stores journalled records in the database: the sink of a node that has no message stream to hand them to.

Runs in the deliverer's thread with a Django connection of its own. Invariant: a record's id is stored at most once,
and the first one stays; a record is never given up because of the database's state, only because of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from cdrs import rollup
from cdrs.delivery import Deliverer, Rejected, SinkUnavailable
from cdrs.models import CDR
from cdrs.record import CallRecord
from cdrs.recorded import PARTS
from cdrs.recordings import rows as recordings
from cdrs.rows import CALL_ID, COLUMNS, BadRecord, RowBuilder

logger = logging.getLogger(__name__)

_INSERT: Final = (
    f"INSERT INTO {CDR._meta.db_table} ({', '.join(COLUMNS)}) "  # noqa: S608 - constants of this package only
    f"VALUES ({', '.join(['%s'] * len(COLUMNS))}) ON CONFLICT DO NOTHING"
)

_NUMBERED_SUFFIXES: Final = 20
"""A Call-ID used more often gets the record's id as its suffix, so that a hostile phone cannot make inserts slow."""

_BUSY_TIMEOUT_MS: Final = 1000
"""How long SQLite waits for a lock here; short, because the deliverer tries again anyway and must be stoppable."""

_RECORDS_FAULT: Final = (DataError, IntegrityError, ValueError, TypeError, OverflowError)

_Row = tuple[Any, ...]


class DatabaseWriter(Deliverer):
    """The thread that writes a node's CDRs into the database. See `Deliverer` for how to run and watch it."""

    def __init__(self, journal_dir: Path, *, using: str = "default", **options: Any) -> None:
        """
        Args:
            journal_dir: directory of the node's journal.
            using: alias of the database.
            options: as for `Deliverer`.
        """
        super().__init__(journal_dir, DatabaseSink(using), **options)


class DatabaseSink:
    """Inserts records in batches; a stored id is left alone, a reused Call-ID gets the suffix -2, -3, …"""

    name = "the database"

    def __init__(self, using: str = "default") -> None:
        self._using = using
        self._file_identity: tuple[int, int] | None = None

    def deliver(self, records: Sequence[CallRecord]) -> list[Rejected]:
        """Store the records in one transaction; see `Sink.deliver`."""
        connection = connections[self._using]
        had_connection = connection.connection is not None
        try:
            try:
                return self._store(connection, records)
            except (OperationalError, InterfaceError):
                # A connection that was kept may have died with a restarted server: that is no outage yet.
                if not had_connection or connection.vendor == "sqlite":
                    raise
                self.close()
                return self._store(connection, records)
        except (DatabaseError, InterfaceError, OSError) as error:
            self.close()
            raise SinkUnavailable(_sentence(error)) from error

    def close(self) -> None:
        """Close this thread's connection."""
        connections[self._using].close()

    def _store(self, connection: BaseDatabaseWrapper, records: Sequence[CallRecord]) -> list[Rejected]:
        self._connect(connection)
        builder = RowBuilder(connection)
        rows: list[tuple[CallRecord, _Row]] = []
        rejected: list[Rejected] = []
        for record in records:
            try:
                rows.append((record, builder.build(record)))
            except BadRecord as error:
                rejected.append(Rejected(record, str(error)))
        try:
            self._insert(connection, rows)
        except _RECORDS_FAULT:
            rejected += self._insert_one_by_one(connection, rows)
        return rejected

    def _insert_one_by_one(
        self, connection: BaseDatabaseWrapper, rows: Iterable[tuple[CallRecord, _Row]]
    ) -> list[Rejected]:
        """Find the row that the database refuses by giving each a transaction of its own."""
        rejected = []
        for record, row in rows:
            try:
                self._insert(connection, [(record, row)])
            except _RECORDS_FAULT as error:
                rejected.append(Rejected(record, _sentence(error)))
        return rejected

    def _insert(self, connection: BaseDatabaseWrapper, batch: Sequence[tuple[CallRecord, _Row]]) -> None:
        """Store what is new, and forget the kept figures of the past days that it belongs to."""
        if not batch:
            return
        rows = [row for _, row in batch]
        with transaction.atomic(using=self._using), connection.cursor() as cursor:
            cursor.executemany(_INSERT, rows)
            if cursor.rowcount != len(rows):
                for row in self._missing(rows):
                    _insert_renamed(cursor, row)
            recordings.store((record for record, _ in batch if PARTS in record.metadata), using=self._using)
            if past := rollup.past_days(record.invite_time for record, _ in batch):
                rollup.forget(past, using=self._using)

    def _missing(self, rows: list[_Row]) -> list[_Row]:
        """Return the rows that were skipped although their id is not stored: those of reused Call-IDs."""
        ids = [row[0] for row in rows]
        stored = {
            str(pk) for pk in CDR.objects.using(self._using).filter(pk__in=ids).values_list("pk", flat=True)
        }
        hex_ids = {pk.replace("-", "") for pk in stored}
        return [row for row in rows if row[0] not in stored and row[0] not in hex_ids]

    def _connect(self, connection: BaseDatabaseWrapper) -> None:
        """Open the connection when there is none; on SQLite also when its file was replaced.

        SQLite would go on writing into a file that was removed, and would make an empty one in place of a missing one.

        Raises:
            OperationalError: the SQLite file is missing, or the database does not answer.
        """
        if connection.vendor == "sqlite":
            identity = _file_identity(connection)
            if identity != self._file_identity:
                connection.close()
            self._file_identity = identity
        if connection.connection is None:
            connection.ensure_connection()
            if connection.vendor == "sqlite":
                with connection.cursor() as cursor:
                    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")


def _insert_renamed(cursor: Any, row: _Row) -> None:
    suffixes = [*range(2, _NUMBERED_SUFFIXES + 2), row[0]]
    for suffix in suffixes:
        renamed = (*row[:CALL_ID], f"{row[CALL_ID]}-{suffix}", *row[CALL_ID + 1 :])
        cursor.execute(_INSERT, renamed)
        if cursor.rowcount == 1:
            return


def _file_identity(connection: BaseDatabaseWrapper) -> tuple[int, int] | None:
    """Return device and inode of an SQLite file, None for a database in memory."""
    name = str(connection.settings_dict["NAME"])
    if ":memory:" in name or "mode=memory" in name:
        return None
    try:
        status = Path(name).stat()
    except FileNotFoundError as error:
        raise OperationalError(f"the file {name} is missing") from error
    return status.st_dev, status.st_ino


def _sentence(error: BaseException) -> str:
    """Return the first line of an error's text, or its class when it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
