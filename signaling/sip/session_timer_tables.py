# SPDX-License-Identifier: Apache-2.0
"""The session timer of RFC 4028 as a table and nothing else: one end of one dialog.

The table maps (state, input) to (action, next state). A pair that is absent is a protocol error; what may come too
late to matter is written as IGNORE.
"""

from __future__ import annotations

from enum import StrEnum


class TimerState(StrEnum):
    """Who keeps the session alive, and whether it is being done."""

    OFF = "Off"
    """Nobody: the session does not expire."""
    WAITING = "Waiting"
    """The peer refreshes."""
    KEEPING = "Keeping"
    """This end refreshes, and it is not time yet."""
    REFRESHING = "Refreshing"
    """This end is refreshing."""
    EXPIRED = "Expired"
    """No refresh came in time; the session is to be ended."""


class TimerInput(StrEnum):
    """What can happen to a session; all but the last three are what a 2xx to INVITE or UPDATE says."""

    OURS = "2xx that makes this end refresh"
    THEIRS = "2xx that makes the peer refresh"
    NONE = "2xx without an interval"
    HALF = "half of the interval"
    LATE = "shortly before the end"
    REFUSED = "refresh refused"


class TimerAction(StrEnum):
    """What a transition does beside changing the state."""

    IGNORE = "ignore"
    RESTART = "begin the interval"
    STOP = "stop"
    REFRESH = "refresh"
    RETRY = "try again soon"
    END = "send BYE"


TimerTable = dict[tuple[TimerState, TimerInput], tuple[TimerAction | None, TimerState]]

_RUNNING = (TimerState.OFF, TimerState.WAITING, TimerState.KEEPING, TimerState.REFRESHING)
_AGREED = {
    TimerInput.OURS: (TimerAction.RESTART, TimerState.KEEPING),
    TimerInput.THEIRS: (TimerAction.RESTART, TimerState.WAITING),
    TimerInput.NONE: (TimerAction.STOP, TimerState.OFF),
}

# RFC 4028 7.2 and 9 (agreement), 7.4 (refreshes), 10 (half of the interval, the end).
SESSION_TIMER: TimerTable = {
    **{(state, given): after for state in _RUNNING for given, after in _AGREED.items()},
    (TimerState.OFF, TimerInput.REFUSED): (TimerAction.IGNORE, TimerState.OFF),
    (TimerState.WAITING, TimerInput.LATE): (TimerAction.END, TimerState.EXPIRED),
    (TimerState.WAITING, TimerInput.REFUSED): (TimerAction.IGNORE, TimerState.WAITING),
    (TimerState.KEEPING, TimerInput.HALF): (TimerAction.REFRESH, TimerState.REFRESHING),
    (TimerState.KEEPING, TimerInput.LATE): (TimerAction.END, TimerState.EXPIRED),
    (TimerState.KEEPING, TimerInput.REFUSED): (TimerAction.IGNORE, TimerState.KEEPING),
    (TimerState.REFRESHING, TimerInput.LATE): (TimerAction.END, TimerState.EXPIRED),
    (TimerState.REFRESHING, TimerInput.REFUSED): (TimerAction.RETRY, TimerState.KEEPING),
    (TimerState.EXPIRED, TimerInput.OURS): (TimerAction.IGNORE, TimerState.EXPIRED),
    (TimerState.EXPIRED, TimerInput.THEIRS): (TimerAction.IGNORE, TimerState.EXPIRED),
    (TimerState.EXPIRED, TimerInput.NONE): (TimerAction.IGNORE, TimerState.EXPIRED),
    (TimerState.EXPIRED, TimerInput.REFUSED): (TimerAction.IGNORE, TimerState.EXPIRED),
}
