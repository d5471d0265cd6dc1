# SPDX-License-Identifier: Apache-2.0
"""One end of a session that expires unless it is refreshed (RFC 4028): who refreshes, when, and when to give up.

It knows neither dialog, clock nor network: messages and times are handed in, headers and deadlines come out.
Invariants: what is granted is never longer than what was asked for, nor shorter than the asker's Min-SE; both ends of
an agreement name the same refresher; after `TimerAction.END` nothing is due any more.
"""

from __future__ import annotations

from typing import NamedTuple

from signaling.sip.errors import LocalProtocolError, RemoteProtocolError
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.session_headers import (
    TIMER,
    UAC,
    UAS,
    ExtraHeaders,
    SessionExpires,
    SessionPolicy,
    asking,
    lenient,
    min_se,
    session_expires,
    supports_timer,
)
from signaling.sip.session_timer_tables import SESSION_TIMER, TimerAction, TimerInput, TimerState

MARGIN_S = 32.0
"""How long before its end a session that nobody refreshed is ended, but at most a third of it (RFC 4028 10)."""
GRACE_S = 5.0
"""A session with less time than this when it is taken over is refreshed at once."""

_WE_REFRESH = frozenset({TimerState.KEEPING, TimerState.REFRESHING})


class SessionFacts(NamedTuple):
    """What is to be kept of a running timer."""

    interval_s: int
    is_ours: bool
    """Whether this end refreshes."""
    is_agreed: bool
    min_se_s: int
    refreshed_at: float


