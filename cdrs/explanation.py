# SPDX-License-Identifier: Apache-2.0
"""Says why a call went wrong and what to look at, in words for an operator.

Reads the record alone: end reason, SIP status, who ended it. Invariant: a call that went as calls go is not explained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cdrs.choices import Disposition, HangupBy
from cdrs.models import CDR


@dataclass(frozen=True, slots=True)
class Explanation:
    """What went wrong, and what to do about it."""

    what: str
    advice: str = ""


CUT_OFF: Final = Explanation(
    "The signaling node stopped while this call was up, so nobody is known to have hung up. The end shown is the last "
    "sign of life in the node's journal, right to about two seconds; the figures of the media were lost with the node. "
    "The audio itself may have gone on for longer.",
    "Look into the node's log for the reason of its stop.",
)
_GONE: Final[Mapping[str, Explanation]] = {
    "not_refreshed": Explanation(
        "The phone of the {party} gave no sign of life for as long as its call was agreed to go on without one (session "
        "timer, RFC 4028), so the call was ended.",
        "It lost its network or its power, or it was taken away; SESSION_EXPIRES_S says how soon that is noticed.",
    ),
    "no_answer": Explanation(
        "The phone of the {party} did not answer a message about the call any more, so the call was ended.",
        "It lost its network or its power, or a firewall in front of it drops what it did not ask for.",
    ),
    "unknown_call": Explanation(
        "The phone of the {party} said that it does not know the call any more, so the call was ended.",
        "A phone that was started anew in the middle of a call looks like this.",
    ),
    "not_confirmed": Explanation(
        "The phone of the {party} never confirmed an answer that it was sent (no ACK), so the call was ended.",
        "A wrong address in ADVERTISE, or a firewall between the phone and this server, looks like this.",
    ),
}
_CANNOT_SAY: Final = Explanation(
    "The call ended with an error.", "Look for its Call-ID in the log of the node."
)

_SILENT: Final = Explanation(
    "The called phone is registered but did not answer at all, so it never rang.",
    "It lost its network, or a firewall in front of it drops what it did not ask for; a shorter registration time "
    "keeps the path open.",
)

_ANSWERED: Final[Mapping[str, Explanation]] = {
    "media_error": Explanation(
        "No audio came from one side any more, so the call was ended.",
        "A phone that lost its network or power looks like this; if it happens again and again, a firewall or NAT in "
        "front of the phone closes the path of the audio.",
    ),
    "timeout": Explanation("The call reached the longest time that a call may last (MAX_CALL_S)."),
    "error": _CANNOT_SAY,
}

_BY_STATUS: Final[Mapping[tuple[str, int], Explanation]] = {
    ("unavailable", 404): Explanation(
        "No route of the dialplan matches the number, or nobody has it.",
        "Check the number in the dialplan's simulator.",
    ),
    ("unavailable", 408): _SILENT,
    ("timeout", 408): _SILENT,
    ("unavailable", 480): Explanation(
        "No phone of the called user is registered, the user is disabled, or the phone said that it takes no calls now.",
        "Look at the registrations; a phone whose password or domain is wrong is not among them.",
    ),
    ("unavailable", 503): Explanation(
        "The limit of calls at once of the account or of the node was reached, or the node was stopping.",
        "Raise the account's limit, or MAX_CALLS of the node, if it has room for more.",
    ),
    ("busy", 486): Explanation("The called phone was busy, or the user has as many calls as are allowed."),
    ("rejected", 403): Explanation(
        "The caller's account is disabled, or the called side forbids the call.",
    ),
    ("media_error", 488): Explanation(
        "The two phones have no codec in common, or one does not encrypt its media where the account requires it.",
        "Enable G.711 (PCMA, PCMU) on both, and SRTP if the account's media encryption says so.",
    ),
    ("media_error", 503): Explanation(
        "No RTP manager was healthy, or none had a port left.",
        "Look at the RTP managers, and widen RTP_PORT_MIN to RTP_PORT_MAX if they are full.",
    ),
    ("media_error", 500): Explanation(
        "The RTP manager failed, or a prompt of the route is missing.", "Look into its log."
    ),
}
_BY_CAUSE: Final[Mapping[str, Explanation]] = {
    "timeout": Explanation("Nobody answered within the longest time before an answer (MAX_RINGING_S)."),
    "unavailable": Explanation("The called side could not be reached."),
    "media_error": Explanation("There was no way to send audio that both sides know."),
    "error": _CANNOT_SAY,
}


def explain(call: CDR) -> Explanation | None:
    """Return why a call went wrong, None when there is nothing to explain."""
    if call.metadata.get("cut_off"):
        return CUT_OFF
    gone = _peer_gone(call)
    if gone is not None:
        return gone
    if call.answer_time is not None:
        return _ANSWERED.get(call.hangup_cause)
    if call.disposition in (Disposition.CANCELED, Disposition.NO_ANSWER) and call.hangup_cause != "timeout":
        return None
    if call.hangup_cause == "rejected" and call.hangup_by == HangupBy.CALLEE:
        return None
    by_status = _BY_STATUS.get((call.hangup_cause, call.sip_status or 0))
    return by_status or _BY_CAUSE.get(call.hangup_cause)


def _peer_gone(call: CDR) -> Explanation | None:
    """Return what is to be said of a phone that was not there any more, None when each was."""
    gone = call.metadata.get("peer_gone")
    known = _GONE.get(str(gone.get("why"))) if isinstance(gone, dict) else None
    if known is None:
        return None
    party = "caller" if gone.get("leg") == "A" else "called user"
    return Explanation(known.what.format(party=party), known.advice)
