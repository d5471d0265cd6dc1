# SPDX-License-Identifier: Apache-2.0
"""The four transaction machines of RFC 3261 17, with RFC 6026, as tables and nothing else.

Each table maps (state, input) to (action, next state). Everything that decides a transition stands here; what an
action does stands in transaction_client.py and transaction_server.py; how long a timer runs in timers.py.

A pair that is absent is a protocol error: of the caller for an input that starts with SEND, ACCEPT or CANCEL, of the
peer for a message. What the RFC says to absorb is written as IGNORE. An action of None is a bare change of state.
The *_TIMERS maps name the timers that run in a state: first the one that retransmits, then the one that ends the
state. A timer that the next state also names keeps running; any other is stopped when the state is left.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """The states of all four machines; the values are the names in the figures of the RFCs where there is one."""

    FRESH = "Fresh"
    """A request that was shown to the transaction user and is kept nowhere yet."""
    CALLING = "Calling"
    CANCELLING = "Cancelling"
    """Calling, with a CANCEL that waits for a provisional response (RFC 3261 9.1)."""
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    CANCELLED = "Cancelled"
    """Proceeding, with a CANCEL on its way."""
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    ACKNOWLEDGED = "Acknowledged"
    """Accepted, with the ACK to the 2xx received."""
    TERMINATED = "Terminated"


class Input(StrEnum):
    """What can happen to a transaction."""

    REQUEST = "request"
    """The request arrived again."""
    ACK = "ACK"
    CANCEL = "CANCEL"
    """A CANCEL arrived (server), or the transaction user wants one sent (client)."""
    RESPONSE_1XX = "1xx"
    RESPONSE_2XX = "2xx"
    RESPONSE_FAILURE = "300-699"
    ACCEPT = "accept"
    """The transaction user takes the request without answering yet."""
    SEND_1XX = "send 1xx"
    SEND_2XX = "send 2xx"
    SEND_FAILURE = "send 300-699"
    SEND_ACK = "send ACK"
    """The transaction user acknowledges a 2xx."""
    TRANSPORT_ERROR = "transport error"
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"
    TIMER_2XX = "timer 2xx"
    """Retransmission of the 2xx by the user agent server core (RFC 3261 13.3.1.4); it has no letter."""
    TIMER_CANCEL = "timer CANCEL"
    """64*T1 after the CANCEL (RFC 3261 9.1); it has no letter."""
    TIMER_EXPIRY = "timer expiry"
    """64*T1 after a non-INVITE request its client has given up (RFC 4320 4.2); it has no letter."""


class Action(StrEnum):
    """What a transition does beside changing the state."""

    IGNORE = "ignore"
    RESEND_REQUEST = "resend request"
    REPORT_RESPONSE = "report response"
    REPORT_2XX = "report 2xx"
    """Report the 2xx of a dialog that is new; send the stored ACK again for a known one."""
    REPORT_TIMEOUT = "report timeout"
    REPORT_TRANSPORT = "report transport failure"
    REPORT_AND_CANCEL = "report response, send CANCEL"
    ACK_AND_REPORT = "send ACK, report response"
    RESEND_ACK = "resend ACK"
    SEND_ACK = "send ACK"
    SEND_CANCEL = "send CANCEL"
    SEND_RESPONSE = "send response"
    SEND_2XX = "send 2xx, await its ACK"
    RESEND_RESPONSE = "resend response"
    REPORT_ACK = "report ACK"
    REPORT_ACK_MISSING = "report missing ACK"
    REPORT_CANCEL = "report CANCEL"


Table = dict[tuple[State, Input], tuple[Action | None, State]]
TimerMap = dict[State, tuple[Input | None, Input | None]]


# RFC 3261 17.1.1 (figure 5) with RFC 6026 8.4 (figure 8): INVITE client transaction.
# CANCEL: RFC 3261 9.1. A lost connection does not end Proceeding: the response may come over a new one (18.2.2).
INVITE_CLIENT: Table = {
    (State.CALLING, Input.TIMER_A): (Action.RESEND_REQUEST, State.CALLING),
    (State.CALLING, Input.TIMER_B): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.CALLING, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.CALLING, Input.RESPONSE_1XX): (Action.REPORT_RESPONSE, State.PROCEEDING),
    (State.CALLING, Input.RESPONSE_2XX): (Action.REPORT_2XX, State.ACCEPTED),
    (State.CALLING, Input.RESPONSE_FAILURE): (Action.ACK_AND_REPORT, State.COMPLETED),
    (State.CALLING, Input.CANCEL): (None, State.CANCELLING),
    (State.CANCELLING, Input.TIMER_A): (Action.RESEND_REQUEST, State.CANCELLING),
    (State.CANCELLING, Input.TIMER_B): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.CANCELLING, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.CANCELLING, Input.RESPONSE_1XX): (Action.REPORT_AND_CANCEL, State.CANCELLED),
    (State.CANCELLING, Input.RESPONSE_2XX): (Action.REPORT_2XX, State.ACCEPTED),
    (State.CANCELLING, Input.RESPONSE_FAILURE): (Action.ACK_AND_REPORT, State.COMPLETED),
    (State.CANCELLING, Input.CANCEL): (Action.IGNORE, State.CANCELLING),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.IGNORE, State.PROCEEDING),
    (State.PROCEEDING, Input.RESPONSE_1XX): (Action.REPORT_RESPONSE, State.PROCEEDING),
    (State.PROCEEDING, Input.RESPONSE_2XX): (Action.REPORT_2XX, State.ACCEPTED),
    (State.PROCEEDING, Input.RESPONSE_FAILURE): (Action.ACK_AND_REPORT, State.COMPLETED),
    (State.PROCEEDING, Input.CANCEL): (Action.SEND_CANCEL, State.CANCELLED),
    (State.CANCELLED, Input.TIMER_CANCEL): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.CANCELLED, Input.TRANSPORT_ERROR): (Action.IGNORE, State.CANCELLED),
    (State.CANCELLED, Input.RESPONSE_1XX): (Action.REPORT_RESPONSE, State.CANCELLED),
    (State.CANCELLED, Input.RESPONSE_2XX): (Action.REPORT_2XX, State.ACCEPTED),
    (State.CANCELLED, Input.RESPONSE_FAILURE): (Action.ACK_AND_REPORT, State.COMPLETED),
    (State.CANCELLED, Input.CANCEL): (Action.IGNORE, State.CANCELLED),
    (State.COMPLETED, Input.TIMER_D): (None, State.TERMINATED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.COMPLETED, Input.RESPONSE_1XX): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.RESPONSE_2XX): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.RESPONSE_FAILURE): (Action.RESEND_ACK, State.COMPLETED),
    (State.COMPLETED, Input.CANCEL): (Action.IGNORE, State.COMPLETED),
    (State.ACCEPTED, Input.TIMER_M): (None, State.TERMINATED),
    (State.ACCEPTED, Input.TRANSPORT_ERROR): (Action.IGNORE, State.ACCEPTED),
    (State.ACCEPTED, Input.RESPONSE_1XX): (Action.IGNORE, State.ACCEPTED),
    (State.ACCEPTED, Input.RESPONSE_2XX): (Action.REPORT_2XX, State.ACCEPTED),
    (State.ACCEPTED, Input.RESPONSE_FAILURE): (Action.IGNORE, State.ACCEPTED),
    (State.ACCEPTED, Input.CANCEL): (Action.IGNORE, State.ACCEPTED),
    (State.ACCEPTED, Input.SEND_ACK): (Action.SEND_ACK, State.ACCEPTED),
    # A slow transaction user may acknowledge after timer M; the ACK needs no transaction (13.2.2.4).
    (State.TERMINATED, Input.SEND_ACK): (Action.SEND_ACK, State.TERMINATED),
    (State.TERMINATED, Input.CANCEL): (Action.IGNORE, State.TERMINATED),
}

INVITE_CLIENT_TIMERS: TimerMap = {
    State.CALLING: (Input.TIMER_A, Input.TIMER_B),
    State.CANCELLING: (Input.TIMER_A, Input.TIMER_B),
    State.CANCELLED: (None, Input.TIMER_CANCEL),
    State.COMPLETED: (None, Input.TIMER_D),
    State.ACCEPTED: (None, Input.TIMER_M),
}


# RFC 3261 17.1.2 (figure 6): non-INVITE client transaction.
NON_INVITE_CLIENT: Table = {
    (State.TRYING, Input.TIMER_E): (Action.RESEND_REQUEST, State.TRYING),
    (State.TRYING, Input.TIMER_F): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.TRYING, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.TRYING, Input.RESPONSE_1XX): (Action.REPORT_RESPONSE, State.PROCEEDING),
    (State.TRYING, Input.RESPONSE_2XX): (Action.REPORT_RESPONSE, State.COMPLETED),
    (State.TRYING, Input.RESPONSE_FAILURE): (Action.REPORT_RESPONSE, State.COMPLETED),
    (State.PROCEEDING, Input.TIMER_E): (Action.RESEND_REQUEST, State.PROCEEDING),
    (State.PROCEEDING, Input.TIMER_F): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.PROCEEDING, Input.RESPONSE_1XX): (Action.REPORT_RESPONSE, State.PROCEEDING),
    (State.PROCEEDING, Input.RESPONSE_2XX): (Action.REPORT_RESPONSE, State.COMPLETED),
    (State.PROCEEDING, Input.RESPONSE_FAILURE): (Action.REPORT_RESPONSE, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_K): (None, State.TERMINATED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.RESPONSE_1XX): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.RESPONSE_2XX): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.RESPONSE_FAILURE): (Action.IGNORE, State.COMPLETED),
}

NON_INVITE_CLIENT_TIMERS: TimerMap = {
    State.TRYING: (Input.TIMER_E, Input.TIMER_F),
    State.PROCEEDING: (Input.TIMER_E, Input.TIMER_F),
    State.COMPLETED: (None, Input.TIMER_K),
}


# RFC 3261 17.2.1 (figure 7) with RFC 6026 8.5 (figure 5): INVITE server transaction. A transport error changes no
# state (RFC 6026). The core's own duty to retransmit the 2xx until its ACK (RFC 3261 13.3.1.4) is part of Accepted.
INVITE_SERVER: Table = {
    (State.FRESH, Input.ACCEPT): (None, State.PROCEEDING),
    (State.FRESH, Input.SEND_1XX): (Action.SEND_RESPONSE, State.PROCEEDING),
    (State.FRESH, Input.SEND_2XX): (Action.SEND_2XX, State.ACCEPTED),
    (State.FRESH, Input.SEND_FAILURE): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.PROCEEDING, Input.ACCEPT): (Action.IGNORE, State.PROCEEDING),
    (State.PROCEEDING, Input.REQUEST): (Action.RESEND_RESPONSE, State.PROCEEDING),
    (State.PROCEEDING, Input.SEND_1XX): (Action.SEND_RESPONSE, State.PROCEEDING),
    (State.PROCEEDING, Input.SEND_2XX): (Action.SEND_2XX, State.ACCEPTED),
    (State.PROCEEDING, Input.SEND_FAILURE): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.PROCEEDING, Input.CANCEL): (Action.REPORT_CANCEL, State.CANCELLED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.PROCEEDING),
    (State.CANCELLED, Input.ACCEPT): (Action.IGNORE, State.CANCELLED),
    (State.CANCELLED, Input.REQUEST): (Action.RESEND_RESPONSE, State.CANCELLED),
    (State.CANCELLED, Input.SEND_1XX): (Action.SEND_RESPONSE, State.CANCELLED),
    (State.CANCELLED, Input.SEND_2XX): (Action.SEND_2XX, State.ACCEPTED),
    (State.CANCELLED, Input.SEND_FAILURE): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.CANCELLED, Input.CANCEL): (Action.IGNORE, State.CANCELLED),
    (State.CANCELLED, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.CANCELLED),
    (State.COMPLETED, Input.REQUEST): (Action.RESEND_RESPONSE, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_G): (Action.RESEND_RESPONSE, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_H): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.COMPLETED, Input.ACK): (None, State.CONFIRMED),
    (State.COMPLETED, Input.CANCEL): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.COMPLETED),
    (State.CONFIRMED, Input.REQUEST): (Action.IGNORE, State.CONFIRMED),
    (State.CONFIRMED, Input.TIMER_I): (None, State.TERMINATED),
    (State.CONFIRMED, Input.ACK): (Action.IGNORE, State.CONFIRMED),
    (State.CONFIRMED, Input.CANCEL): (Action.IGNORE, State.CONFIRMED),
    (State.CONFIRMED, Input.TRANSPORT_ERROR): (Action.IGNORE, State.CONFIRMED),
    (State.ACCEPTED, Input.REQUEST): (Action.IGNORE, State.ACCEPTED),
    (State.ACCEPTED, Input.TIMER_2XX): (Action.RESEND_RESPONSE, State.ACCEPTED),
    (State.ACCEPTED, Input.TIMER_L): (Action.REPORT_ACK_MISSING, State.TERMINATED),
    (State.ACCEPTED, Input.ACK): (Action.REPORT_ACK, State.ACKNOWLEDGED),
    (State.ACCEPTED, Input.CANCEL): (Action.IGNORE, State.ACCEPTED),
    (State.ACCEPTED, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.ACCEPTED),
    (State.ACKNOWLEDGED, Input.REQUEST): (Action.IGNORE, State.ACKNOWLEDGED),
    (State.ACKNOWLEDGED, Input.TIMER_L): (None, State.TERMINATED),
    (State.ACKNOWLEDGED, Input.ACK): (Action.IGNORE, State.ACKNOWLEDGED),
    (State.ACKNOWLEDGED, Input.CANCEL): (Action.IGNORE, State.ACKNOWLEDGED),
    (State.ACKNOWLEDGED, Input.TRANSPORT_ERROR): (Action.IGNORE, State.ACKNOWLEDGED),
}

INVITE_SERVER_TIMERS: TimerMap = {
    State.COMPLETED: (Input.TIMER_G, Input.TIMER_H),
    State.CONFIRMED: (None, Input.TIMER_I),
    State.ACCEPTED: (Input.TIMER_2XX, Input.TIMER_L),
    State.ACKNOWLEDGED: (None, Input.TIMER_L),
}


# RFC 3261 17.2.2 (figure 8): non-INVITE server transaction. One that is not answered in 64*T1 ends without an answer
# (RFC 4320 4.2), so that a response after the end is absorbed. A CANCEL has no effect on it (RFC 3261 9.2).
NON_INVITE_SERVER: Table = {
    (State.FRESH, Input.ACCEPT): (None, State.TRYING),
    (State.FRESH, Input.SEND_1XX): (Action.SEND_RESPONSE, State.PROCEEDING),
    (State.FRESH, Input.SEND_2XX): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.FRESH, Input.SEND_FAILURE): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.TRYING, Input.ACCEPT): (Action.IGNORE, State.TRYING),
    (State.TRYING, Input.REQUEST): (Action.IGNORE, State.TRYING),
    (State.TRYING, Input.SEND_1XX): (Action.SEND_RESPONSE, State.PROCEEDING),
    (State.TRYING, Input.SEND_2XX): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.TRYING, Input.SEND_FAILURE): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.TRYING, Input.TIMER_EXPIRY): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.TRYING, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.PROCEEDING, Input.ACCEPT): (Action.IGNORE, State.PROCEEDING),
    (State.PROCEEDING, Input.REQUEST): (Action.RESEND_RESPONSE, State.PROCEEDING),
    (State.PROCEEDING, Input.SEND_1XX): (Action.SEND_RESPONSE, State.PROCEEDING),
    (State.PROCEEDING, Input.SEND_2XX): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.PROCEEDING, Input.SEND_FAILURE): (Action.SEND_RESPONSE, State.COMPLETED),
    (State.PROCEEDING, Input.TIMER_EXPIRY): (Action.REPORT_TIMEOUT, State.TERMINATED),
    (State.PROCEEDING, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.COMPLETED, Input.REQUEST): (Action.RESEND_RESPONSE, State.COMPLETED),
    (State.COMPLETED, Input.SEND_1XX): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.SEND_2XX): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.SEND_FAILURE): (Action.IGNORE, State.COMPLETED),
    (State.COMPLETED, Input.TIMER_J): (None, State.TERMINATED),
    (State.COMPLETED, Input.TRANSPORT_ERROR): (Action.REPORT_TRANSPORT, State.TERMINATED),
    (State.TERMINATED, Input.SEND_1XX): (Action.IGNORE, State.TERMINATED),
    (State.TERMINATED, Input.SEND_2XX): (Action.IGNORE, State.TERMINATED),
    (State.TERMINATED, Input.SEND_FAILURE): (Action.IGNORE, State.TERMINATED),
}

NON_INVITE_SERVER_TIMERS: TimerMap = {
    State.TRYING: (None, Input.TIMER_EXPIRY),
    State.PROCEEDING: (None, Input.TIMER_EXPIRY),
    State.COMPLETED: (None, Input.TIMER_J),
}
