# SPDX-License-Identifier: Apache-2.0
"""The call detail record as the call engine fills it and the journal keeps it.

Pure: no Django, no clock, no randomness, no files. Invariant: ``CallRecord.from_json(record.to_json()) == record``
for every record whose metadata is JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

from cdrs.quality import estimate_mos

__all__ = [
    "CallRecord",
    "Disposition",
    "EndReason",
    "HangupBy",
    "RecordError",
    "disposition_for",
    "estimate_mos",
    "new_record_id",
]

RECORD_VERSION: Final = 1
"""Version of the JSON form. Readers ignore keys that they do not know and refuse versions above their own."""

TIME_DIGITS: Final = 6
"""A difference of times has the microseconds that the database keeps of them, and no noise behind those."""


class Disposition(StrEnum):
    """What became of a call."""

    ANSWERED = "ANSWERED"
    NO_ANSWER = "NO_ANSWER"
    BUSY = "BUSY"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


class EndReason(StrEnum):
    """Why a call ended."""

    NORMAL = "normal"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELED = "canceled"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    ERROR = "error"
    TIMEOUT = "timeout"
    TRANSFER = "transfer"
    MEDIA_ERROR = "media_error"


class HangupBy(StrEnum):
    """Which side ended a call."""

    CALLER = "caller"
    CALLEE = "callee"
    SYSTEM = "system"


_UNANSWERED: Final = {
    EndReason.BUSY: Disposition.BUSY,
    EndReason.NO_ANSWER: Disposition.NO_ANSWER,
    EndReason.TIMEOUT: Disposition.NO_ANSWER,
    EndReason.CANCELED: Disposition.CANCELED,
}


class RecordError(ValueError):
    """A text is not a call record that this version can read."""


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One call. Times are seconds since the epoch (UTC); None means that it did not happen.

    ``id`` is given when the call starts (`new_record_id`) and makes every later delivery of the record recognisable.
    """

    id: str
    call_id: str
    invite_time: float
    account_id: str | None = None
    caller_user_id: str | None = None
    caller_number: str = ""
    caller_name: str = ""
    caller_ip: str | None = None
    callee_user_id: str | None = None
    callee_number: str = ""
    callee_name: str = ""
    ring_time: float | None = None
    answer_time: float | None = None
    end_time: float | None = None
    disposition: Disposition | None = None
    hangup_cause: EndReason | None = None
    hangup_by: HangupBy | None = None
    sip_status: int | None = None
    rtp_packets_sent: int = 0
    rtp_packets_recv: int = 0
    rtp_packets_lost: int = 0
    rtp_jitter_ms: float | None = None
    mos_score: float | None = None
    codec: str = ""
    route_id: str = ""
    signaling_server: str = ""
    rtp_manager: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        """Seconds from answer to end; 0.0 when it was not answered or has not ended."""
        if self.answer_time is None or self.end_time is None:
            return 0.0
        return round(max(self.end_time - self.answer_time, 0.0), TIME_DIGITS)

    @property
    def ring_duration_s(self) -> float:
        """Seconds from the first ringing to the answer, or to the end without one; 0.0 when it never rang."""
        stop = self.end_time if self.answer_time is None else self.answer_time
        if self.ring_time is None or stop is None:
            return 0.0
        return round(max(stop - self.ring_time, 0.0), TIME_DIGITS)

    def finish(self, now: float, cause: EndReason, by: HangupBy, sip_status: int | None = None) -> None:
        """Fill in how the call ended at ``now``, the disposition included (see `disposition_for`)."""
        self.end_time = now
        self.hangup_cause = cause
        self.hangup_by = by
        self.disposition = disposition_for(cause, answered=self.answer_time is not None)
        if sip_status is not None:
            self.sip_status = sip_status

    def to_json(self) -> str:
        """Return the record as one line of JSON, ASCII only, without what is empty.

        Metadata that JSON cannot hold is replaced by a note that says so: a record is worth more than its extras.
        """
        content = {k: v for k, v in zip(_NAMES, _values(self), strict=True) if v or v == 0}
        content["v"] = RECORD_VERSION
        try:
            return _encode(content)
        except (TypeError, ValueError, RecursionError):
            content["metadata"] = {"metadata_lost": "not representable as JSON"}
            return _encode(content)

    @classmethod
    def from_json(cls, text: str | bytes) -> CallRecord:
        """Return the record that `to_json` wrote.

        Raises:
            RecordError: not JSON, not an object, a newer version, a field missing or of a wrong kind.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RecordError("not JSON") from error
        if not isinstance(content, dict):
            raise RecordError("not a JSON object")
        version = content.get("v")
        if not isinstance(version, int) or not 1 <= version <= RECORD_VERSION:
            raise RecordError(f"version {version!r} is not readable here")
        return _from_dict(content)


def new_record_id(now: float, random_bytes: bytes) -> str:
    """Return a UUID version 7 (RFC 9562): it sorts by time, which keeps the database's index compact.

    Args:
        now: seconds since the epoch.
        random_bytes: at least 10 random bytes.
    """
    random_hex = random_bytes[:10].hex()
    time_hex = f"{int(now * 1000) & 0xFFFFFFFFFFFF:012x}"
    variant = "89ab"[random_bytes[0] & 3]
    return f"{time_hex[:8]}-{time_hex[8:]}-7{random_hex[2:5]}-{variant}{random_hex[5:8]}-{random_hex[8:20]}"


def disposition_for(cause: EndReason, *, answered: bool) -> Disposition:
    """Return the disposition that goes with an end reason; a call that was once answered stays ANSWERED."""
    if answered:
        return Disposition.ANSWERED
    return _UNANSWERED.get(cause, Disposition.FAILED)


_NAMES: Final = tuple(f.name for f in fields(CallRecord))
_values: Final = attrgetter(*_NAMES)
_encode: Final = json.JSONEncoder(separators=(",", ":"), skipkeys=True).encode
_ENUMS: Final = {"disposition": Disposition, "hangup_cause": EndReason, "hangup_by": HangupBy}


def _json_types(annotation: str) -> tuple[type, ...]:
    """Return the types that a field's value has in JSON; bool is none of them, although it is an int in Python."""
    if annotation.startswith("float"):
        return (float, int)
    if annotation.startswith("int"):
        return (int,)
    return (dict,) if annotation.startswith("dict") else (str,)


_TYPES: Final = {f.name: _json_types(str(f.type)) for f in fields(CallRecord)}


def _from_dict(content: dict[str, Any]) -> CallRecord:
    values: dict[str, Any] = {}
    for name, value in content.items():
        types = _TYPES.get(name)
        if types is None:
            continue
        if type(value) not in types:
            raise RecordError(f"{name} has the value {value!r}")
        values[name] = value
    try:
        for name, enum in _ENUMS.items():
            if name in values:
                values[name] = enum(values[name])
        return CallRecord(**values)
    except ValueError as error:
        raise RecordError(f"{name} has an unknown value") from error
    except TypeError as error:
        raise RecordError("a field is missing") from error
