# SPDX-License-Identifier: Apache-2.0
"""The columns of the CSV file, each with its form in SQL and in Python: both give the same text.

Invariant: no cell begins with a character that a spreadsheet takes for the start of a formula. Names and numbers come
from phones, so from anyone; a text that begins so gets an apostrophe in front, which spreadsheets read as "text".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

FORMULA_STARTS: Final = "=+-@\t\r\n＝＋－＠"
APOSTROPHE: Final = "'"


@dataclass(frozen=True, slots=True)
class Kind:
    """How the values of a column are written."""

    sql: str
    """An expression on ``{0}``, the column."""
    python: Callable[[Any], Any]
    """The same for a value that is not None."""


def safe(text: str) -> str:
    """Return a text as a cell that no spreadsheet computes."""
    return APOSTROPHE + text if text[:1] and text[0] in FORMULA_STARTS else text


def _iso(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def _decimals(places: int) -> Kind:
    return Kind(f"round({{0}}::numeric, {places})", lambda value: f"{value:.{places}f}")


_STARTS_IN_SQL: Final = ", ".join(f"chr({ord(start)})" for start in FORMULA_STARTS)
TEXT: Final = Kind(
    f"CASE WHEN left({{0}}, 1) IN ({_STARTS_IN_SQL}) THEN chr(39) || {{0}} ELSE {{0}} END", safe
)
PLAIN: Final = Kind("{0}", str)
ADDRESS: Final = Kind("host({0})", str)
TIME: Final = Kind("""to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')""", _iso)
JSON: Final = Kind(
    "nullif({0}::text, chr(123) || chr(125))", lambda value: json.dumps(value) if value else None
)

COLUMNS: Final[dict[str, Kind]] = {
    "id": PLAIN,
    "call_id": TEXT,
    "account_id": PLAIN,
    "caller_user_id": PLAIN,
    "caller_number": TEXT,
    "caller_name": TEXT,
    "caller_ip": ADDRESS,
    "callee_user_id": PLAIN,
    "callee_number": TEXT,
    "callee_name": TEXT,
    "invite_time": TIME,
    "ring_time": TIME,
    "answer_time": TIME,
    "end_time": TIME,
    "duration_seconds": _decimals(3),
    "ring_duration_seconds": _decimals(3),
    "disposition": PLAIN,
    "hangup_cause": TEXT,
    "hangup_by": PLAIN,
    "sip_status": PLAIN,
    "rtp_packets_sent": PLAIN,
    "rtp_packets_recv": PLAIN,
    "rtp_packets_lost": PLAIN,
    "rtp_jitter_ms": _decimals(3),
    "mos_score": _decimals(2),
    "codec": TEXT,
    "route_id": TEXT,
    "signaling_server": TEXT,
    "rtp_manager": TEXT,
    "metadata": JSON,
}
"""Column of the table, and of the file, → how it is written."""
