# SPDX-License-Identifier: Apache-2.0
"""``number__begins="49"``: text that begins so, in the one form of it that each database answers from an index."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup
from django.db.models.sql.compiler import SQLCompiler

_AFTER_ALL = "\U0010ffff"


@CharField.register_lookup
class Begins(Lookup):
    """LIKE on PostgreSQL, where the index has pattern operators; a range on SQLite, whose LIKE ignores case."""

    lookup_name = "begins"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        column, params = self.process_lhs(compiler, connection)
        pattern = connection.ops.prep_for_like_query(self.rhs) + "%"
        return f"{column} LIKE %s", (*params, pattern)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        """Return the range from the text to the last text that begins with it."""
        column, params = self.process_lhs(compiler, connection)
        return f"({column} >= %s AND {column} < %s)", (*params, self.rhs, *params, self.rhs + _AFTER_ALL)
