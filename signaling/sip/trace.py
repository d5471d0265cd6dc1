# SPDX-License-Identifier: Apache-2.0
"""The trace: one record per message and per change of state, written by the core and read by everything else.

It knows no file and no clock. Invariant: no record holds a digest response, which could be cracked off line, and
none a key of SRTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from signaling.sip.flow import Flow


class Direction(StrEnum):
    """What a record tells."""

    IN = "in"
    OUT = "out"
    STATE = "state"
    """No message: a transaction changed its state, or something was dropped; `note` says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRecord:
    """One line of the trace."""

    time: float
    """Seconds on the clock of the caller of the core."""
    direction: Direction
    flow: Flow | None
    """The path of the message, None for a record about no path."""
    first_line: str = ""
    """Start line of the message; empty for STATE."""
    data: bytes = b""
    """The message with its secrets masked, of the same length; empty for STATE."""
    note: str = ""
    """Transition as "transaction: state -> state (input)", or why a message was dropped."""


TraceSink = Callable[[TraceRecord], None]

# A digest response is hexadecimal; the mark is short and starts with a letter that repeats nowhere in it, so that
# the search is linear.
_SECRET = re.compile(rb'(\b(?:response|rspauth)[ \t]{0,8}=[ \t]{0,8}"?)([0-9A-Fa-f]+)', re.IGNORECASE)

_KEY = re.compile(rb"(\binline:)([A-Za-z0-9+/=]+)", re.IGNORECASE)
"""A master key of SRTP (RFC 4568 9.2)."""


def mask_secrets(data: bytes) -> bytes:
    """Overwrite the digest responses in credentials, and keys in descriptions, with asterisks; the length stays."""
    for secret in (_SECRET, _KEY):
        data = secret.sub(lambda found: found[1] + b"*" * len(found[2]), data)
    return data


def message_record(now: float, direction: Direction, flow: Flow, data: bytes) -> TraceRecord:
    """Return the record of one message."""
    first_line = data.partition(b"\r\n")[0].decode("utf-8", "replace")
    return TraceRecord(
        time=now, direction=direction, flow=flow, first_line=first_line, data=mask_secrets(data)
    )
