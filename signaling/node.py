# SPDX-License-Identifier: Apache-2.0
"""The signaling node: joins the sans-IO endpoint and the sockets on one event loop and hands events to their users.

It knows which object a message belongs to, never what the message means. Invariant: after every input the endpoint
is drained (events handed out, datagrams sent) and one timer is armed for its next deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import structlog

from signaling.changes import Changes
from signaling.log_facts import facts_of
from signaling.sip import Flow, NameAddr, RemoteProtocolError, SipRequest, SipResponse, SipUri
from signaling.sip.dialog import Dialog
from signaling.sip.endpoint import Endpoint
from signaling.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    MalformedReceived,
    RequestReceived,
    ResponseReceived,
    StrayReceived,
    TransactionTimedOut,
    TransportFailed,
)
from signaling.sip.session_headers import SessionPolicy
from signaling.sip.tokens import TokenSource
from signaling.sip.transaction_client import ClientTransaction
from signaling.sip.transaction_server import ServerTransaction
from signaling.transport import Target, TargetRefused, TransportManager
from signaling.transport.addresses import parse_ip

log = structlog.get_logger("switchboard.sip")

SERVER_NAME = "Switchboard"
DEFAULT_PORT = 5060

TIMER_PACE_S = 0.05
"""Least time between two looks at the timers, a tenth of T1. Four transactions of a call linger until a timer ends them:
on a busy node they end together, instead of waking the process once for each."""

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag (RFC 3261 section 12)."""


class RequestUser(Protocol):
    """Owns client transactions."""

    def on_response(self, transaction: ClientTransaction, response: SipResponse, flow: Flow) -> None:
        """Take a response."""

    def on_no_response(self, transaction: ClientTransaction, *, timed_out: bool) -> None:
        """Take the end of a transaction without a final response: timed out, or not deliverable."""


class InviteUser(Protocol):
    """Owns server INVITE transactions."""

    def on_cancel(self, transaction: ServerTransaction) -> None:
        """The peer gave up; a 487 is due."""

    def on_ack(self, transaction: ServerTransaction, request: SipRequest) -> None:
        """The ACK to a 2xx arrived."""

    def on_ack_missing(self, transaction: ServerTransaction) -> None:
        """No ACK came in time."""


class DialogUser(Protocol):
    """Owns a dialog."""

    def on_request(self, event: RequestReceived) -> None:
        """Take a request within the dialog."""


class TrafficCounter(Protocol):
    """Counts the messages on the wire."""

    def received(self, data: bytes) -> None:
        """Count one that came."""

    def sent(self, messages: list[tuple[bytes, Flow]]) -> None:
        """Count some that go out; those that an input caused follow it at once."""


RequestHandler = Callable[[RequestReceived], None]
FlowHandler = Callable[[Flow], None]


