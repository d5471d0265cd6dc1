# SPDX-License-Identifier: Apache-2.0
"""Tells a call in one sentence, as a person would.

Reads a stored call's own columns and asks the database nothing.
"""

from __future__ import annotations

from typing import Final

from cdrs.models import CDR, Disposition, HangupBy
from cdrs.reasons import UNKNOWN_NUMBER, in_short

_SYSTEM_ENDED: Final = {
    "media_error": "ended because no audio came any more",
    "timeout": "ended by the time limit",
    "transfer": "transferred",
    "error": "ended by an error",
}
_FAILED: Final = {
    "unavailable": "{callee} could not be reached",
    "rejected": "the call was refused",
    "timeout": "{callee} did not respond in time",
    "media_error": "there was no common way to send audio",
}


def tell(call: CDR) -> str:
    """Return the call in a sentence, such as

    "Alice 1001 called Bob 1002, answered after 4.2 s, talked 1:03, Alice hung up".
    """
    opening = f"{_party(call.caller_name, call.caller_number)} called {_party(call.callee_name, call.callee_number)}"
    if call.answer_time is None:
        return ", ".join([opening, *_unanswered(call)])
    wait_s = max((call.answer_time - call.invite_time).total_seconds(), 0.0)
    return f"{opening}, answered after {wait_s:.1f} s, talked {clock(call.duration_seconds)}, {ending(call)}"


def ending(call: CDR) -> str:
    """Return how a call ended, such as "Alice hung up"; without an answer "Bob was busy"."""
    return _hung_up(call) if call.answer_time is not None else _unanswered(call)[-1]


def clock(seconds: float) -> str:
    """Return a duration as m:ss, or h:mm:ss from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _hung_up(call: CDR) -> str:
    if call.metadata.get("cut_off"):
        return "cut off when the server failed"
    if call.hangup_by == HangupBy.CALLER:
        return f"{_short(call.caller_name, call.caller_number)} hung up"
    if call.hangup_by == HangupBy.CALLEE:
        return f"{_short(call.callee_name, call.callee_number)} hung up"
    return (
        _phone_gone(call)
        or _SYSTEM_ENDED.get(call.hangup_cause)
        or _by_a_person(call)
        or "ended by the system"
    )


def _phone_gone(call: CDR) -> str:
    """Return whose phone was not there any more; nothing when both were."""
    gone = call.metadata.get("peer_gone")
    if not isinstance(gone, dict):
        return ""
    of_caller = gone.get("leg") == "A"
    name = (
        _short(call.caller_name, call.caller_number)
        if of_caller
        else _short(call.callee_name, call.callee_number)
    )
    return f"ended because the phone of {name} was gone"


def _by_a_person(call: CDR) -> str:
    """Return who ended the call from outside it, by the dashboard or REST; nothing when nobody did."""
    person = call.metadata.get("ended_by")
    return f"hung up by {person}" if person and isinstance(person, str) else ""


def _unanswered(call: CDR) -> list[str]:
    callee = _short(call.callee_name, call.callee_number)
    rang = [f"it rang for {call.ring_duration_seconds:.1f} s"] if call.ring_time else []
    if call.metadata.get("cut_off"):
        return [*rang, "cut off when the server failed"]
    if call.hangup_by == HangupBy.SYSTEM and _by_a_person(call):
        return [*rang, _by_a_person(call)]
    if call.disposition == Disposition.CANCELED:
        return [*rang, f"{_short(call.caller_name, call.caller_number)} gave up"]
    if call.disposition == Disposition.NO_ANSWER:
        return [*rang, f"{callee} did not answer"]
    if call.disposition == Disposition.BUSY:
        return [*rang, f"{callee} was busy"]
    if call.hangup_cause == "rejected" and call.hangup_by == HangupBy.CALLEE:
        return [*rang, f"{callee} declined"]
    reason = _FAILED.get(call.hangup_cause, "the call failed").format(callee=callee)
    if in_short(call) == UNKNOWN_NUMBER:
        reason = "the number is not known"
    return [*rang, f"{reason} (SIP {call.sip_status})" if call.sip_status else reason]


def _party(name: str, number: str) -> str:
    if name and number and name != number:
        return f"{name} {number}"
    return name or number or "an unknown party"


def _short(name: str, number: str) -> str:
    return name or number or "the other side"
