# SPDX-License-Identifier: Apache-2.0
"""The state tables of SIP legs (RFC 3261 sections 13 to 15).

Everything that changes the state of a leg is in this module; what is done on the way is in `caller` and `callee`.
A pair that is absent is ignored by the leg: the event came too late or too early to matter.
"""

from __future__ import annotations

from enum import StrEnum


class LegState(StrEnum):
    """Where a leg stands."""

    CALLING = "calling"
    """The INVITE has no final answer yet."""
    ANSWERED = "answered"
    """Caller's leg only: our 2xx waits for its ACK."""
    ANSWERED_ENDING = "answered_ending"
    """Caller's leg only: it is to be hung up as soon as the ACK is there (RFC 3261 section 15)."""
    UP = "up"
    """The dialog is confirmed at both ends."""
    CANCELING = "canceling"
    """Callee's leg only: the CANCEL is out, the final answer is not in."""
    HELD_BACK = "held_back"
    """The peer hung up; its BYE waits for our answer."""
    ENDED = "ended"


class LegInput(StrEnum):
    """What happens to a leg."""

    SEND_ANSWER = "send_answer"
    SEND_FAIL = "send_fail"
    SEND_HANG_UP = "send_hang_up"
    CONFIRM_HANG_UP = "confirm_hang_up"
    ACK = "ack"
    ACK_MISSING = "ack_missing"
    CANCEL = "cancel"
    BYE = "bye"
    SUCCESS = "success"
    FAILURE = "failure"


CALLER_TABLE: dict[tuple[LegState, LegInput], LegState] = {
    (LegState.CALLING, LegInput.SEND_ANSWER): LegState.ANSWERED,
    (LegState.CALLING, LegInput.SEND_FAIL): LegState.ENDED,
    (LegState.CALLING, LegInput.SEND_HANG_UP): LegState.ENDED,
    (LegState.CALLING, LegInput.CANCEL): LegState.ENDED,
    (LegState.CALLING, LegInput.BYE): LegState.HELD_BACK,
    (LegState.ANSWERED, LegInput.ACK): LegState.UP,
    (LegState.ANSWERED, LegInput.ACK_MISSING): LegState.ENDED,
    (LegState.ANSWERED, LegInput.BYE): LegState.HELD_BACK,
    (LegState.ANSWERED, LegInput.SEND_HANG_UP): LegState.ANSWERED_ENDING,
    (LegState.ANSWERED_ENDING, LegInput.ACK): LegState.ENDED,
    (LegState.ANSWERED_ENDING, LegInput.ACK_MISSING): LegState.ENDED,
    (LegState.ANSWERED_ENDING, LegInput.BYE): LegState.ENDED,
    (LegState.UP, LegInput.BYE): LegState.HELD_BACK,
    (LegState.UP, LegInput.SEND_HANG_UP): LegState.ENDED,
    (LegState.HELD_BACK, LegInput.CONFIRM_HANG_UP): LegState.ENDED,
}
"""The leg of who calls: it came by an INVITE that this node answers."""

CALLEE_TABLE: dict[tuple[LegState, LegInput], LegState] = {
    (LegState.CALLING, LegInput.SUCCESS): LegState.UP,
    (LegState.CALLING, LegInput.FAILURE): LegState.ENDED,
    (LegState.CALLING, LegInput.SEND_HANG_UP): LegState.CANCELING,
    (LegState.CANCELING, LegInput.SUCCESS): LegState.ENDED,
    (LegState.CANCELING, LegInput.FAILURE): LegState.ENDED,
    (LegState.UP, LegInput.BYE): LegState.HELD_BACK,
    (LegState.UP, LegInput.SEND_HANG_UP): LegState.ENDED,
    (LegState.HELD_BACK, LegInput.CONFIRM_HANG_UP): LegState.ENDED,
}
"""The leg of who is called: it was made by an INVITE of this node."""
