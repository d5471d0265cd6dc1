# SPDX-License-Identifier: Apache-2.0
"""New offers within the dialog of a leg: the peer's, ours, and both at once.

Invariant: at most one offer is open in a dialog (RFC 3264 section 4): a second one gets 491, ours or theirs.
"""

from __future__ import annotations

from signaling.calls import failures
from signaling.calls.events import Acknowledged, Gone, Update, UpdateAccepted, UpdateRefused
from signaling.calls.failures import CallFailure, failure_of_status
from signaling.legs.states import LegState
from signaling.legs.timed import TimedLeg
from signaling.legs.within_dialog import SDP, too_small
from signaling.sip import SipRequest, SipResponse
from signaling.sip.events import RequestReceived
from signaling.sip.transaction_client import ClientTransaction
from signaling.sip.transaction_server import ServerTransaction


class OfferLeg(TimedLeg):
    """A leg that takes and makes new offers."""

    _their_offer: tuple[ServerTransaction, SipRequest] | None = None
    _our_offer: ClientTransaction | None = None

    @property
    def _may_offer(self) -> bool:
        return super()._may_offer and self._our_offer is None and self._their_offer is None

    # --- Theirs -----------------------------------------------------------------------------------------------------

    def _on_offer(self, event: RequestReceived) -> None:
        request, transaction = event.request, event.transaction
        has_sdp = request.content_type == SDP
        if request.body and not has_sdp:
            response = request.response(415)
            response.headers.set("Accept", SDP)
            self.node.respond(transaction, response)
            return
        least_s = self.node.sessions.refuses(request)
        if least_s:
            self.node.respond(transaction, too_small(request, least_s))
            return
        if request.method == "UPDATE" and not has_sdp:
            # It offers nothing, so that it crosses nothing, not even before the answer (RFC 3311 5.1).
            response = self._with_contact(request.response(200))
            if self.state is LegState.UP:
                self._time_answer(request, response)
            self.node.respond(transaction, response)
            return
        if not self._may_offer:
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
        self.described = event.sdp
        self._time_answer(request, response)
        self.node.respond(transaction, response)

    def _refuse_their_offer(self, failure: CallFailure) -> None:
        if self._their_offer is None:
            return
        transaction, request = self._their_offer
        self._their_offer = None
        response = request.response(failure.status, failure.phrase)
        if failure.warning:
            response.headers.set("Warning", failure.warning)
        self.node.respond(transaction, response)

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
        self._gone(Gone.NOT_CONFIRMED)

    def _close_offers(self) -> None:
        if self._their_offer is not None:
            self._refuse_their_offer(failures.CANCELED)

    # --- Ours -------------------------------------------------------------------------------------------------------

    def _make_offer(self, event: Update) -> None:
        if not self._may_offer or self.dialog is None or self.flow is None:
            self._report(self, UpdateRefused(failures.GLARE))
            return
        invite = self.dialog.make_request(
            "INVITE",
            body=event.sdp.encode(),
            content_type=SDP,
            extra_headers=self._session_headers(),
        )
        self._our_offer = self.node.request(invite, self.flow, self)
        self._keep()

    def _on_offer_response(self, transaction: ClientTransaction, response: SipResponse) -> None:
        if response.status < 200 or self.dialog is None or self.flow is None:
            return
        self._our_offer = None
        offer = transaction.request.body.decode("utf-8", "replace")
        if response.status == 422 and self.timer is not None and self.timer.is_raised(response):
            self._make_offer(Update(offer))
            return
        if response.status >= 300:
            self._report(self, UpdateRefused(failure_of_status(response.status, response.reason)))
            if response.status in (408, 481):
                self._gone(Gone.NO_ANSWER if response.status == 408 else Gone.UNKNOWN_CALL)
            return
        self.dialog.receive_response(response)
        ack = self.dialog.make_ack(transaction.request.cseq.number)
        self.node.acknowledge(transaction, ack, self.flow)
        self.described = offer
        self._time_answered(response)
        self._report(self, UpdateAccepted(response.body.decode("utf-8", "replace")))

    def _on_offer_lost(self, *, timed_out: bool) -> None:
        """Take the loss of our offer, which ends the session (RFC 3261 section 12.2.1.2)."""
        self._our_offer = None
        self._report(self, UpdateRefused(failures.UNREACHABLE))
        if timed_out:
            self._gone(Gone.NO_ANSWER)
