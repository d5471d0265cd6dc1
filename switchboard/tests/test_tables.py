# SPDX-License-Identifier: Apache-2.0
"""Tables for programs and for people."""

from __future__ import annotations

import io

from rich.console import Console

from switchboard.tables import console_for, fitted

HEADINGS = ("Id", "Name", "Scopes", "Token")
ROW = ("0c9b2a50-6d6b-4f5e-9d0e-2f3d6a1b7c88", "wallboard", "read, cdrs", "sbt_" + "x" * 46)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(width: int, *, spare: tuple[str, ...] = ()) -> str:
    out = Terminal()
    console = Console(file=out, width=width, markup=False, highlight=False, color_system=None)
    console.print(fitted(console, HEADINGS, [ROW], spare=spare))
    return out.getvalue()


def test_what_is_piped_has_each_row_on_one_line() -> None:
    out = io.StringIO()
    console = console_for(out)
    console.print(fitted(console, HEADINGS, [ROW] * 3, spare=HEADINGS[:3]))
    lines = [line for line in out.getvalue().splitlines() if "wallboard" in line]
    assert len(lines) == 3
    assert all(value in line for line in lines for value in ROW)
    assert not any(line.endswith(" ") for line in out.getvalue().splitlines())


def test_a_terminal_keeps_its_width() -> None:
    assert console_for(Terminal()).width < 1000


def test_a_narrow_terminal_does_without_what_is_spare_and_says_so() -> None:
    text = printed(72, spare=("Id", "Scopes", "Name"))
    assert max(map(len, text.splitlines())) <= 72
    assert ROW[3] in text
    assert "wallboard" in text
    assert ROW[0] not in text
    assert "no room for: Id, Scopes (--json has all)" in text


def test_a_wide_terminal_shows_all() -> None:
    text = printed(160, spare=("Id", "Scopes", "Name"))
    assert all(value in text for value in ROW)
    assert "no room" not in text


def test_what_does_not_fit_is_folded_and_not_cut() -> None:
    text = printed(60)
    assert max(map(len, text.splitlines())) <= 60
    columns = [line.split("│")[1:-1] for line in text.splitlines() if "│" in line]
    assert ["".join(part.strip() for part in column) for column in zip(*columns, strict=True)] == [
        ROW[0], ROW[1], "read, cdrs", ROW[3]
    ]  # fmt: skip


def test_what_looks_like_markup_is_shown_as_it_is() -> None:
    out = io.StringIO()
    console = console_for(out)
    console.print(fitted(console, ("[b]",), [("[red]x[/]",)]))
    assert "[b]" in out.getvalue()
    assert "[red]x[/]" in out.getvalue()
