# SPDX-License-Identifier: Apache-2.0
"""Tables on standard output: as wide as they are for a program that reads them, fitted to the terminal of a person.

On a narrow terminal the columns that can be done without go first, and are named below the table; what is left folds.
Nothing is cut short: an id or a password that lacks its end is worth nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import IO, Final

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

UNBOUNDED: Final = 100_000
"""Columns of what is no terminal: more than any table has."""


def console_for(out: IO[str]) -> Console:
    """Return what prints to a stream, in the terminal's width when it is one."""
    width = None if out.isatty() else UNBOUNDED
    return Console(file=out, highlight=False, markup=False, width=width)


def fitted(
    console: Console,
    headings: Sequence[str],
    rows: Iterable[Sequence[str | Text]],
    *,
    spare: Sequence[str] = (),
    title: str = "",
) -> RenderableType:
    """Return a table that fits the console as far as leaving out columns makes it.

    Args:
        console: where it is printed.
        headings: one for each column.
        rows: a value for each column; shown as it is, never as markup.
        spare: headings of columns that can be done without, in the order in which they go.
        title: above the table; none when empty.
    """
    kept = list(rows)
    gone: list[str] = []
    table = _table(headings, kept, gone, title)
    for heading in spare:
        if _width(console, table) <= console.width:
            break
        if heading in headings:
            gone.append(heading)
            table = _table(headings, kept, gone, title)
    if not gone:
        return table
    hidden = ", ".join(heading for heading in headings if heading in gone)
    return Group(table, Text(f"no room for: {hidden} (--json has all)", style="dim"))


def _width(console: Console, table: Table) -> int:
    return Measurement.get(console, console.options.update(width=UNBOUNDED), table).maximum


def _table(
    headings: Sequence[str], rows: Sequence[Sequence[str | Text]], gone: Collection[str], title: str
) -> Table:
    table = Table(title=title or None, title_justify="left")
    places = [place for place, heading in enumerate(headings) if heading not in gone]
    for place in places:
        table.add_column(Text(headings[place]), overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell := row[place], Text) else Text(cell) for place in places))
    return table
