# SPDX-License-Identifier: Apache-2.0
"""Client transactions (RFC 3261 17.1, RFC 6026 8.4): what the actions of their tables do.

They know nothing of dialogs. Invariants: each dialog's 2xx reaches the transaction user once, and each later copy
gets the ACK that the transaction user made for that dialog; nothing is sent after Terminated but such an ACK.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from signaling.sip.derived import build_ack, build_cancel
from signaling.sip.errors import LocalProtocolError
from signaling.sip.events import ResponseReceived, TransactionTimedOut, TransportFailed
from signaling.sip.flow import Flow
from signaling.sip.matching import tag_of
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.transaction import RECEIVED, Transaction
from signaling.sip.transaction_core import TransactionCore
from signaling.sip.transaction_tables import (
    INVITE_CLIENT,
    INVITE_CLIENT_TIMERS,
    NON_INVITE_CLIENT,
    NON_INVITE_CLIENT_TIMERS,
    Action,
    Input,
    State,
    Table,
    TimerMap,
)

MAX_FORKS = 32
"""Most dialogs that one INVITE may open; a peer that answers with more tags is not believed."""


class ClientTransaction(Transaction):
    """A request that was sent. `request` is the message as sent, its Via included."""

    __slots__ = ("branch", "call_id", "request", "sent_by")

    initial: ClassVar[State]

    def __init__(
        self, core: TransactionCore, request: SipRequest, flow: Flow, branch: str, sent_by: tuple[str, int]
    ) -> None:
        super().__init__(core, request.method, flow, self.initial)
        self.request = request
        self.branch = branch
        self.call_id = request.call_id
        self.sent_by = sent_by
        """Host and port that a response must show in its top Via (RFC 3261 18.1.2)."""

    def start(self, now: float) -> None:
        """Enter the tables and send the request."""
        core = self.core
        core.clients[(self.branch, self.method)] = self
        core.client_peers.add(self)
        self._switch_timers(self.state, now)
        self.wire = self.request.to_bytes()
        self.transmit(now)

    def receive(self, response: SipResponse, flow: Flow, now: float) -> None:
        """Take a response that was matched to this transaction."""
        self.step(RECEIVED[response.status // 100 - 1], now, response, flow)

    def forget(self) -> None:
        """Leave the tables of the core."""
        del self.core.clients[(self.branch, self.method)]
        self.core.client_peers.discard(self)
        self.wire = b""

    def __str__(self) -> str:
        return f"{self.name} {self.method} {self.branch}"

    def _resend_request(self, now: float, _message: None, _flow: None) -> None:
        self.transmit(now)

    def _report_response(self, _now: float, response: SipResponse, flow: Flow) -> None:
        self.core.events.append(ResponseReceived(self, response, flow))

    def _report_timeout(self, _now: float, _message: None, _flow: None) -> None:
        self.core.events.append(TransactionTimedOut(self))

    def _report_transport(self, _now: float, _message: None, _flow: None) -> None:
        self.core.events.append(TransportFailed(self))


class NonInviteClientTransaction(ClientTransaction):
    """Any request but INVITE and ACK (RFC 3261 17.1.2)."""

    __slots__ = ()

    name = "non-INVITE client"
    initial = State.TRYING
    table: ClassVar[Table] = NON_INVITE_CLIENT
    timer_map: ClassVar[TimerMap] = NON_INVITE_CLIENT_TIMERS
    actions: ClassVar[dict[Action, Callable[..., None]]] = {
        Action.RESEND_REQUEST: ClientTransaction._resend_request,
        Action.REPORT_RESPONSE: ClientTransaction._report_response,
        Action.REPORT_TIMEOUT: ClientTransaction._report_timeout,
        Action.REPORT_TRANSPORT: ClientTransaction._report_transport,
    }


class InviteClientTransaction(ClientTransaction):
    """An INVITE (RFC 3261 17.1.1) with its ACKs and its CANCEL."""

    __slots__ = ("acks", "cancel_transaction")

    name = "INVITE client"
    initial = State.CALLING
    table: ClassVar[Table] = INVITE_CLIENT
    timer_map: ClassVar[TimerMap] = INVITE_CLIENT_TIMERS

    def __init__(
        self, core: TransactionCore, request: SipRequest, flow: Flow, branch: str, sent_by: tuple[str, int]
    ) -> None:
        super().__init__(core, request, flow, branch, sent_by)
        self.acks: dict[str | None, tuple[bytes, Flow] | None] = {}
        """ACK and its path by To tag of the 2xx; None until the transaction user has acknowledged it."""
        self.cancel_transaction: ClientTransaction | None = None
        """The transaction of the CANCEL, once it was sent."""

    def acknowledge(self, ack: SipRequest, flow: Flow, now: float) -> None:
        """Send the ACK to a 2xx, and keep it for each retransmission of that 2xx (RFC 3261 13.2.2.4)."""
        tag = tag_of(ack.headers.fields.get("To"))
        if tag not in self.acks:
            raise LocalProtocolError(f"{self}: no 2xx with To tag {tag!r} to acknowledge")
        self.acks[tag] = (ack.to_bytes(), flow)
        self.step(Input.SEND_ACK, now, ack)

    def _report_2xx(self, now: float, response: SipResponse, flow: Flow) -> None:
        tag = tag_of(response.headers.fields.get("To"))
        if tag in self.acks:
            self._resend_stored_ack(tag, now)
        elif len(self.acks) < MAX_FORKS:
            self.wire = b""
            self.acks[tag] = None
            self._report_response(now, response, flow)
        else:
            self.core.note(now, flow, f"{self}: dropped a 2xx, more than {MAX_FORKS} forks")

    def _resend_stored_ack(self, tag: str | None, now: float) -> None:
        stored = self.acks[tag]
        if stored is not None:
            self.core.send(*stored, now)

    def _send_ack(self, now: float, ack: SipRequest, _flow: None) -> None:
        self._resend_stored_ack(tag_of(ack.headers.fields.get("To")), now)

    def _ack_and_report(self, now: float, response: SipResponse, flow: Flow) -> None:
        self.wire = build_ack(self.request, response).to_bytes()
        self.transmit(now)
        self._report_response(now, response, flow)

    def _resend_ack(self, now: float, _response: SipResponse, _flow: Flow) -> None:
        self.transmit(now)

    def _send_cancel(self, now: float, _message: None, _flow: None) -> None:
        cancel = build_cancel(self.request)
        self.cancel_transaction = NonInviteClientTransaction(
            self.core, cancel, self.flow, self.branch, self.sent_by
        )
        self.cancel_transaction.user = self.user
        self.cancel_transaction.start(now)

    def _report_and_cancel(self, now: float, response: SipResponse, flow: Flow) -> None:
        self._report_response(now, response, flow)
        self._send_cancel(now, None, None)

    actions: ClassVar[dict[Action, Callable[..., None]]] = {
        **NonInviteClientTransaction.actions,
        Action.REPORT_2XX: _report_2xx,
        Action.SEND_ACK: _send_ack,
        Action.ACK_AND_REPORT: _ack_and_report,
        Action.RESEND_ACK: _resend_ack,
        Action.SEND_CANCEL: _send_cancel,
        Action.REPORT_AND_CANCEL: _report_and_cancel,
    }
