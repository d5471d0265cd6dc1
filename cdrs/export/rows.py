# SPDX-License-Identifier: Apache-2.0
"""The rows of a search as pieces of a CSV file, without ever holding more than a piece.

PostgreSQL writes the file itself (COPY); any other database's rows are written here. Used by one thread, on a database
connection of its own that the last piece, or `close`, gives back.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

from django.db import connections
from django.db.models import QuerySet

from cdrs.export.columns import COLUMNS
from cdrs.models import CDR

PIECE_BYTES: Final = 128 * 1024
BOM: Final = b"\xef\xbb\xbf"
"""Tells spreadsheets that the file is UTF-8."""
_CHUNK_ROWS: Final = 500


class Piece(NamedTuple):
    """Some whole lines of the file."""

    data: bytes
    rows: int


def pieces(calls: QuerySet[CDR]) -> Iterator[Piece]:
    """Give the file in pieces, the line of headings first."""
    headings = ",".join(COLUMNS)
    yield Piece(BOM + f"{headings}\n".encode(), 0)
    if connections[calls.db].vendor == "postgresql":
        yield from _copied(calls)
    else:
        yield from _written(calls)


def _copied(calls: QuerySet[CDR]) -> Iterator[Piece]:
    """Let PostgreSQL write the lines."""
    connection = connections[calls.db]
    compiler = calls.values_list(*COLUMNS).query.get_compiler(calls.db)
    inner, params = compiler.as_sql()
    expressions = ", ".join(kind.sql.format(f'c."{name}"') for name, kind in COLUMNS.items())
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    statement = f"COPY (SELECT {expressions} FROM ({inner}) AS c ({names})) TO STDOUT (FORMAT csv)"  # noqa: S608 - constants and Django's own SQL
    connection.ensure_connection()
    data, rows = bytearray(), 0
    with connection.connection.cursor() as cursor, cursor.copy(statement, params) as copy:
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
    writer = csv.writer(buffer, lineterminator="\n")
    rows = 0
    with closing(_read(calls)) as read:
        for values in read:
            cells = [None if v is None else k.python(v) for k, v in zip(kinds, values, strict=True)]
            writer.writerow(cells)
            rows += 1
            if rows == _CHUNK_ROWS:
                yield Piece(buffer.getvalue().encode(), rows)
                buffer.seek(0)
                buffer.truncate()
                rows = 0
    if rows:
        yield Piece(buffer.getvalue().encode(), rows)


def _read(calls: QuerySet[CDR]) -> Iterator[tuple[Any, ...]]:
    yield from calls.values_list(*COLUMNS).iterator(chunk_size=_CHUNK_ROWS)
