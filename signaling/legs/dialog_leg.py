# SPDX-License-Identifier: Apache-2.0
"""What both kinds of SIP leg share once their dialog is up: who takes which message, and application data.

Invariant: each request within the dialog gets one answer, and nothing of a stranger reaches what is behind it.
"""

from __future__ import annotations

from collections.abc import Callable

from signaling.calls.events import HangUp, Info, Update, UpdateAccepted, UpdateRefused
from signaling.calls.leg import LegCallback
from signaling.legs.offers import OfferLeg
from signaling.legs.states import LegInput, LegState
from signaling.legs.within_dialog import ALLOW, SDP, refusal_of
from signaling.node import SipNode
from signaling.sip import Flow, RemoteProtocolError, SipResponse
from signaling.sip.events import RequestReceived
from signaling.sip.transaction_client import ClientTransaction

MAX_INFO_BYTES = 4096


class DialogLeg(OfferLeg):
    """A leg with a dialog; subclasses set it up. As `LegBase`."""

    def __init__(
        self,
        node: SipNode,
        on_event: LegCallback,
        label: str,
        table: dict[tuple[LegState, LegInput], LegState],
    ) -> None:
        super().__init__(node, on_event, label, table)
        self._infos: dict[ClientTransaction, None] = {}

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
        refusal = refusal_of(event.request, _IN_DIALOG, self.node.sessions)
        if refusal is not None:
            self.node.respond(event.transaction, refusal)
            return
        _IN_DIALOG[event.request.method](self, event)

    def on_response(self, transaction: ClientTransaction, response: SipResponse, flow: Flow) -> None:
        """Take the response to a request within the dialog."""
        if transaction is self._our_offer:
            self._on_offer_response(transaction, response)
        elif transaction is self._refresh:
            self._on_refresh_response(transaction, response)
        elif transaction in self._infos and response.status >= 200:
            del self._infos[transaction]

    def on_no_response(self, transaction: ClientTransaction, *, timed_out: bool) -> None:
        """Take the loss of a request within the dialog."""
        self._infos.pop(transaction, None)
        if transaction is self._our_offer:
            self._on_offer_lost(timed_out=timed_out)
        elif transaction is self._refresh:
            self._on_refresh_lost(timed_out=timed_out)

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
