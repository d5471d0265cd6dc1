# SPDX-License-Identifier: Apache-2.0
"""Turns call records into rows of the table `cdrs`.

Rows are written by plain SQL, because a batch runs in the process that serves SIP: building model objects costs
several times the CPU. Knows the columns and what each database accepts; opens nothing. Invariant: a row that `build`
returns is one that both databases store, or `build` raised `BadRecord`.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
import uuid
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from cdrs.models import CDR
from cdrs.record import CallRecord
from cdrs.recorded import PARTS

COLUMNS: Final = (
    "id",
    "call_id",
    "account_id",
    "caller_user_id",
    "caller_number",
    "caller_name",
    "caller_ip",
    "callee_user_id",
    "callee_number",
    "callee_name",
    "invite_time",
    "ring_time",
    "answer_time",
    "end_time",
    "duration_seconds",
    "ring_duration_seconds",
    "disposition",
    "hangup_cause",
    "hangup_by",
    "sip_status",
    "rtp_packets_sent",
    "rtp_packets_recv",
    "rtp_packets_lost",
    "rtp_jitter_ms",
    "mos_score",
    "codec",
    "route_id",
    "signaling_server",
    "rtp_manager",
    "metadata",
)
CALL_ID: Final = COLUMNS.index("call_id")

_SUFFIX_ROOM: Final = 40
"""Characters kept free at the end of a Call-ID for the suffix of a reused one."""

_WIDTHS: Final[dict[str, int]] = {
    field.attname: field.max_length
    for field in CDR._meta.concrete_fields
    if isinstance(field, models.CharField) and field.max_length
}
_CALL_ID_WIDTH: Final = _WIDTHS["call_id"] - _SUFFIX_ROOM
_UUID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_MAX_BIGINT: Final = 2**63 - 1


class BadRecord(ValueError):
    """A record that no database can store; the message says which field and why."""


class RowBuilder:
    """Builds rows for one database."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._native_uuid = connection.features.has_native_uuid_field
        self._adapt_datetime = connection.ops.adapt_datetimefield_value

    def build(self, record: CallRecord) -> tuple[Any, ...]:
        """Return the values of COLUMNS.

        Texts lose what databases refuse (NUL, unpaired surrogates) and what exceeds the column; an address that is
        none becomes NULL.

        Raises:
            BadRecord: an identifier, a time, a number or the metadata cannot be stored, or the call has not ended.
        """
        if record.end_time is None or None in (record.disposition, record.hangup_cause, record.hangup_by):
            raise BadRecord("the call has not ended")
        return (
            self._uuid("id", record.id),
            text(record.call_id, _CALL_ID_WIDTH),
            self._uuid("account_id", record.account_id),
            self._uuid("caller_user_id", record.caller_user_id),
            text(record.caller_number, _WIDTHS["caller_number"]),
            text(record.caller_name, _WIDTHS["caller_name"]),
            address(record.caller_ip),
            self._uuid("callee_user_id", record.callee_user_id),
            text(record.callee_number, _WIDTHS["callee_number"]),
            text(record.callee_name, _WIDTHS["callee_name"]),
            self._time("invite_time", record.invite_time),
            self._time("ring_time", record.ring_time),
            self._time("answer_time", record.answer_time),
            self._time("end_time", record.end_time),
            record.duration_s,
            record.ring_duration_s,
            str(record.disposition),
            str(record.hangup_cause),
            str(record.hangup_by),
            *_figures(record),
            text(record.codec, _WIDTHS["codec"]),
            text(record.route_id, _WIDTHS["route_id"]),
            text(record.signaling_server, _WIDTHS["signaling_server"]),
            text(record.rtp_manager, _WIDTHS["rtp_manager"]),
            document(_extras(record.metadata)),
        )

    def _uuid(self, name: str, value: str | None) -> str | None:
        if value is None:
            return None
        if not _UUID.fullmatch(value):
            try:
                value = str(uuid.UUID(value))
            except ValueError as error:
                raise BadRecord(f"{name} is not a UUID: {value!r}") from error
        return value if self._native_uuid else value.replace("-", "")

    def _time(self, name: str, value: float | None) -> Any:
        if value is None:
            return None
        try:
            return self._adapt_datetime(datetime.fromtimestamp(value, UTC))
        except (ValueError, OverflowError, OSError) as error:
            raise BadRecord(f"{name} is not a time: {value!r}") from error


def _extras(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata without what has a table of its own."""
    return {k: v for k, v in metadata.items() if k != PARTS} if PARTS in metadata else metadata


def _figures(record: CallRecord) -> tuple[Any, ...]:
    """Return the values from ``sip_status`` to ``mos_score``."""
    return (
        number("sip_status", record.sip_status, 999),
        number("rtp_packets_sent", record.rtp_packets_sent, _MAX_BIGINT),
        number("rtp_packets_recv", record.rtp_packets_recv, _MAX_BIGINT),
        number("rtp_packets_lost", record.rtp_packets_lost, _MAX_BIGINT),
        measure("rtp_jitter_ms", record.rtp_jitter_ms),
        measure("mos_score", record.mos_score),
    )


def text(value: str, width: int) -> str:
    """Return ``value`` as a database stores it, cut to ``width`` characters."""
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode("utf-8")
    if "\0" in value:
        value = value.replace("\0", "")
    return value[:width]


@lru_cache(maxsize=1024)
def address(value: str | None) -> str | None:
    """Return an IP address without its zone, or None when it is none."""
    try:
        return str(ipaddress.ip_address((value or "").partition("%")[0]))
    except ValueError:
        return None


def number(name: str, value: int | None, most: int) -> int | None:
    """Return ``value`` when it is from 0 to ``most``.

    Raises:
        BadRecord: it is not.
    """
    if value is not None and not 0 <= value <= most:
        raise BadRecord(f"{name} is out of range: {value}")
    return value


def measure(name: str, value: float | None) -> float | None:
    """Return ``value`` when it is finite.

    Raises:
        BadRecord: it is not.
    """
    if value is not None and not math.isfinite(value):
        raise BadRecord(f"{name} is not finite")
    return value


def document(value: dict[str, Any]) -> str:
    """Return ``value`` as JSON that PostgreSQL's jsonb accepts too.

    Raises:
        BadRecord: it holds a number that is not finite.
    """
    if not value:
        return "{}"
    try:
        encoded = json.dumps(value, allow_nan=False)
        # Only an escape can hide what jsonb refuses; most metadata have none and pass untouched.
        return json.dumps(_cleaned(value), allow_nan=False) if "\\u" in encoded else encoded
    except (ValueError, TypeError) as error:
        raise BadRecord(f"metadata: {error}") from error


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return text(value, len(value))
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value
