# SPDX-License-Identifier: Apache-2.0
"""What both kinds of SIP leg share once their dialog is up: BYE, new offers, application data.

Invariant: at most one offer is open in a dialog (RFC 3264 section 4): a second one gets 491, ours or theirs.
Long because offers, BYE and glare decide over one state, which is easier to follow in one place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import Any

import structlog

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import (
    Acknowledged,
    HangUp,
    Info,
    LegEvent,
    Update,
    UpdateAccepted,
    UpdateRefused,
)
from signaling.calls.failures import CallFailure, failure_of_status
from signaling.calls.leg import LegCallback
from signaling.legs.states import LegInput, LegState
from signaling.legs.within_dialog import (
    ALLOW,
    Q850_OF_REASON,
    SDP,
    Parties,
    Reauthenticate,
    ignore_event,
    reason_header,
    refusal_of,
)
from signaling.node import SipNode
from signaling.sip import Flow, LocalProtocolError, RemoteProtocolError, SipRequest, SipResponse
from signaling.sip.dialog import Dialog
from signaling.sip.events import RequestReceived
from signaling.sip.transaction_client import ClientTransaction
from signaling.sip.transaction_server import ServerTransaction

log = structlog.get_logger("switchboard.legs")

MAX_INFO_BYTES = 4096

_numbers = count(1)


class DialogLeg:
    """A leg with a dialog; subclasses set it up.

    Args:
        node: sends and receives.
        on_event: gets the neutral events.
        label: "A" or "B".
        table: the states of this kind of leg.
    """

    direction: str = ""
    """Whether the peer sent the INVITE (inbound) or this node did (outbound)."""

    def __init__(
        self,
        node: SipNode,
        on_event: LegCallback,
        label: str,
        table: dict[tuple[LegState, LegInput], LegState],
    ) -> None:
        self.node = node
        self.number = next(_numbers)
        """Names this leg among all legs of the process."""
        self.label = label
        self.state = LegState.CALLING
        self.ringing = False
        """Whether the INVITE has a provisional answer above 100."""
        self.call: Any = None
        self.session_id = ""
        self.created_at = time.time()
        """Seconds since the epoch, for showing."""
        self.remote_ip = ""
        self.through_node = False
        """Whether another node is in between, so that the peer is not where its messages come from."""
        self.dialog: Dialog | None = None
        self.flow: Flow | None = None
        self.reauthenticate: Reauthenticate | None = None
        self.trusted_hosts: set[str] = set()
        self._report = on_event
        self._table = table
        self._dialog_key: tuple[str, str, str] | None = None
        self._reported_end = False
        self._bye: ServerTransaction | None = None
        self._bye_response: SipResponse | None = None
        self._their_offer: tuple[ServerTransaction, SipRequest] | None = None
        self._our_offer: ClientTransaction | None = None
        self._infos: dict[ClientTransaction, None] = {}
        node.legs[self] = None
        node.changes.leg(self)

    @property
    def parties(self) -> Parties:
        """Who talks to whom; a leg has a dialog, or overrides this."""
        dialog = self.dialog
        if dialog is None:
            raise LocalProtocolError("this leg has no dialog")
        outbound = self.direction == "outbound"
        return Parties(
            *dialog.id,
            dialog.local_uri if outbound else dialog.remote_uri,
            dialog.remote_uri if outbound else dialog.local_uri,
        )

    # --- For the call -------------------------------------------------------------------------------------------

    def send(self, event: LegEvent) -> None:
        """Do what ``event`` asks of this party."""
        handler = self._senders.get(type(event))
        if handler is not None:
            handler(self, event)

    def confirm_hang_up(self) -> None:
        """Answer the peer's BYE."""
        if (
            self._advance(LegInput.CONFIRM_HANG_UP)
            and self._bye is not None
            and self._bye_response is not None
        ):
            self.node.respond(self._bye, self._bye_response)
            self._bye = self._bye_response = None

    def release(self) -> None:
        """Let go of the call; what the dialog still needs, such as the answer to a late BYE, goes on."""
        self._report = ignore_event
        self.reauthenticate = None
        self.call = None

    # --- From the node ------------------------------------------------------------------------------------------

    def on_request(self, event: RequestReceived) -> None:
        """Take a request within the dialog (RFC 3261 section 12.2.2)."""
        if self.dialog is None:
            self.node.respond_stateless(event, event.request.response(481))
            return
        if not self._source_is_trusted(event):
            return
        try:
            self.dialog.receive_request(event.request)
        except RemoteProtocolError as error:
            self.node.respond(event.transaction, event.request.response(error.status_hint, error.reason))
            return
        self._keep()
        refusal = refusal_of(event.request, _IN_DIALOG)
        if refusal is not None:
            self.node.respond(event.transaction, refusal)
            return
        _IN_DIALOG[event.request.method](self, event)

    def on_response(self, transaction: ClientTransaction, response: SipResponse, flow: Flow) -> None:
        """Take the response to a request within the dialog."""
        if transaction is self._our_offer:
            self._on_offer_response(transaction, response)
        elif transaction in self._infos and response.status >= 200:
            del self._infos[transaction]

    def on_no_response(self, transaction: ClientTransaction, *, timed_out: bool) -> None:
        """Take the loss of a request within the dialog; a lost re-INVITE ends it (RFC 3261 section 12.2.1.2)."""
        self._infos.pop(transaction, None)
        if transaction is not self._our_offer:
            return
        self._our_offer = None
        self._report(self, UpdateRefused(failures.UNREACHABLE))
        if timed_out:
            self._hang_up(EndReason.TIMEOUT)
            self._report_end(HangUp(EndReason.TIMEOUT))

    def on_cancel(self, transaction: ServerTransaction) -> None:
        """Take the peer's CANCEL of its new offer."""
        if self._their_offer is not None and self._their_offer[0] is transaction:
            self._refuse_their_offer(failures.CANCELED)

    def on_ack(self, transaction: ServerTransaction, request: SipRequest) -> None:
        """Take the ACK to a re-INVITE of the peer."""
        if request.content_type == SDP and transaction.user is self:
            self._report(self, Acknowledged(request.body.decode("utf-8", "replace")))

    def on_ack_missing(self, transaction: ServerTransaction) -> None:
        """End the session: the answer to a re-INVITE was never confirmed (RFC 3261 section 14.2)."""
        self._hang_up(EndReason.TIMEOUT)
        self._report_end(HangUp(EndReason.TIMEOUT))

    def _keep(self) -> None:
        """Have what changed of the dialog kept for a later process."""
        if self.call is not None and self.state is LegState.UP:
            self.call.keep()

    # --- States -------------------------------------------------------------------------------------------------

    def _advance(self, given: LegInput) -> bool:
        after = self._table.get((self.state, given))
        if after is None:
            return False
        self.state = after
        if after is LegState.ENDED:
            self._leave_dialog()
            self.node.legs.pop(self, None)
        self.node.changes.leg(self)
        return True

    def _enter_dialog(self, dialog: Dialog, flow: Flow) -> None:
        self._leave_dialog()
        self.dialog = dialog
        self.flow = flow
        self.trusted_hosts.add(flow.remote[0])
        self._dialog_key = dialog.id
        self.node.dialogs[self._dialog_key] = self
        self.node.changes.leg(self)

    def _leave_dialog(self) -> None:
        if self._dialog_key is not None:
            self.node.dialogs.pop(self._dialog_key, None)
            self._dialog_key = None

    def _report_end(self, event: LegEvent) -> None:
        if not self._reported_end:
            self._reported_end = True
            self._report(self, event)

    def _source_is_trusted(self, event: RequestReceived) -> bool:
        """Whether a request may act on this dialog: it comes from where the dialog lives, or proves who it is."""
        if event.flow.remote[0] in self.trusted_hosts:
            self._follow(event.flow)
            return True
        refusal = event.request.response(403) if self.reauthenticate is None else self.reauthenticate(event)
        if refusal is None:
            self.trusted_hosts.add(event.flow.remote[0])
            self._follow(event.flow)
            return True
        self.node.respond_stateless(event, refusal)
        return False

    def _follow(self, flow: Flow) -> None:
        """Send what comes next to where the peer was last heard from: phones behind NAT change their port."""
        self.flow = flow
        if not self.through_node:
            self.remote_ip = flow.remote[0]

    # --- Hanging up ---------------------------------------------------------------------------------------------

    def _hang_up(self, reason: EndReason) -> None:
        if self._advance(LegInput.SEND_HANG_UP):
            self._send_bye(reason)

    def _send_bye(self, reason: EndReason) -> None:
        if self.dialog is None or self.flow is None:
            return
        if self._their_offer is not None:
            self._refuse_their_offer(failures.CANCELED)
        bye = self.dialog.make_request("BYE")
        bye.headers.set("Reason", reason_header(Q850_OF_REASON.get(reason, 16)))
        self.node.request(bye, self.flow, self)

    def _on_bye(self, event: RequestReceived) -> None:
        if self.state is LegState.HELD_BACK:
            return
        response = event.request.response(200)
        if not self._advance(LegInput.BYE) or self.state is LegState.ENDED:
            self.node.respond(event.transaction, response)
            return
        self.node.endpoint.accept(event.transaction, self.node.loop.time())
        self._bye = event.transaction
        self._bye_response = response
        if self._their_offer is not None:
            self._refuse_their_offer(failures.CANCELED)
        self._report_end(HangUp(EndReason.NORMAL))

    # --- New offers ---------------------------------------------------------------------------------------------

    def _on_offer(self, event: RequestReceived) -> None:
        request, transaction = event.request, event.transaction
        has_sdp = request.content_type == SDP
        if request.body and not has_sdp:
            response = request.response(415)
            response.headers.set("Accept", SDP)
            self.node.respond(transaction, response)
            return
        if request.method == "UPDATE" and not has_sdp:
            # It offers nothing, so that it crosses nothing, not even before the answer (RFC 3311 5.1).
            self.node.respond(transaction, self._with_contact(request.response(200)))
            return
        if self._their_offer is not None or self._our_offer is not None or self.state is not LegState.UP:
            self._respond_glare(event)
            return
        self._their_offer = (transaction, request)
        transaction.user = self
        if request.method == "INVITE":
            self.node.respond(transaction, request.response(100))
        else:
            self.node.endpoint.accept(transaction, self.node.loop.time())
        self._report(self, Update(request.body.decode("utf-8", "replace") if has_sdp else ""))

    def _respond_glare(self, event: RequestReceived) -> None:
        """Refuse a second offer: 491, or 500 with Retry-After for a second one of the peer (RFC 3261 14.2)."""
        if self._their_offer is None:
            response = event.request.response(491)
        else:
            response = event.request.response(500)
            response.headers.set("Retry-After", "5")
        self.node.respond(event.transaction, response)

    def _accept_their_offer(self, event: UpdateAccepted) -> None:
        if self._their_offer is None:
            return
        transaction, request = self._their_offer
        self._their_offer = None
        response = self._with_contact(request.response(200))
        response.headers.set("Content-Type", SDP)
        response.body = event.sdp.encode()
        self.node.respond(transaction, response)

    def _refuse_their_offer(self, failure: CallFailure) -> None:
        if self._their_offer is None:
            return
        transaction, request = self._their_offer
        self._their_offer = None
        self.node.respond(transaction, request.response(failure.status, failure.phrase))

    def _make_offer(self, event: Update) -> None:
        if self.state is not LegState.UP or self.dialog is None or self.flow is None:
            self._report(self, UpdateRefused(failures.GLARE))
            return
        if self._our_offer is not None or self._their_offer is not None:
            self._report(self, UpdateRefused(failures.GLARE))
            return
        invite = self.dialog.make_request(
            "INVITE",
            body=event.sdp.encode(),
            content_type=SDP,
            extra_headers=[("Allow", ALLOW)],
        )
        self._our_offer = self.node.request(invite, self.flow, self)
        self._keep()

    def _on_offer_response(self, transaction: ClientTransaction, response: SipResponse) -> None:
        if response.status < 200 or self.dialog is None or self.flow is None:
            return
        if response.status >= 300:
            self._our_offer = None
            self._report(self, UpdateRefused(failure_of_status(response.status, response.reason)))
            if response.status in (408, 481):
                self._hang_up(EndReason.TIMEOUT)
                self._report_end(HangUp(EndReason.TIMEOUT))
            return
        self._our_offer = None
        self.dialog.receive_response(response)
        ack = self.dialog.make_ack(transaction.request.cseq.number)
        self.node.acknowledge(transaction, ack, self.flow)
        self._report(self, UpdateAccepted(response.body.decode("utf-8", "replace")))

    # --- Application data and the rest --------------------------------------------------------------------------

    def _on_info(self, event: RequestReceived) -> None:
        self.node.respond(event.transaction, event.request.response(200))
        if event.request.body and len(event.request.body) <= MAX_INFO_BYTES:
            self._report(self, Info(event.request.content_type or "text/plain", event.request.body))

    def _send_info(self, event: Info) -> None:
        if self.state is LegState.UP and self.dialog is not None and self.flow is not None:
            info = self.dialog.make_request("INFO", body=event.body, content_type=event.content_type)
            self._infos[self.node.request(info, self.flow, self)] = None
            self._keep()

    def _on_options(self, event: RequestReceived) -> None:
        response = event.request.response(200)
        response.headers.set("Allow", ALLOW)
        response.headers.set("Accept", SDP)
        self.node.respond(event.transaction, response)

    def _with_contact(self, response: SipResponse) -> SipResponse:
        if self.flow is not None:
            response.headers.set("Contact", str(self.node.contact(self.flow)))
        response.headers.set("Allow", ALLOW)
        return response

    _senders: dict[type, Callable[..., None]] = {}


_IN_DIALOG: dict[str, Callable[[DialogLeg, RequestReceived], None]] = {
    "BYE": lambda leg, event: leg._on_bye(event),
    "INVITE": DialogLeg._on_offer,
    "UPDATE": DialogLeg._on_offer,
    "INFO": DialogLeg._on_info,
    "OPTIONS": DialogLeg._on_options,
}

SHARED_SENDERS: dict[type, Callable[..., None]] = {
    HangUp: lambda leg, event: leg._hang_up(event.reason),
    Update: DialogLeg._make_offer,
    UpdateAccepted: DialogLeg._accept_their_offer,
    UpdateRefused: lambda leg, event: leg._refuse_their_offer(event.failure),
    Info: DialogLeg._send_info,
}
"""What every leg does with what a call sends it, once the dialog is up."""
