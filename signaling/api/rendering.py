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

_encode = json.JSONEncoder(separators=(",", ":")).encode


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


def row_text(table: Table, row: LiveRow, now: float) -> str:
    """Return a row as JSON."""
    text = row.text
    if not text:
        shown = {name: value for name, value in row.items() if name not in table.hidden}
        text = row.text = _encode(shown)[:-1]
    derived = DERIVED.get(table.name)
    return text + "}" if derived is None else text + derived(row, now)


def list_response(table: Table, rows: Iterable[LiveRow], **more: Any) -> HttpResponse:
    """Return ``{"<table>": [rows], …more}``."""
    now = time.time()
    body = ",".join([row_text(table, row, now) for row in rows])
    rest = "".join(f',"{name}":{_encode(value)}' for name, value in more.items())
    return HttpResponse(f'{{"{table.name}":[{body}]{rest}}}', content_type="application/json")


def item_response(table: Table, row: LiveRow) -> HttpResponse:
    """Return one row."""
    return HttpResponse(row_text(table, row, time.time()), content_type="application/json")
