# SPDX-License-Identifier: Apache-2.0
"""What a leg says and refuses within its dialog, whatever becomes of the call."""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import NamedTuple

from cdrs.record import EndReason
from signaling.sip import SipRequest, SipResponse, SipUri
from signaling.sip.events import RequestReceived
from signaling.sip.session_headers import SessionPolicy

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
SDP = "application/sdp"

Reauthenticate = Callable[[RequestReceived], SipResponse | None]
"""Checks a request that came from another address than its dialog's; returns what refuses it, or None."""


class Parties(NamedTuple):
    """Who talks to whom in the dialog of a leg, as far as it is known."""

    call_id: str
    local_tag: str
    remote_tag: str
    """Empty until the callee has answered anything."""
    from_uri: SipUri
    to_uri: SipUri


def refusal_of(request: SipRequest, methods: Container[str], sessions: SessionPolicy) -> SipResponse | None:
    """Return what refuses a method or an extension that is not there (RFC 3261 8.2.1, 8.2.2.3), or None."""
    if request.method not in methods:
        response = request.response(405)
        response.headers.set("Allow", ALLOW)
        return response
    return refusal_of_extension(request, sessions)


def refusal_of_extension(request: SipRequest, sessions: SessionPolicy) -> SipResponse | None:
    """Return what refuses an extension that is not there, or None."""
    unsupported = sessions.unsupported(request.headers.get_list("Require"))
    if not unsupported:
        return None
    response = request.response(420)
    response.headers.set("Unsupported", ", ".join(unsupported))
    return response


def too_small(request: SipRequest, least_s: int) -> SipResponse:
    """Return what refuses a session that would expire too soon (RFC 4028 section 9)."""
    response = request.response(422)
    response.headers.set("Min-SE", str(least_s))
    return response


def ignore_event(leg: object, event: object) -> None:
    """Take the events of a leg that no call listens to: one not begun, or one over."""


def reason_header(q850: int) -> str:
    """Return the value of a Reason header (RFC 3326)."""
    return f"Q.850;cause={q850}"


Q850_OF_REASON: dict[EndReason, int] = {
    EndReason.NORMAL: 16,
    EndReason.CANCELED: 16,
    EndReason.NO_ANSWER: 19,
    EndReason.TIMEOUT: 102,
    EndReason.MEDIA_ERROR: 41,
    EndReason.ERROR: 41,
}
"""Causes of ITU-T Q.850 for what ends a call."""
