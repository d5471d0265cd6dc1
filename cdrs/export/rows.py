# SPDX-License-Identifier: Apache-2.0
"""The rows of a search as pieces of a CSV file, without ever holding more than a piece.

PostgreSQL writes the file itself (COPY); any other database's rows are written here. Used by one thread, on a database
connection of its own that the last piece, or `close`, gives back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import QuerySet

from cdrs.export.columns import COLUMNS
from cdrs.models import CDR

PIECE_BYTES: Final = 128 * 1024
BOM: Final = b"\xef\xbb\xbf"
"""Tells spreadsheets that the file is UTF-8."""
_CHUNK_ROWS: Final = 500
SEARCH_S: Final = 300.0
"""How long PostgreSQL may look for the next row of a search that few calls meet."""


class Piece(NamedTuple):
    """Some whole lines of the file."""

    data: bytes
    rows: int


def pieces(calls: QuerySet[CDR]) -> Iterator[Piece]:
    """Give the file in pieces, the line of headings first."""
    if connections[calls.db].vendor == "postgresql":
        yield from _copied(calls)
    else:
        yield from _written(calls)


def _copied(calls: QuerySet[CDR]) -> Iterator[Piece]:
    """Let PostgreSQL write the lines."""
    connection = connections[calls.db]
    yield Piece(BOM + ",".join(COLUMNS).encode() + b"\n", 0)
    try:
        inner, params = calls.values_list(*COLUMNS).query.get_compiler(calls.db).as_sql()
    except EmptyResultSet:
        return
    expressions = ", ".join(kind.sql.format(f'c."{name}"') for name, kind in COLUMNS.items())
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    statement = f"COPY (SELECT {expressions} FROM ({inner}) AS c ({names})) TO STDOUT (FORMAT csv)"  # noqa: S608 - constants and Django's own SQL
    connection.ensure_connection()
    data, rows = bytearray(), 0
    driver = connection.connection
    with driver.unhurried(SEARCH_S), driver.cursor() as cursor, cursor.copy(statement, params) as copy:
        # The server sends one message for each row.
        for line in copy:
            data += line
            rows += 1
            if len(data) >= PIECE_BYTES:
                yield Piece(bytes(data), rows)
                data, rows = bytearray(), 0
    if rows:
        yield Piece(bytes(data), rows)


def _written(calls: QuerySet[CDR]) -> Iterator[Piece]:
    """Write the lines here."""
    kinds = list(COLUMNS.values())
    buffer = io.StringIO()
    # With this end of line the writer quotes every cell that has a line feed or a carriage return in it.
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    yield Piece(BOM, 0)
    rows = 0
    for values in calls.values_list(*COLUMNS).iterator(chunk_size=_CHUNK_ROWS):
        cells = [None if v is None else k.python(v) for k, v in zip(kinds, values, strict=True)]
        writer.writerow(cells)
        rows += 1
        if rows == _CHUNK_ROWS:
            yield Piece(buffer.getvalue().encode(), rows)
            buffer.seek(0)
            buffer.truncate()
            rows = 0
    yield Piece(buffer.getvalue().encode(), rows)