class SipNode:
    """One endpoint on the sockets of one transport manager.

    Args:
        endpoint: protocol state.
        transport: sockets; its callbacks are set here.
        tokens: source of tags and Call-IDs.
        changes: gets a note of each leg that changes; None: nobody looks.
        sessions: how long the sessions of dialogs last without a refresh; None: as RFC 4028 recommends.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        transport: TransportManager,
        tokens: TokenSource,
        loop: asyncio.AbstractEventLoop,
        changes: Changes | None = None,
        sessions: SessionPolicy | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.transport = transport
        self.tokens = tokens
        self.loop = loop
        self.changes = Changes() if changes is None else changes
        self.sessions = SessionPolicy() if sessions is None else sessions
        self.session_headers = self.sessions.headers()
        """What each INVITE that begins a session says."""
        self.dialogs: dict[DialogId, DialogUser] = {}
        self.legs: dict[DialogUser, None] = {}
        """Every leg that has not ended, with a dialog or yet without."""
        self.handlers: dict[str, RequestHandler] = {}
        self.on_unhandled: RequestHandler | None = None
        self.on_stray: FlowHandler | None = None
        """Told of the path of each message that belongs to nothing."""
        self.on_answered: FlowHandler | None = None
        """Told of the path of each 2xx to an INVITE of this node."""
        self.traffic: TrafficCounter | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")
        self._fired_at = float("-inf")
        self._flush_scheduled = False
        self._draining = False

    # --- From the sockets ---------------------------------------------------------------------------------------

    def on_message(self, data: bytes, flow: Flow) -> None:
        """Take one datagram or one framed message."""
        if self.traffic is not None:
            self.traffic.received(data)
        self.endpoint.receive_datagram(data, flow, self.loop.time())
        self._drain()

    def on_lost(self, flow: Flow) -> None:
        """Take the loss of a connection, or the failure to reach a peer."""
        self.endpoint.transport_failed(flow, self.loop.time())
        self._drain()

    # --- For transaction users ----------------------------------------------------------------------------------

    def respond(self, transaction: ServerTransaction, response: SipResponse) -> None:
        """Send a response in its transaction."""
        response.headers.set("Server", SERVER_NAME)
        self.endpoint.respond(transaction, response, self.loop.time())
        self._flush_soon()

    def respond_stateless(self, event: RequestReceived, response: SipResponse) -> None:
        """Send a response and keep no state for it."""
        self.add_to_tag(event.request, response)
        response.headers.set("Server", SERVER_NAME)
        self.endpoint.respond_stateless(event.request, response, event.flow, self.loop.time())
        self._flush_soon()

    def add_to_tag(self, request: SipRequest, response: SipResponse) -> None:
        """Give a response that has none a To tag, the same for each retransmission (RFC 3261 section 8.2.6.2)."""
        if response.to.tag is None:
            tag = self.endpoint.stateless_tag(request)
            response.headers.set("To", str(response.to.with_tag(tag)))

    def request(self, request: SipRequest, flow: Flow, user: RequestUser) -> ClientTransaction:
        """Send a request in a new transaction of ``user``."""
        request.headers.set("User-Agent", SERVER_NAME)
        transaction = self.endpoint.send_request(request, flow, self.loop.time())
        transaction.user = user
        self._flush_soon()
        return transaction

    def cancel(self, transaction: ClientTransaction) -> None:
        """Cancel an INVITE that has no final response yet (RFC 3261 section 9.1)."""
        self.endpoint.cancel(transaction, self.loop.time())
        self._flush_soon()

    def acknowledge(self, transaction: ClientTransaction, ack: SipRequest, flow: Flow) -> None:
        """Send the ACK to a 2xx; the endpoint repeats it for each repeated 2xx."""
        self.endpoint.acknowledge(transaction, ack, flow, self.loop.time())
        self._flush_soon()

    def contact(self, flow: Flow, *, secure: bool = False) -> NameAddr:
        """Return the Contact of this node as seen by the peer of ``flow``; a sips URI when ``secure``."""
        host, port = self.transport.advertised(flow.remote[0], flow.transport)
        return own_contact(host, port, "sips" if secure else flow.transport)

    def flow_to_target(self, dialog: Dialog, flow: Flow) -> Flow:
        """Return the path of requests in a dialog whose peer is not behind NAT (RFC 3261 section 12.2.1.1).

        It is ``flow``, by which the peer or the proxy before it answers, unless the remote target is another numeric
        address that may be sent to and no proxy asked to stay in between.
        """
        if flow.reliable:
            # Its connection is opened again if it is lost: nothing but this end keeps it open in a long call.
            return flow._replace(connection=0)
        target = dialog.remote_target
        ip = parse_ip(target.host)
        if ip is None or dialog.route_set or (target.transport or "udp") != "udp":
            return flow
        found = Target("udp", str(ip), target.port or DEFAULT_PORT)
        if (found.ip, found.port) == flow.remote:
            return flow
        try:
            self.transport.check_target(found, peer_ip=flow.remote[0])
        except TargetRefused:
            return flow
        return self.transport.flow_to(found)

    # --- Inside -------------------------------------------------------------------------------------------------

    def _flush_soon(self) -> None:
        if not self._draining and not self._flush_scheduled:
            self._flush_scheduled = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_scheduled = False
        self._drain()

    def _drain(self) -> None:
        if self._draining:
            return  # a send that fails at once reports it from inside the loop below, which then goes round again
        endpoint = self.endpoint
        self._draining = True
        try:
            while True:
                while (event := endpoint.next_event()) is not None:
                    self._dispatch(event)
                outgoing = endpoint.datagrams_to_send(self.loop.time())
                if not outgoing:
                    break
                if self.traffic is not None:
                    self.traffic.sent(outgoing)
                send = self.transport.send
                for data, flow in outgoing:
                    send(data, flow)
        finally:
            self._draining = False
        self._arm()

    def _arm(self) -> None:
        deadline = self.endpoint.get_timer()
        if deadline is None:
            return
        deadline = max(deadline, self._fired_at + TIMER_PACE_S)
        if deadline >= self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self.loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._armed_for = float("inf")
        self._fired_at = now = self.loop.time()
        self.endpoint.handle_timer(now)
        self._drain()

    def _dispatch(self, event: object) -> None:
        handle = _DISPATCH[type(event)]
        try:
            handle(self, event)
        except RemoteProtocolError as error:
            log.debug("sip.refused", error=str(error), **facts_of(event, self.dialogs))
            if isinstance(event, RequestReceived):
                self.respond_stateless(event, event.request.response(error.status_hint, error.reason))
        except Exception:
            log.exception("sip.handler_failed", **facts_of(event, self.dialogs))
            if isinstance(event, RequestReceived):
                self.respond_stateless(event, event.request.response(500))

    def _on_request(self, event: RequestReceived) -> None:
        request = event.request
        local_tag = request.to.tag
        if local_tag:
            user = self.dialogs.get((request.call_id, local_tag, request.from_.tag or ""))
            if user is not None:
                user.on_request(event)
                return
            if request.method != "REGISTER":
                self._stray(event.flow)
                self.respond_stateless(event, request.response(481))
                return
        handler = self.handlers.get(request.method, self.on_unhandled)
        if handler is not None:
            handler(event)

    def _on_response(self, event: ResponseReceived) -> None:
        user: RequestUser | None = event.transaction.user  # type: ignore[assignment]
        if (
            self.on_answered is not None
            and event.response.status == 200
            and event.transaction.method == "INVITE"
        ):
            self.on_answered(event.flow)
        if user is not None:
            user.on_response(event.transaction, event.response, event.flow)

    def _on_cancel(self, event: CancelReceived) -> None:
        user: InviteUser | None = event.transaction.user  # type: ignore[assignment]
        if user is not None:
            user.on_cancel(event.transaction)

    def _on_ack(self, event: AckReceived) -> None:
        user: InviteUser | None = event.transaction.user  # type: ignore[assignment]
        if user is not None:
            user.on_ack(event.transaction, event.request)

    def _on_ack_missing(self, event: AckMissing) -> None:
        user: InviteUser | None = event.transaction.user  # type: ignore[assignment]
        if user is not None:
            user.on_ack_missing(event.transaction)

    def _on_timed_out(self, event: TransactionTimedOut) -> None:
        self._on_no_response(event.transaction, timed_out=True)

    def _on_transport_failed(self, event: TransportFailed) -> None:
        self._on_no_response(event.transaction, timed_out=False)

    def _on_no_response(self, transaction: ClientTransaction | ServerTransaction, *, timed_out: bool) -> None:
        user: RequestUser | None = transaction.user  # type: ignore[assignment]
        if user is not None and isinstance(transaction, ClientTransaction):
            user.on_no_response(transaction, timed_out=timed_out)

    def _stray(self, flow: Flow) -> None:
        if self.on_stray is not None:
            self.on_stray(flow)

    def _on_stray(self, event: StrayReceived) -> None:
        self._stray(event.flow)

    def _on_malformed(self, event: MalformedReceived) -> None:
        self._stray(event.flow)
        log.debug(
            "sip.malformed", source=event.flow.remote[0], error=str(event.error), answered=event.answered
        )


@lru_cache(maxsize=64)
def own_contact(host: str, port: int, transport: str) -> NameAddr:
    """Return the Contact of a node with this address; its peers know it under few.

    ``transport`` is "sips" for a sips URI, which says all there is to say (RFC 3261 section 26.2.2).
    """
    host = f"[{host}]" if ":" in host else host
    if transport == "sips":
        return NameAddr(uri=SipUri(scheme="sips", host=host, port=port))
    params = () if transport == "udp" else (("transport", transport),)
    return NameAddr(uri=SipUri(host=host, port=port, params=params))


_DISPATCH: dict[type, Callable[..., None]] = {
    RequestReceived: SipNode._on_request,
    ResponseReceived: SipNode._on_response,
    CancelReceived: SipNode._on_cancel,
    AckReceived: SipNode._on_ack,
    AckMissing: SipNode._on_ack_missing,
    TransactionTimedOut: SipNode._on_timed_out,
    TransportFailed: SipNode._on_transport_failed,
    MalformedReceived: SipNode._on_malformed,
    StrayReceived: SipNode._on_stray,
}
