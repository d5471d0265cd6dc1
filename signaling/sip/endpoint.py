# SPDX-License-Identifier: Apache-2.0
"""The endpoint: parser and transaction layer behind five verbs, with no I/O (RFC 3261 17, 18, RFC 6026, RFC 3581).

It knows no socket, clock, dialog, user or call. The adapter feeds it and drains it:

1. input: `receive_datagram`, `receive_stream_message`, `handle_timer`, `transport_failed`, or any verb of the
   transaction user (`send_request`, `respond`, `accept`, `respond_stateless`, `acknowledge`, `cancel`);
2. `next_event` until it returns None; each event may cause more input;
3. `datagrams_to_send`, and send them;
4. `get_timer`, and call `handle_timer` at that time.

Invariant: **drain after every input.** Step 2 follows each single input, so that the transaction user has accepted a
request before its retransmission is looked at; steps 3 and 4 follow each input, or all inputs of one turn of the
event loop, before the adapter waits again. Nothing is sent, reported or timed elsewhere. Inputs from the network
raise nothing; verbs of the transaction user raise LocalProtocolError when they are illegal in the present state.
"""

from __future__ import annotations

from collections.abc import Callable

from signaling.sip.endpoint_requests import EndpointLimits, receive_request
from signaling.sip.endpoint_responses import receive_response
from signaling.sip.endpoint_stateless import refuse_malformed, send_stateless, stateless_tag
from signaling.sip.errors import LocalProtocolError, ParseError, RemoteProtocolError
from signaling.sip.events import Event, MalformedReceived
from signaling.sip.flow import Flow
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.parser import DEFAULT_LIMITS, ParseLimits, parse_message
from signaling.sip.routing import bracketed, via_line
from signaling.sip.timers import SipTimers
from signaling.sip.tokens import BRANCH_CHARS, TokenSource
from signaling.sip.trace import Direction, TraceSink, message_record
from signaling.sip.transaction_client import (
    ClientTransaction,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from signaling.sip.transaction_core import TransactionCore
from signaling.sip.transaction_server import ServerTransaction
from signaling.sip.transaction_tables import Input

KEEP_ALIVE_BYTES = b"\r\n\0 \t"
"""What phones send over UDP to keep a NAT binding open; a datagram of nothing else is no message."""

BRANCH = b";branch="
SENT_METHODS = ("INVITE", "BYE", "CANCEL", "INFO", "UPDATE", "OPTIONS")
"""What this product asks of others."""

SentBy = Callable[[Flow], tuple[str, int]]
"""Host and port that requests over a flow name as sender."""


class Endpoint:
    """One SIP transaction layer. All times are seconds on the clock of the caller."""

    __slots__ = ("_core", "_limits", "_parse_limits", "_sent_by")

    def __init__(
        self,
        *,
        sent_by: SentBy,
        tokens: TokenSource,
        timers: SipTimers | None = None,
        limits: EndpointLimits | None = None,
        parse_limits: ParseLimits = DEFAULT_LIMITS,
        trace: TraceSink | None = None,
    ) -> None:
        self._core = TransactionCore(timers or SipTimers(), tokens, trace)
        self._sent_by = sent_by
        self._limits = limits or EndpointLimits()
        self._parse_limits = parse_limits

    # The five verbs

    def receive_datagram(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one datagram that came by `flow`. Whatever it holds, nothing is raised."""
        core = self._core
        if len(data) < 16 and not data.strip(KEEP_ALIVE_BYTES):
            return
        if core.trace is not None:
            core.trace(message_record(now, Direction.IN, flow, data))
        message: SipRequest | SipResponse | None = None
        try:
            message = parse_message(data, self._parse_limits)
            if isinstance(message, SipRequest):
                receive_request(core, self._limits, message, flow, now)
            else:
                receive_response(core, message, flow, now)
        except RemoteProtocolError as error:
            self._refuse(message, error, flow, now)

    def receive_stream_message(self, data: bytes, flow: Flow, now: float) -> None:
        """Take one message that a stream was framed into, as `receive_datagram` does."""
        self.receive_datagram(data, flow, now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Flow]]:
        """Return and forget the messages to send, in order."""
        core = self._core
        out = core.out
        if out:
            core.out = []
        return out

    def get_timer(self) -> float | None:
        """Return when `handle_timer` is due, None when no timer runs."""
        return self._core.queue.next_deadline()

    def handle_timer(self, now: float) -> None:
        """Fire every timer whose time has come."""
        queue = self._core.queue
        while (timer := queue.pop_due(now)) is not None:
            if timer.target is not None:
                timer.target.fire(timer, now)

    def next_event(self) -> Event | None:
        """Return and forget the oldest event, None when there is none."""
        core = self._core
        if core.events:
            return core.events.popleft()
        if core.finished:
            core.let_users_go()
        return None

    # Server side of the transaction user

    def accept(self, transaction: ServerTransaction, now: float) -> None:
        """Keep a fresh transaction before it is answered; no effect on one that is kept already.

        Raises LocalProtocolError when it is finished, or when a retransmission of its request was kept before.
        """
        transaction.accept(now)

    def respond(self, transaction: ServerTransaction, response: SipResponse, now: float) -> None:
        """Send a response in its transaction; a 2xx to INVITE is sent again until its ACK (RFC 3261 13.3.1.4).

        Raises LocalProtocolError after a final response to an INVITE, for a 2xx to INVITE without a To tag, and as
        `accept` does.
        """
        transaction.respond(response, now)

    def respond_stateless(self, request: SipRequest, response: SipResponse, flow: Flow, now: float) -> None:
        """Send a response to a request from RequestReceived and keep nothing; an ACK to it will be dropped.

        Use `stateless_tag` for its To tag (RFC 3261 8.2.7).
        """
        send_stateless(self._core, request, response, flow, now)

    def stateless_tag(self, request: SipRequest) -> str:
        """Return a To tag that is the same for each retransmission of `request`."""
        return stateless_tag(self._core, request)

    # Client side of the transaction user

    def send_request(self, request: SipRequest, flow: Flow, now: float) -> ClientTransaction:
        """Send a request other than ACK and CANCEL; its Via lines are replaced by one of this endpoint.

        Raises LocalProtocolError when a mandatory header is missing (RFC 3261 8.1.1).
        """
        if request.method in ("ACK", "CANCEL"):
            raise LocalProtocolError(f"{request.method} is sent by acknowledge() or cancel()")
        for name in ("To", "From", "CSeq", "Call-ID", "Max-Forwards"):
            if name not in request.headers.fields:
                raise LocalProtocolError(f"a request needs {name}")
        host, port = self._sent_by(flow)
        sent_by = (bracketed(host), port)
        branch = self._core.tokens.branch()
        request.headers.set("Via", via_line(flow, sent_by, branch))
        kind = InviteClientTransaction if request.method == "INVITE" else NonInviteClientTransaction
        transaction = kind(self._core, request, flow, branch, sent_by)
        transaction.start(now)
        return transaction

    def acknowledge(self, transaction: ClientTransaction, ack: SipRequest, flow: Flow, now: float) -> None:
        """Send the ACK to a 2xx over `flow`, and again for each copy of that 2xx; the To tags tell which one.

        Raises LocalProtocolError when `transaction` has received no 2xx with that To tag.
        """
        if not isinstance(transaction, InviteClientTransaction):
            raise LocalProtocolError(f"{transaction}: only an INVITE is acknowledged")
        ack.headers.set("Via", via_line(flow, self._sent_by(flow), self._core.tokens.branch()))
        transaction.acknowledge(ack, flow, now)

    def cancel(self, transaction: ClientTransaction, now: float) -> ClientTransaction | None:
        """Cancel an INVITE. Return the transaction of the CANCEL, or None while it waits for a provisional response.

        None also when it is too late. Raises LocalProtocolError for another method (RFC 3261 9.1).
        """
        if not isinstance(transaction, InviteClientTransaction):
            raise LocalProtocolError(f"{transaction}: only an INVITE is cancelled")
        transaction.step(Input.CANCEL, now)
        return transaction.cancel_transaction

    # The transport

    def transport_failed(self, flow: Flow, now: float) -> None:
        """Tell that `flow` is lost: its connection was closed or refused, or a datagram could not be sent.

        A response is then sent by a new connection if the transport allows (RFC 3261 18.2.2).
        """
        core = self._core
        for client in core.client_peers.using(flow):
            client.step(Input.TRANSPORT_ERROR, now)
        for server in core.server_peers.using(flow):
            server.reroute(now)

    # Observation

    def awaits(self, response: bytes) -> bool:
        """Tell quickly whether bytes that look like a response may answer a request of this endpoint.

        False also for an answer that nobody would write like that, though it is legal: ask only when in need.
        """
        start = response.find(BRANCH) + len(BRANCH)
        end = start + BRANCH_CHARS
        branch = response[start:end].decode("latin-1")
        clients = self._core.clients
        return any((branch, method) in clients for method in SENT_METHODS)

    @property
    def trace(self) -> TraceSink | None:
        """What takes the trace records; None, the default, costs nothing."""
        return self._core.trace

    @trace.setter
    def trace(self, sink: TraceSink | None) -> None:
        self._core.trace = sink

    @property
    def client_transactions(self) -> int:
        """Number of client transactions in memory."""
        return len(self._core.clients)

    @property
    def server_transactions(self) -> int:
        """Number of server transactions in memory; fresh ones are not counted."""
        return len(self._core.servers)

    def _refuse(
        self, message: SipRequest | SipResponse | None, error: RemoteProtocolError, flow: Flow, now: float
    ) -> None:
        request = error.request if isinstance(error, ParseError) else message
        answered = isinstance(request, SipRequest) and refuse_malformed(self._core, request, error, flow, now)
        self._core.events.append(MalformedReceived(flow, error, answered))
