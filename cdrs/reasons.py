# SPDX-License-Identifier: Apache-2.0
"""Says in a few words why a call was not answered, where there is no room for an explanation.

An end reason alone is too coarse: "unavailable" is a wrong number as well as a phone that is off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cdrs.models import CDR

UNKNOWN_NUMBER: Final = "number not known"
_BY_STATUS: Final[Mapping[tuple[str, int], str]] = {
    ("unavailable", 404): UNKNOWN_NUMBER,
    ("unavailable", 408): "no response",
    ("unavailable", 410): "number gone",
    ("unavailable", 480): "not reachable",
    ("unavailable", 484): "number incomplete",
    ("unavailable", 503): "limit of calls reached",
    ("unavailable", 604): UNKNOWN_NUMBER,
    ("timeout", 408): "no response",
    ("rejected", 403): "not allowed",
    ("rejected", 603): "declined",
    ("media_error", 488): "no common codec",
    ("media_error", 500): "media failed",
    ("media_error", 503): "no RTP manager free",
}


def in_short(call: CDR) -> str:
    """Return why a call was not answered, such as "number not known"; else its end reason in words."""
    return in_words(call.hangup_cause, None if call.answer_time else call.sip_status)


def in_words(cause: str, status: int | None) -> str:
    """Return an end reason in words: more of them when the SIP status that the caller got is given."""
    return _BY_STATUS.get((cause, status or 0)) or cause.replace("_", " ")
