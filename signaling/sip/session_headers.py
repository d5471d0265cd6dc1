# SPDX-License-Identifier: Apache-2.0
"""The header fields of session timers (RFC 4028): what a message asks for, and what this node wants.

Knows no dialog and no time. Invariant: an interval that is read is a number of 0 to `MAX_INTERVAL_S`, so that nothing
computed from it overflows a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from signaling.sip.errors import RemoteProtocolError
from signaling.sip.grammar import clamp_uint, find_param, parse_params
from signaling.sip.headers import Headers
from signaling.sip.message import SipRequest

TIMER = "timer"
"""Option tag of the extension (RFC 4028 11)."""
UAC = "uac"
UAS = "uas"
LEAST_MIN_SE_S = 90
"""Min-SE of a request that has none (RFC 4028 5)."""
MAX_INTERVAL_S = 2**31 - 1

ExtraHeaders = list[tuple[str, str]]


class SessionExpires(NamedTuple):
    """The value of Session-Expires (RFC 4028 4)."""

    interval_s: int
    refresher: str | None = None
    """`UAC` or `UAS`; None: it does not say."""

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        """Parse a value; raise RemoteProtocolError(400) when it is malformed. A refresher of another name is none."""
        number, semicolon, params = text.partition(";")
        interval_s = clamp_uint(number.strip(" \t"), MAX_INTERVAL_S, "Session-Expires")
        refresher = (
            (find_param(parse_params(semicolon + params), "refresher") or "").lower() if semicolon else ""
        )
        return cls(interval_s, refresher if refresher in (UAC, UAS) else None)

    def __str__(self) -> str:
        return f"{self.interval_s};refresher={self.refresher}" if self.refresher else str(self.interval_s)


def session_expires(headers: Headers) -> SessionExpires | None:
    """Return Session-Expires of a message, None when it has none; 400 when it is malformed."""
    lines = headers.fields.get("Session-Expires")
    return SessionExpires.parse(lines[0]) if lines else None


def min_se(headers: Headers) -> int:
    """Return Min-SE of a message in seconds, that of the RFC when it has none; 400 when it is malformed."""
    lines = headers.fields.get("Min-SE")
    if not lines:
        return LEAST_MIN_SE_S
    return clamp_uint(lines[0].partition(";")[0].strip(" \t"), MAX_INTERVAL_S, "Min-SE")


def supports_timer(headers: Headers) -> bool:
    """Tell whether the sender of a message knows session timers."""
    return any(TIMER in map(str.lower, headers.get_list(name)) for name in ("Supported", "Require"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPolicy:
    """What this node wants of the sessions of all its dialogs, in seconds."""

    expires_s: int = 1800
    """Interval to ask for, and the longest to grant; 0: session timers are off."""
    min_se_s: int = LEAST_MIN_SE_S
    """Shortest interval that a peer may ask for."""
    refreshes_all: bool = False
    """Whether sessions with peers that do not know session timers are refreshed as well."""

    @property
    def is_on(self) -> bool:
        """Whether session timers are used at all."""
        return self.expires_s > 0

    def headers(self) -> ExtraHeaders:
        """Return what an INVITE that begins a session says (RFC 4028 7.1)."""
        return asking(SessionExpires(self.expires_s), self.min_se_s) if self.is_on else []

    def unsupported(self, required: list[str]) -> list[str]:
        """Return those of some option tags of a Require that this node does not know (RFC 3261 8.2.2.3)."""
        return [tag for tag in required if not (self.is_on and tag.lower() == TIMER)]

    def refuses(self, request: SipRequest) -> int:
        """Return the Min-SE of the 422 that a request gets, 0 when it gets none (RFC 4028 9).

        Raises RemoteProtocolError(400) when a header is malformed. A sender that does not know session timers could
        do nothing about a 422, and gets none.
        """
        if not self.is_on:
            return 0
        headers = request.headers
        asked, speaks, _ = session_expires(headers), supports_timer(headers), min_se(headers)
        return self.min_se_s if asked is not None and speaks and asked.interval_s < self.min_se_s else 0


def asking(expires: SessionExpires, least_s: int) -> ExtraHeaders:
    """Return the headers of a request that asks for an interval that must not become shorter than ``least_s``."""
    headers = [("Supported", TIMER), ("Session-Expires", str(expires))]
    if least_s != LEAST_MIN_SE_S:
        headers.append(("Min-SE", str(least_s)))
    return headers


def lenient(headers: Headers) -> SessionExpires | None:
    """Return Session-Expires of a response; one that is malformed is none, for the session is up all the same."""
    try:
        return session_expires(headers)
    except RemoteProtocolError:
        return None
