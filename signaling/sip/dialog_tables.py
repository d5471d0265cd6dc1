# SPDX-License-Identifier: Apache-2.0
"""The dialog machine of RFC 3261 12 as a table and nothing else.

The table maps (state, input) to (action, next state). A pair that is absent is a protocol error; what the RFC lets
pass without effect is written as IGNORE. It holds for both ends: "sent" and "received" are the same input.
"""

from __future__ import annotations

from enum import StrEnum


class DialogState(StrEnum):
    """States of RFC 3261 12."""

    EARLY = "Early"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"


class DialogInput(StrEnum):
    """What can happen to a dialog; responses are those to the INVITE that makes it."""

    PROVISIONAL = "101-199"
    ACCEPTED = "2xx"
    REJECTED = "300-699"
    BYE = "BYE"
    GONE = "481 within the dialog"


class DialogAction(StrEnum):
    """What a transition does beside changing the state."""

    IGNORE = "ignore"
    REFRESH_ROUTE_SET = "compute the route set again"


DialogTable = dict[tuple[DialogState, DialogInput], tuple[DialogAction | None, DialogState]]

# RFC 3261 12.1 (creation), 12.3 (end), 13.2.2.4 (route set of the 2xx), 15 (BYE, which may end an early dialog).
DIALOG: DialogTable = {
    (DialogState.EARLY, DialogInput.PROVISIONAL): (None, DialogState.EARLY),
    (DialogState.EARLY, DialogInput.ACCEPTED): (DialogAction.REFRESH_ROUTE_SET, DialogState.CONFIRMED),
    (DialogState.EARLY, DialogInput.REJECTED): (None, DialogState.TERMINATED),
    (DialogState.EARLY, DialogInput.BYE): (None, DialogState.TERMINATED),
    (DialogState.EARLY, DialogInput.GONE): (None, DialogState.TERMINATED),
    (DialogState.CONFIRMED, DialogInput.PROVISIONAL): (DialogAction.IGNORE, DialogState.CONFIRMED),
    (DialogState.CONFIRMED, DialogInput.ACCEPTED): (DialogAction.IGNORE, DialogState.CONFIRMED),
    (DialogState.CONFIRMED, DialogInput.BYE): (None, DialogState.TERMINATED),
    (DialogState.CONFIRMED, DialogInput.GONE): (None, DialogState.TERMINATED),
    (DialogState.TERMINATED, DialogInput.PROVISIONAL): (DialogAction.IGNORE, DialogState.TERMINATED),
    (DialogState.TERMINATED, DialogInput.ACCEPTED): (DialogAction.IGNORE, DialogState.TERMINATED),
    (DialogState.TERMINATED, DialogInput.REJECTED): (DialogAction.IGNORE, DialogState.TERMINATED),
    (DialogState.TERMINATED, DialogInput.BYE): (DialogAction.IGNORE, DialogState.TERMINATED),
    (DialogState.TERMINATED, DialogInput.GONE): (DialogAction.IGNORE, DialogState.TERMINATED),
}
