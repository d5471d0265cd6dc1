# SPDX-License-Identifier: Apache-2.0
"""Server transactions (RFC 3261 17.2, RFC 6026 8.5): what the actions of their tables do.

They know nothing of dialogs. Invariants: a transaction that was neither accepted nor answered is in no table, so
that a request which is refused statelessly leaves nothing behind; a response is serialised once, however often sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from signaling.sip.errors import LocalProtocolError
from signaling.sip.events import AckMissing, AckReceived, CancelReceived, TransactionTimedOut, TransportFailed
from signaling.sip.flow import Flow
from signaling.sip.matching import Key, merge_key, tag_of
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.routing import response_flow, sent_by_port
from signaling.sip.tokens import MAGIC_COOKIE
from signaling.sip.transaction import SENT, Transaction
from signaling.sip.transaction_core import TransactionCore
from signaling.sip.transaction_tables import (
    INVITE_SERVER,
    INVITE_SERVER_TIMERS,
    NON_INVITE_SERVER,
    NON_INVITE_SERVER_TIMERS,
    Action,
    Input,
    State,
    Table,
    TimerMap,
)

REOPENED_TRANSPORTS = frozenset({"tcp", "tls"})
"""Transports over which a response may open a connection to its requester (RFC 3261 18.2.2; not RFC 7118)."""


class ServerTransaction(Transaction):
    """A request that was received."""

    __slots__ = ("_request", "call_id", "cseq", "dialog_tag", "from_tag", "key", "reopen_port", "to_line")

    def __init__(
        self,
        core: TransactionCore,
        request: SipRequest,
        key: Key,
        flow: Flow,
        from_tag: str | None,
        dialog_tag: str | None,
    ) -> None:
        via = request.top_via
        super().__init__(core, request.method, response_flow(via, flow), State.FRESH)
        self._request: SipRequest | None = request
        self.key = key
        self.call_id = request.call_id
        self.cseq = request.cseq.number
        self.from_tag = from_tag
        self.dialog_tag = dialog_tag
        """To tag of the request: None outside a dialog."""
        self.to_line: list[str] | None = None
        """To of the last response."""
        self.reopen_port = sent_by_port(via, flow.transport)
        """Where to open a connection to, when that of the request is lost (RFC 3261 18.2.2)."""

    @property
    def request(self) -> SipRequest:
        """The request with its top Via stamped, until the transaction only lingers for retransmissions.

        That begins with the final response, or with the ACK to a 2xx. Raises LocalProtocolError afterwards: tens of
        thousands of transactions linger on a busy endpoint, and need a key and a response but no message.
        """
        if self._request is None:
            raise LocalProtocolError(f"{self}: the request was let go in {self.state}")
        return self._request

    @property
    def to_tag(self) -> str | None:
        """The tag that To has in the responses: the request's own, else that of the last response, or None."""
        return self.dialog_tag or tag_of(self.to_line)

    def accept(self, now: float) -> None:
        """Enter the tables without an answer, so that retransmissions are absorbed from here on."""
        if self.state is State.FRESH:
            self._enter_tables()
        self.step(Input.ACCEPT, now)

    def respond(self, response: SipResponse, now: float) -> None:
        """Send a response; enter the tables when it is the first."""
        if self.state is State.FRESH:
            self._enter_tables()
        self.step(SENT[response.status // 100 - 1], now, response)

    def reroute(self, now: float) -> None:
        """The path is lost: send by a new connection from here on, or report if that is lost or impossible."""
        flow = self.flow
        if flow.connection and flow.transport in REOPENED_TRANSPORTS:
            self.flow = Flow(flow.transport, (flow.remote[0], self.reopen_port), flow.local, 0)
        else:
            self.step(Input.TRANSPORT_ERROR, now)

    def belongs(self, request: SipRequest) -> bool:
        """Whether an ACK or CANCEL with this key means this very request, whoever has learnt its branch."""
        fields = request.headers.fields
        if self.call_id != request.call_id or self.from_tag != tag_of(fields.get("From")):
            return False
        if request.method != "ACK" or str(self.key[0]).startswith(MAGIC_COOKIE):
            return True
        return self.to_tag == tag_of(fields.get("To"))

    def forget(self) -> None:
        """Leave the tables of the core."""
        core = self.core
        del core.servers[self.key]
        core.server_peers.discard(self)
        if self.dialog_tag is None and core.merged.get(self._merge_key()) is self:
            del core.merged[self._merge_key()]
        self.wire = b""
        self._request = None

    def __str__(self) -> str:
        return f"{self.name} {self.method} {self.key[0]}"

    def _enter_tables(self) -> None:
        core = self.core
        if self.key in core.servers:
            raise LocalProtocolError(f"{self}: a retransmission of this request was accepted before")
        core.servers[self.key] = self
        core.server_peers.add(self)
        if self.dialog_tag is None:
            core.merged.setdefault(self._merge_key(), self)

    def _merge_key(self) -> Key:
        return merge_key(self.call_id, self.from_tag, self.cseq, self.method)

    def _send_response(self, now: float, response: SipResponse, _flow: None) -> None:
        self.to_line = response.headers.fields.get("To")
        self.wire = response.to_bytes()
        self.core.send(self.wire, self.flow, now)
        if self.state is State.COMPLETED:
            self._request = None

    def _resend_response(self, now: float, _message: SipRequest | None, _flow: Flow | None) -> None:
        self.transmit(now)

    def _report_timeout(self, _now: float, _message: None, _flow: None) -> None:
        self.core.events.append(TransactionTimedOut(self))

    def _report_transport(self, _now: float, _message: None, _flow: None) -> None:
        self.core.events.append(TransportFailed(self))


class NonInviteServerTransaction(ServerTransaction):
    """Any request but INVITE, ACK and CANCEL (RFC 3261 17.2.2)."""

    __slots__ = ()

    name = "non-INVITE server"
    table: ClassVar[Table] = NON_INVITE_SERVER
    timer_map: ClassVar[TimerMap] = NON_INVITE_SERVER_TIMERS
    actions: ClassVar[dict[Action, Callable[..., None]]] = {
        Action.SEND_RESPONSE: ServerTransaction._send_response,
        Action.RESEND_RESPONSE: ServerTransaction._resend_response,
        Action.REPORT_TIMEOUT: ServerTransaction._report_timeout,
        Action.REPORT_TRANSPORT: ServerTransaction._report_transport,
    }


class InviteServerTransaction(ServerTransaction):
    """An INVITE (RFC 3261 17.2.1) with the retransmission of its 2xx (13.3.1.4)."""

    __slots__ = ("ack_key",)

    name = "INVITE server"
    table: ClassVar[Table] = INVITE_SERVER
    timer_map: ClassVar[TimerMap] = INVITE_SERVER_TIMERS

    def __init__(
        self,
        core: TransactionCore,
        request: SipRequest,
        key: Key,
        flow: Flow,
        from_tag: str | None,
        dialog_tag: str | None,
    ) -> None:
        super().__init__(core, request, key, flow, from_tag, dialog_tag)
        self.ack_key: Key | None = None

    def respond(self, response: SipResponse, now: float) -> None:
        """As for any request; a 2xx must have a To tag, without which no ACK could be matched."""
        if 200 <= response.status < 300 and tag_of(response.headers.fields.get("To")) is None:
            raise LocalProtocolError(f"{self}: a 2xx without a To tag")
        super().respond(response, now)

    def forget(self) -> None:
        """Leave the tables of the core."""
        super().forget()
        if self.ack_key is not None and self.core.acks.get(self.ack_key) is self:
            del self.core.acks[self.ack_key]

    def _send_2xx(self, now: float, response: SipResponse, _flow: None) -> None:
        local_tag = tag_of(response.headers.fields.get("To"))
        self.ack_key = (self.call_id, local_tag, self.from_tag, self.cseq)
        self.core.acks[self.ack_key] = self
        self._send_response(now, response, None)

    def _report_ack(self, _now: float, ack: SipRequest, _flow: Flow) -> None:
        self.wire = b""
        self._request = None
        self.core.events.append(AckReceived(self, ack))

    def _report_ack_missing(self, _now: float, _message: None, _flow: None) -> None:
        self.core.events.append(AckMissing(self))

    def _report_cancel(self, _now: float, cancel: SipRequest, flow: Flow) -> None:
        self.core.events.append(CancelReceived(self, cancel, flow))

    actions: ClassVar[dict[Action, Callable[..., None]]] = {
        **NonInviteServerTransaction.actions,
        Action.SEND_2XX: _send_2xx,
        Action.REPORT_ACK: _report_ack,
        Action.REPORT_ACK_MISSING: _report_ack_missing,
        Action.REPORT_CANCEL: _report_cancel,
    }
