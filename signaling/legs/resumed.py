# SPDX-License-Identifier: Apache-2.0
"""A leg that an earlier process of this node set up: its dialog is confirmed, and its peer has noticed nothing.

Whether this node or the peer sent the INVITE matters no more (RFC 3261 section 12). Invariant: our CSeq is higher
than any that the earlier process can have used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from signaling.calls.events import Gone
from signaling.calls.leg import LegCallback
from signaling.legs.dialog_leg import SHARED_SENDERS, DialogLeg
from signaling.legs.states import CALLEE_TABLE, LegInput, LegState
from signaling.legs.within_dialog import SDP
from signaling.node import SipNode
from signaling.sip import Flow, SipResponse
from signaling.sip.dialog import Dialog
from signaling.sip.session_timer import SessionFacts, SessionTimer
from signaling.sip.transaction_client import ClientTransaction

CATCH_UP_S = 5.0
"""Refreshes that were due while no process was there are spread over this time."""


class ResumedLeg(DialogLeg):
    """One party of a call that goes on.

    Args:
        node: sends and receives.
        on_event: gets the neutral events.
        dialog: with the peer, confirmed.
        flow: the path to it.
        label: "A" or "B".
        direction: "inbound" or "outbound": who sent the INVITE.
        trusted_hosts: addresses that requests of the peer may come from.
        created_at: when the leg began, in seconds since the epoch.
        behind_node: where the peer is, when another node is in between; else empty.
    """

    def __init__(
        self,
        node: SipNode,
        on_event: LegCallback,
        *,
        dialog: Dialog,
        flow: Flow,
        label: str,
        direction: str,
        trusted_hosts: Iterable[str],
        created_at: float,
        behind_node: str = "",
    ) -> None:
        super().__init__(node, on_event, label, CALLEE_TABLE)
        self.direction = direction
        self.created_at = created_at
        self.through_node = bool(behind_node)
        self.remote_ip = behind_node or flow.remote[0]
        self.trusted_hosts.update(trusted_hosts)
        self.ringing = True
        self._probe: ClientTransaction | None = None
        self._must_answer: Callable[[], bool] = _need_not
        self._owes_bye = False
        self._enter_dialog(dialog, flow)
        self._advance(LegInput.SUCCESS)

    @property
    def is_done(self) -> bool:
        """Whether the leg has ended and its peer was told."""
        return self.state is LegState.ENDED and not self._owes_bye

    def listen(self, on_event: LegCallback) -> None:
        """Say who gets the neutral events; before any is due."""
        self._report = on_event

    def reconnected(self, flow: Flow) -> None:
        """Take the peer's new connection for what comes next; first a BYE that did not reach it."""
        self._follow(flow)
        if self._owes_bye and self.dialog is not None:
            self._owes_bye = False
            self.node.request(self.dialog.make_request("BYE"), flow, self)

    def forget(self) -> None:
        """Leave no trace, and tell nobody: the call cannot go on."""
        self.timer = None
        self._watch()
        self._leave_dialog()
        self.node.legs.pop(self, None)

    def resume_session(self, facts: SessionFacts | None) -> None:
        """Go on with the session timer that the leg had; None: it had none."""
        if facts is not None and self.node.sessions.is_on:
            self.timer = SessionTimer(self.node.sessions)
            wait_s = CATCH_UP_S * self.node.tokens.fraction()
            self.timer.restore(facts, self.node.loop.time(), wait_s)
            self._watch()

    def probe(self, must_answer: Callable[[], bool]) -> None:
        """Ask the peer whether it still has the dialog, by an OPTIONS in it (RFC 3261 section 11).

        Args:
            must_answer: whether silence ends the leg; where media flow, their absence would show that better.
        """
        if self.dialog is not None and self.flow is not None and self.state is LegState.UP:
            self._must_answer = must_answer
            options = self.dialog.make_request("OPTIONS", extra_headers=[("Accept", SDP)])
            self._probe = self.node.request(options, self.flow, self)

    def on_response(self, transaction: ClientTransaction, response: SipResponse, flow: Flow) -> None:
        """Take the response to a request within the dialog; 481 to the probe ends it (RFC 3261 section 12.2.1.2)."""
        if transaction is not self._probe:
            super().on_response(transaction, response, flow)
        elif response.status >= 200:
            self._probe = None
            if response.status == 481:
                self._gone(Gone.UNKNOWN_CALL)

    def on_no_response(self, transaction: ClientTransaction, *, timed_out: bool) -> None:
        """Take the loss of a request within the dialog."""
        if transaction is not self._probe:
            self._owes_bye |= transaction.request.method == "BYE" and not timed_out
            super().on_no_response(transaction, timed_out=timed_out)
            return
        self._probe = None
        if timed_out and self._must_answer():
            self._gone(Gone.NO_ANSWER)

    def release(self) -> None:
        """Let go of the call."""
        super().release()
        self._must_answer = _need_not

    _senders: dict[type, Callable[..., None]] = SHARED_SENDERS


def _need_not() -> bool:
    return False