class SessionTimer:
    """The session timer of one dialog. All times are seconds on the clock of the caller.

    Args:
        policy: what this node wants.
    """

    __slots__ = ("_policy", "_refresh_at", "interval_s", "is_agreed", "min_se_s", "refreshed_at", "state")

    def __init__(self, policy: SessionPolicy) -> None:
        self._policy = policy
        self._refresh_at = 0.0
        self.state = TimerState.OFF
        self.interval_s = policy.expires_s
        """Agreed on, or to be asked for."""
        self.min_se_s = policy.min_se_s
        """Shortest interval that anybody on the way has asked for."""
        self.is_agreed = False
        """Whether the peer knows that the session expires."""
        self.refreshed_at = 0.0

    # --- As the one who is asked (RFC 4028 9) -----------------------------------------------------------------------

    def answer(self, request: SipRequest, now: float) -> ExtraHeaders:
        """Take an INVITE or UPDATE that gets a 2xx now; return the headers that the 2xx needs.

        Raises RemoteProtocolError(400) when a header is malformed.
        """
        headers = request.headers
        asked, speaks = session_expires(headers), supports_timer(headers)
        if asked is not None and not speaks and asked.interval_s < self._policy.min_se_s:
            # Nobody could be told that this is too short.
            asked = None
        if asked is None and not speaks:
            self._agree_on_none(now)
            return []
        least_s = max(min_se(headers), self._policy.min_se_s)
        longest_s = max(self._policy.expires_s, least_s)
        interval_s = longest_s if asked is None else min(asked.interval_s, longest_s)
        theirs = speaks and asked is not None and asked.refresher == UAC
        self._agree(interval_s, TimerInput.THEIRS if theirs else TimerInput.OURS, now)
        granted = [("Session-Expires", str(SessionExpires(interval_s, UAC if theirs else UAS)))]
        return [("Require", TIMER), *granted] if speaks else granted

    # --- As the one who asks (RFC 4028 7) ---------------------------------------------------------------------------

    def ask(self) -> ExtraHeaders:
        """Return the headers of an INVITE or UPDATE: the interval, and the refresher that the session has now."""
        refresher = None
        if self.state is not TimerState.OFF:
            refresher = UAC if self.state in _WE_REFRESH else UAS
        return asking(SessionExpires(self.interval_s, refresher), self.min_se_s)

    def answered(self, response: SipResponse, now: float) -> None:
        """Take the 2xx to an INVITE or UPDATE of this end."""
        granted = lenient(response.headers)
        if granted is None:
            self._agree_on_none(now)
            return
        given = TimerInput.THEIRS if granted.refresher == UAS else TimerInput.OURS
        self._agree(max(granted.interval_s, self._policy.min_se_s), given, now)

    def is_raised(self, response: SipResponse) -> bool:
        """Take a 422; tell whether the request is worth another attempt, with what `ask` returns now."""
        try:
            least_s = min_se(response.headers)
        except RemoteProtocolError:
            return False
        if "Min-SE" not in response.headers.fields or least_s <= self.interval_s:
            return False
        self.min_se_s = max(self.min_se_s, least_s)
        self.interval_s = least_s
        return True

    def refused(self, now: float, retry_s: float) -> None:
        """Note that a refresh of this end failed, or cannot be sent now; another one is due in ``retry_s``."""
        if self._step(TimerInput.REFUSED) is TimerAction.RETRY:
            # Who does not know that the session expires has shown to be there, whatever it answered.
            self._refresh_at = now + (retry_s if self.is_agreed else self.interval_s / 2)

    # --- Time (RFC 4028 10) -----------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether anything will become due."""
        return self.state not in (TimerState.OFF, TimerState.EXPIRED)

    @property
    def late_at(self) -> float | None:
        """When the session is to be ended unless it was refreshed; None: never."""
        if not self.is_agreed or not self.is_running:
            return None
        return self.refreshed_at + self.interval_s - min(MARGIN_S, self.interval_s / 3)

    @property
    def deadline(self) -> float | None:
        """When `handle` is due; None: it is not."""
        late_at = self.late_at
        if self.state is not TimerState.KEEPING:
            return late_at
        return self._refresh_at if late_at is None else min(self._refresh_at, late_at)

    def handle(self, now: float) -> TimerAction | None:
        """Return what is due: `REFRESH`, `END` or nothing."""
        deadline = self.deadline
        if deadline is None or now < deadline:
            return None
        late_at = self.late_at
        return self._step(TimerInput.HALF if late_at is None or now < late_at else TimerInput.LATE)

    # --- From one process to the next -------------------------------------------------------------------------------

    def facts(self) -> SessionFacts:
        """Return what is to be kept."""
        return SessionFacts(
            self.interval_s, self.state in _WE_REFRESH, self.is_agreed, self.min_se_s, self.refreshed_at
        )

    def restore(self, facts: SessionFacts, now: float, wait_s: float) -> None:
        """Go on with what was kept.

        A refresh that nobody was there to send or to take is made up for by one of this end, after ``wait_s``.
        """
        self._agree(facts.interval_s, TimerInput.OURS if facts.is_ours else TimerInput.THEIRS, now)
        self.is_agreed, self.min_se_s = facts.is_agreed, facts.min_se_s
        self.refreshed_at = min(facts.refreshed_at, now)
        self._refresh_at = self.refreshed_at + self.interval_s / 2
        deadline = self.deadline
        if deadline is not None and deadline < now + GRACE_S:
            self._step(TimerInput.OURS)
            self.refreshed_at = max(self.refreshed_at, now - self.interval_s / 2)
            self._refresh_at = now + wait_s

    # --- Inside -----------------------------------------------------------------------------------------------------

    def _agree(self, interval_s: int, given: TimerInput, now: float) -> None:
        if self._step(given) is TimerAction.RESTART:
            self.interval_s = interval_s
            self.is_agreed = True
            self.refreshed_at = now
            self._refresh_at = now + interval_s / 2

    def _agree_on_none(self, now: float) -> None:
        """Take a 2xx without an interval: the session does not expire, but may be refreshed to see who is there."""
        if self._policy.refreshes_all:
            self._agree(max(self._policy.expires_s, self.min_se_s), TimerInput.OURS, now)
        else:
            self._step(TimerInput.NONE)
        self.is_agreed = False

    def _step(self, given: TimerInput) -> TimerAction | None:
        transition = SESSION_TIMER.get((self.state, given))
        if transition is None:
            raise LocalProtocolError(f"{given} in a session timer in {self.state}")
        action, self.state = transition
        return action
