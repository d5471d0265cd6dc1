# SPDX-License-Identifier: Apache-2.0
"""Why a call failed or ended: values that classify themselves for SIP, for the CDR and for people.

Invariant: every way a call can fail is one `CallFailure`; nobody else turns a SIP status into an end reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdrs.record import EndReason


@dataclass(frozen=True, slots=True)
class CallFailure:
    """Why a call attempt failed."""

    status: int
    """SIP status for the caller, 400 to 699."""
    phrase: str
    """Reason phrase for the caller."""
    reason: EndReason
    q850: int
    """ITU-T Q.850 cause, sent in the Reason header (RFC 3326)."""
    retry_after_s: int = 0
    """Retry-After for the caller, in seconds; 0 sends none."""
    warning: str = ""
    """Warning for the caller (RFC 3261 section 20.43); empty sends none."""

    @property
    def by_callee(self) -> bool:
        """Whether a person or phone at the other end said no."""
        return self.reason in (EndReason.BUSY, EndReason.REJECTED) and self is not USER_LIMIT


BUSY = CallFailure(486, "Busy Here", EndReason.BUSY, 17)
REJECTED = CallFailure(603, "Decline", EndReason.REJECTED, 21)
NO_ANSWER = CallFailure(480, "No Answer", EndReason.NO_ANSWER, 19)
NOT_REGISTERED = CallFailure(480, "Temporarily Unavailable", EndReason.UNAVAILABLE, 20)
NOT_ENCRYPTED = CallFailure(
    480,
    "Temporarily Unavailable",
    EndReason.UNAVAILABLE,
    20,
    warning='380 switchboard "SIPS Not Allowed"',
)
"""Somebody dialled a sips URI, and the callee is reached in the clear alone (RFC 5630 section 5.3)."""
UNREACHABLE = CallFailure(408, "Request Timeout", EndReason.UNAVAILABLE, 18)
NO_ROUTE = CallFailure(404, "Not Found", EndReason.UNAVAILABLE, 1)
NO_SUCH_USER = CallFailure(404, "User Not Found", EndReason.UNAVAILABLE, 1)
FORBIDDEN = CallFailure(403, "Forbidden", EndReason.REJECTED, 21)
USER_LIMIT = CallFailure(486, "Too Many Calls", EndReason.BUSY, 17)
ACCOUNT_LIMIT = CallFailure(503, "Account Call Limit Reached", EndReason.UNAVAILABLE, 34, 5)
USER_RATE = CallFailure(503, "Too Many Calls a Second", EndReason.UNAVAILABLE, 42, 1)
ACCOUNT_RATE = CallFailure(503, "Too Many Calls of the Account a Second", EndReason.UNAVAILABLE, 42, 1)
NODE_LIMIT = CallFailure(503, "Call Limit Reached", EndReason.UNAVAILABLE, 34, 5)
NO_MEDIA = CallFailure(503, "No Media Available", EndReason.MEDIA_ERROR, 34, 5)
SHUTTING_DOWN = CallFailure(503, "Shutting Down", EndReason.UNAVAILABLE, 41, 5)
NOT_ACCEPTABLE = CallFailure(488, "Not Acceptable Here", EndReason.MEDIA_ERROR, 88)
ENCRYPTION_REQUIRED = CallFailure(
    488,
    "Not Acceptable Here",
    EndReason.MEDIA_ERROR,
    88,
    warning='302 switchboard "Encrypted media (SRTP) is required"',
)
MEDIA_FAILED = CallFailure(500, "Media Failure", EndReason.MEDIA_ERROR, 41)
INTERNAL = CallFailure(500, "Server Internal Error", EndReason.ERROR, 41)
BAD_TARGET = CallFailure(500, "Bad Dial Target", EndReason.ERROR, 41)
GLARE = CallFailure(491, "Request Pending", EndReason.ERROR, 41)
CANCELED = CallFailure(487, "Request Terminated", EndReason.CANCELED, 16)
PROMPT_MISSING = CallFailure(500, "Prompt Not Available", EndReason.MEDIA_ERROR, 41)

_BY_STATUS: dict[int, tuple[EndReason, int]] = {
    403: (EndReason.REJECTED, 21),
    404: (EndReason.UNAVAILABLE, 1),
    408: (EndReason.UNAVAILABLE, 18),
    410: (EndReason.UNAVAILABLE, 22),
    480: (EndReason.UNAVAILABLE, 20),
    484: (EndReason.UNAVAILABLE, 28),
    486: (EndReason.BUSY, 17),
    487: (EndReason.CANCELED, 16),
    488: (EndReason.MEDIA_ERROR, 88),
    600: (EndReason.BUSY, 17),
    603: (EndReason.REJECTED, 21),
    604: (EndReason.UNAVAILABLE, 1),
    606: (EndReason.MEDIA_ERROR, 88),
}

_HIDDEN: dict[int, CallFailure] = {
    401: CallFailure(502, "Callee Wants Credentials", EndReason.ERROR, 41),
    407: CallFailure(502, "Callee Wants Credentials", EndReason.ERROR, 41),
    503: NOT_REGISTERED,
}
"""Answers of a callee that the caller must not see as they are: a challenge would make it send its own credentials
to a third party, and a 503 would make it take this server for the broken one (RFC 3261 16.7 step 6)."""


def failure_of_status(status: int, phrase: str) -> CallFailure:
    """Return what a final answer of a callee, 300 to 699, means for the caller."""
    hidden = _HIDDEN.get(status)
    if hidden is not None:
        return hidden
    if status < 400:
        return NOT_REGISTERED
    reason, q850 = _BY_STATUS.get(status, (EndReason.ERROR, 41))
    return CallFailure(status, phrase, reason, q850)


def better(one: CallFailure | None, other: CallFailure) -> CallFailure:
    """Return the answer to pass on when several branches failed (RFC 3261 16.7 step 6).

    A 6xx wins over everything, then what a person did (busy, rejected), then the lower class, then the first.
    """
    if one is None or _rank(other) < _rank(one):
        return other
    return one


def _rank(failure: CallFailure) -> int:
    if failure.status >= 600:
        return 0
    if failure.reason in (EndReason.BUSY, EndReason.REJECTED):
        return 1
    return 2 if failure.status < 500 else 3
