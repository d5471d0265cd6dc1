# SPDX-License-Identifier: Apache-2.0
"""The session timer of a leg (RFC 4028): what messages say of it, our refreshes, and the end of a silent session.

It decides nothing itself: `signaling.sip.session_timer` does, and is asked when a message or the clock moves it. A leg
whose peer does not use the extension has no timer at all. Invariant: one refresh is open at most, and it crosses no
offer of anybody (RFC 3264 4).
"""

from __future__ import annotations

from signaling.calls.events import Gone, Refreshed
from signaling.legs.base import LegBase
from signaling.legs.states import LegState
from signaling.legs.within_dialog import ALLOW, SDP
from signaling.sip import Headers, SipRequest, SipResponse
from signaling.sip.session_headers import ExtraHeaders
from signaling.sip.session_timer import SessionTimer
from signaling.sip.session_timer_tables import TimerAction
from signaling.sip.transaction_client import ClientTransaction

RETRY_S = 10.0
"""After a refresh that was refused, or that no path could carry."""
BUSY_S = 2.0
"""After one that had to wait for an offer."""
GLARE_OWNER_S = (2.1, 4.0)
GLARE_S = (0.0, 2.0)
"""Bounds of the wait after a 491, for who made the Call-ID and for who did not (RFC 3261 14.1)."""


class TimedLeg(LegBase):
    """A leg whose session may expire.

    Attributes:
        timer: None while the peer does not use the extension.
        described: our last description that the peer has accepted; a refresh by re-INVITE says it once more.
        takes_update: whether the peer allows UPDATE (RFC 3311).
    """

    timer: SessionTimer | None = None
    described: str = ""
    takes_update: bool = False
    _refresh: ClientTransaction | None = None

    # --- What messages say ------------------------------------------------------------------------------------------

    def _time_answer(self, request: SipRequest, response: SipResponse) -> None:
        """Have our 2xx to an INVITE or UPDATE say when the session expires."""
        policy, fields = self.node.sessions, request.headers.fields
        if not policy.is_on:
            return
        if self.timer is None and not (
            "Supported" in fields
            or "Session-Expires" in fields
            or "Require" in fields
            or policy.refreshes_all
        ):
            return
        timer = SessionTimer(policy) if self.timer is None else self.timer
        for name, value in timer.answer(request, self.node.loop.time()):
            response.headers.set(name, value)
        self._timed(timer, request.headers)

    def _time_answered(self, response: SipResponse) -> None:
        """Take what the 2xx to an INVITE or UPDATE of ours says."""
        policy = self.node.sessions
        asked = policy.is_on and ("Session-Expires" in response.headers.fields or policy.refreshes_all)
        if self.timer is None and not asked:
            return
        timer = SessionTimer(policy) if self.timer is None else self.timer
        timer.answered(response, self.node.loop.time())
        self._timed(timer, response.headers)

    def _session_headers(self) -> ExtraHeaders:
        """Return what an INVITE or UPDATE within the dialog says of the session."""
        return [("Allow", ALLOW)] if self.timer is None else [("Allow", ALLOW), *self.timer.ask()]

    def _timed(self, timer: SessionTimer, headers: Headers) -> None:
        self.timer = timer if timer.is_running else None
        if "Allow" in headers.fields:
            self.takes_update = "UPDATE" in map(str.upper, headers.get_list("Allow"))
        self._watch()
        self._keep()

    # --- Time -------------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Be woken when the timer has something to do."""
        if self._wakeup is not None:
            self._wakeup.cancel()
            self._wakeup = None
        deadline = None if self.timer is None or self.state is LegState.ENDED else self.timer.deadline
        if deadline is not None:
            self._wakeup = self.node.loop.call_at(deadline, self._on_time)

    def _on_time(self) -> None:
        self._wakeup = None
        if self.timer is None:
            return
        due = self.timer.handle(self.node.loop.time())
        if due is TimerAction.END:
            self._gone(Gone.NOT_REFRESHED)
        elif due is TimerAction.REFRESH:
            self._send_refresh()
        self._watch()

    @property
    def _may_offer(self) -> bool:
        """Whether a new offer would cross none."""
        return self.state is LegState.UP and not self._is_refreshing_by_invite

    @property
    def _is_refreshing_by_invite(self) -> bool:
        return self._refresh is not None and self._refresh.method == "INVITE"

    # --- Refreshes --------------------------------------------------------------------------------------------------

    def _send_refresh(self) -> None:
        """Refresh by UPDATE, which says nothing of the media, or by a re-INVITE that changes nothing of them."""
        if self._refresh is not None or not self._may_offer or self.dialog is None or self.flow is None:
            self._refresh_later(BUSY_S)
            return
        headers = self._session_headers()
        if self.takes_update:
            request = self.dialog.make_request("UPDATE", extra_headers=headers)
        elif self.described:
            body = self.described.encode()
            request = self.dialog.make_request("INVITE", body=body, content_type=SDP, extra_headers=headers)
        else:
            self._refresh_later(RETRY_S)
            return
        self._refresh = self.node.request(request, self.flow, self)
        self._keep()

    def _refresh_later(self, seconds: float) -> None:
        if self.timer is not None:
            self.timer.refused(self.node.loop.time(), seconds)
            self._watch()

    def _on_refresh_response(self, transaction: ClientTransaction, response: SipResponse) -> None:
        if response.status < 200 or self.dialog is None or self.flow is None:
            return
        self._refresh = None
        if response.status < 300:
            self.dialog.receive_response(response)
            if transaction.method == "INVITE":
                ack = self.dialog.make_ack(transaction.request.cseq.number)
                self.node.acknowledge(transaction, ack, self.flow)
                if response.content_type == SDP and response.body:
                    self._report(self, Refreshed(response.body.decode("utf-8", "replace")))
            self._time_answered(response)
        elif response.status in (408, 481):
            self._gone(Gone.NO_ANSWER if response.status == 408 else Gone.UNKNOWN_CALL)
        else:
            self._refresh_later(self._pause_after(transaction.method, response))

    def _pause_after(self, method: str, response: SipResponse) -> float:
        """Return when a refused refresh is worth another attempt, in seconds."""
        if response.status == 422 and self.timer is not None and self.timer.is_raised(response):
            return 0.0
        if method == "UPDATE" and response.status in (405, 501) and self.described:
            self.takes_update = False
            return 0.0
        if response.status == 491:
            low, high = GLARE_OWNER_S if self.direction == "outbound" else GLARE_S
            return low + self.node.tokens.fraction() * (high - low)
        return RETRY_S

    def _on_refresh_lost(self, *, timed_out: bool) -> None:
        self._refresh = None
        if timed_out:
            self._gone(Gone.NO_ANSWER)
        else:
            self._refresh_later(RETRY_S)
