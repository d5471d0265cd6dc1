# SPDX-License-Identifier: Apache-2.0
"""Connections of psycopg whose every wait has an end.

A server that was killed closes its connections; one that is frozen, or behind a network that drops packets, leaves them
open and says nothing, for ever. Invariant: a connection that waited in vain is closed, never used again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg import OperationalError

CHECK_S: Final = 2.0
"""How long a connection of the pool may take to show that it lives."""

_Row_co = TypeVar("_Row_co", covariant=True)


class BoundedConnection(psycopg.Connection[_Row_co]):
    """A connection that gives up on a server which does not answer; see `bounded`."""

    answer_timeout_s: float | None = None
    """Longest silence while an answer is due, in seconds; None: for ever."""

    def wait(self, gen: Any, *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
        """Wait as psycopg does, but not for ever.

        Raises:
            OperationalError: the time is over; the connection is closed.
        """
        limit = self.answer_timeout_s if timeout is None else timeout
        begun = time.monotonic()
        try:
            return super().wait(gen, *args, timeout=limit, **kwargs)  # type: ignore[misc]
        except OperationalError as error:
            if limit is None or self.closed or time.monotonic() - begun < limit:
                raise
            self.pgconn.finish()
            raise OperationalError(f"the database has not answered for {limit:g} s") from error

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Execute a query; the empty one, by which the pool looks whether the server lives, waits a short time only."""
        if query != "" or self.answer_timeout_s is None:
            return super().execute(query, *args, **kwargs)
        usual, self.answer_timeout_s = self.answer_timeout_s, min(CHECK_S, self.answer_timeout_s)
        try:
            return super().execute(query, *args, **kwargs)
        finally:
            self.answer_timeout_s = usual

    @contextmanager
    def unhurried(self, answer_timeout_s: float) -> Iterator[None]:
        """Make a transaction in which one statement may last as long as its reader likes, as a download does.

        Args:
            answer_timeout_s: longest silence of the server within it, in seconds; a connection without a limit keeps none.
        """
        usual = self.answer_timeout_s
        with self.transaction():
            super().execute("SET LOCAL statement_timeout = 0")
            if usual is not None:
                self.answer_timeout_s = max(usual, answer_timeout_s)
            try:
                yield
            finally:
                self.answer_timeout_s = usual


def bounded(answer_timeout_s: float | None) -> type[BoundedConnection[Any]]:
    """Return a class of connections that wait so long for an answer."""
    return type("BoundedConnection", (BoundedConnection,), {"answer_timeout_s": answer_timeout_s})
