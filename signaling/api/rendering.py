# SPDX-License-Identifier: Apache-2.0
"""Lists as JSON text, at a cost per row that is a fraction of making it anew.

The text of a row is made once and kept with it; what changes by itself, the seconds, is added each time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpResponse

from signaling.live.mirror import LiveRow
from signaling.live.tables import CALLS, DIALOGS, REGISTRATIONS, Table

Tells = Callable[[LiveRow], bool]
"""Whether the reader of a row is told its private fields."""

_encode = json.JSONEncoder(separators=(",", ":")).encode


def _nobody(row: LiveRow) -> bool:
    return False


def _elapsed(name: str) -> Callable[[LiveRow, float], str]:
    def derived(row: LiveRow, now: float) -> str:
        seconds = 0.0 if row.moment is None else max(now - row.moment, 0.0)
        return f',"{name}":{seconds:.3f}}}'

    return derived


def _left(row: LiveRow, now: float) -> str:
    return f',"expires":{max(int((row.moment or 0.0) - now), 0)}}}'


DERIVED: dict[str, Callable[[LiveRow, float], str]] = {
    CALLS.name: _elapsed("duration_seconds"),
    DIALOGS.name: _elapsed("duration_seconds"),
    REGISTRATIONS.name: _left,
}
"""Table → the end of a row's text, with what changes by itself."""


def row_text(table: Table, row: LiveRow, now: float, tells_all: Tells = _nobody) -> str:
    """Return a row as JSON; its private fields are null unless ``tells_all`` says so."""
    text = row.text
    if not text:
        left_out = table.hidden | table.private
        shown = {name: value for name, value in row.items() if name not in left_out}
        text = row.text = _encode(shown)[:-1]
    if table.private:
        is_told = tells_all(row)
        text += "".join(f',"{name}":{_encode(row[name] if is_told else None)}' for name in table.private)
    derived = DERIVED.get(table.name)
    return text + "}" if derived is None else text + derived(row, now)


def list_response(
    table: Table, rows: Iterable[LiveRow], tells_all: Tells = _nobody, **more: Any
) -> HttpResponse:
    """Return ``{"<table>": [rows], …more}``; see `row_text`."""
    now = time.time()
    body = ",".join([row_text(table, row, now, tells_all) for row in rows])
    rest = "".join(f',"{name}":{_encode(value)}' for name, value in more.items())
    return HttpResponse(f'{{"{table.name}":[{body}]{rest}}}', content_type="application/json")


def item_response(table: Table, row: LiveRow, tells_all: Tells = _nobody) -> HttpResponse:
    """Return one row; see `row_text`."""
    return HttpResponse(row_text(table, row, time.time(), tells_all), content_type="application/json")
