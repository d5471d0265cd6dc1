# SPDX-License-Identifier: Apache-2.0
"""Tables of figures: printed always, and written between two marks of bench/README.md when asked."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.processes import machine

QUIET_LOAD = 0.5
README = Path(__file__).parent / "README.md"


@dataclass(slots=True)
class Report:
    """One benchmark's figures: a name that marks its place in the README, and tables of text."""

    name: str
    command: str
    tables: list[tuple[str, list[str], list[list[str]]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    """Processes that wanted a core in the minute before: above a few tenths, the figures are somebody else's too."""

    def table(self, title: str, headings: list[str], rows: list[list[str]]) -> None:
        """Add a table."""
        self.tables.append((title, headings, rows))

    def print(self) -> None:
        """Show the tables on the terminal."""
        console = Console()
        for title, headings, rows in self.tables:
            shown = Table(title=title)
            for number, heading in enumerate(headings):
                shown.add_column(heading, justify="right" if number else "left")
            for row in rows:
                shown.add_row(*row)
            console.print(shown)
        for note in [*self.notes, self._load_note(), machine()]:
            console.print(note, highlight=False)

    def save(self, page: Path = README) -> None:
        """Replace this benchmark's part of a page."""
        start, end = f"<!-- {self.name} -->", f"<!-- end of {self.name} -->"
        text = page.read_text()
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        page.write_text(f"{before}{start}\n{self.markdown()}\n{end}{after}")

    def markdown(self) -> str:
        """Return the tables in Markdown, with the command, the date and the machine."""
        parts = [f"`{self.command}`, {dt.datetime.now(dt.UTC):%Y-%m-%d}, {machine()}."]
        for title, headings, rows in self.tables:
            lines = [f"**{title}**", "", "| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
            parts.append("\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]))
        parts.extend([*self.notes, self._load_note()])
        return "\n\n".join(parts)

    def _load_note(self) -> str:
        disturbed = self.load_before > QUIET_LOAD
        warning = "; the machine was busy, so repeat this when it is quiet" if disturbed else ""
        return f"Load average before the run: {self.load_before:.2f}{warning}."
