# SPDX-License-Identifier: Apache-2.0
"""The leg of who calls: an INVITE that this node answers as a user agent server (RFC 3261 section 13.3)."""

from __future__ import annotations

from collections.abc import Callable

from cdrs.record import EndReason
from signaling.calls import failures
from signaling.calls.events import Acknowledged, Answer, EarlyMedia, Fail, Gone, HangUp, Ring
from signaling.calls.failures import CallFailure
from signaling.calls.leg import LegCallback
from signaling.legs.dialog_leg import SHARED_SENDERS, DialogLeg
from signaling.legs.states import CALLER_TABLE, LegInput, LegState
from signaling.legs.within_dialog import ALLOW, SDP, ignore_event, reason_header
from signaling.node import SipNode
from signaling.sip import SipRequest, SipResponse
from signaling.sip.dialog import Dialog
from signaling.sip.events import RequestReceived
from signaling.sip.transaction_server import ServerTransaction


class CallerLeg(DialogLeg):
    """One caller.

    Args:
        node: sends and receives.
        event: the INVITE, authenticated, with its fresh transaction.
    """

    direction = "inbound"

    def __init__(self, node: SipNode, event: RequestReceived) -> None:
        super().__init__(node, ignore_event, "A", CALLER_TABLE)
        self._invite = event.request
        self._transaction = event.transaction
        self._local_tag = node.tokens.tag()
        self.remote_ip = event.flow.remote[0]
        event.transaction.user = self
        node.respond(event.transaction, event.request.response(100))
        # A sips URI in the clear would name a port where nothing is encrypted, so that no ACK arrived.
        secure = event.flow.transport == "tls" and wants_sips(event.request)
        contact = node.contact(event.flow, secure=secure)
        self._enter_dialog(Dialog.from_uas(event.request, self._local_tag, contact, event.flow), event.flow)

    @property
    def offer(self) -> str:
        """The caller's session description; empty when it wants ours."""
        return self._invite.body.decode("utf-8", "replace") if self._invite.content_type == SDP else ""

    def listen(self, on_event: LegCallback) -> None:
        """Say who gets the neutral events; before any is due."""
        self._report = on_event

    def _advance(self, given: LegInput) -> bool:
        advanced = super()._advance(given)
        if self.state is LegState.ENDED:
            # The transaction lingers for half a minute and has nothing more to tell a leg that is over.
            self._transaction.user = None
        return advanced

    # --- From the node ------------------------------------------------------------------------------------------

    def on_cancel(self, transaction: ServerTransaction) -> None:
        """Take the caller's CANCEL: 487, and the call is over (RFC 3261 section 9.2)."""
        if transaction is not self._transaction:
            super().on_cancel(transaction)
        elif self._advance(LegInput.CANCEL):
            self._respond(failures.CANCELED.status, failures.CANCELED.phrase)
            self._report_end(HangUp(EndReason.CANCELED))

    def on_ack(self, transaction: ServerTransaction, request: SipRequest) -> None:
        """Take the ACK to our answer; a hang-up that waited for it goes out now."""
        if transaction is not self._transaction:
            super().on_ack(transaction, request)
            return
        ending = self.state is LegState.ANSWERED_ENDING
        if not self._advance(LegInput.ACK):
            return
        if ending:
            self._send_bye(self._end_reason)
            return
        sdp = request.body.decode("utf-8", "replace") if request.content_type == SDP else ""
        self._report(self, Acknowledged(sdp))

    def on_ack_missing(self, transaction: ServerTransaction) -> None:
        """End a call whose answer was never confirmed with a BYE (RFC 3261 section 13.3.1.4)."""
        if transaction is not self._transaction:
            super().on_ack_missing(transaction)
        elif self._advance(LegInput.ACK_MISSING):
            self._send_bye(EndReason.TIMEOUT)
            self._report_end(HangUp(EndReason.TIMEOUT, Gone.NOT_CONFIRMED))

    # --- What the call sends ------------------------------------------------------------------------------------

    def _ring(self, event: Ring) -> None:
        if self.state is LegState.CALLING:
            self._respond(180)

    def _early_media(self, event: EarlyMedia) -> None:
        if self.state is LegState.CALLING:
            self._respond(183, sdp=event.sdp)

    def _answer(self, event: Answer) -> None:
        if self._advance(LegInput.SEND_ANSWER):
            self.described = event.sdp
            self._respond(200, sdp=event.sdp)

    def _fail(self, event: Fail) -> None:
        if self._advance(LegInput.SEND_FAIL):
            self._respond_failure(event.failure)

    def _hang_up_caller(self, event: HangUp) -> None:
        self._end_reason = event.reason
        if self.state is LegState.ANSWERED:
            self._advance(LegInput.SEND_HANG_UP)
        else:
            self._hang_up(event.reason)

    def _on_bye(self, event: RequestReceived) -> None:
        early = self.state is LegState.CALLING
        super()._on_bye(event)
        if early and self.state is LegState.HELD_BACK:
            self._respond(failures.CANCELED.status, failures.CANCELED.phrase)

    # --- Inside -------------------------------------------------------------------------------------------------

    _end_reason = EndReason.NORMAL

    def _respond(self, status: int, phrase: str | None = None, *, sdp: str = "") -> None:
        response = self._invite.response(status, phrase, to_tag=self._local_tag)
        if status < 300:
            self._with_contact(response)
        if status == 200:
            self._time_answer(self._invite, response)
        if sdp:
            response.headers.set("Content-Type", SDP)
            response.body = sdp.encode()
        if self.dialog is not None:
            self.dialog.sent_response(status)
        if status < 200 and not self.ringing:
            self.ringing = True
            self.node.changes.leg(self)
        self.node.respond(self._transaction, response)

    def _respond_failure(self, failure: CallFailure) -> None:
        response: SipResponse = self._invite.response(failure.status, failure.phrase, to_tag=self._local_tag)
        response.headers.set("Reason", reason_header(failure.q850))
        if failure.warning:
            response.headers.set("Warning", failure.warning)
        if failure.retry_after_s:
            response.headers.set("Retry-After", str(failure.retry_after_s))
        if failure.status == 405:
            response.headers.set("Allow", ALLOW)
        self.node.respond(self._transaction, response)

    _senders: dict[type, Callable[..., None]] = {
        **SHARED_SENDERS,
        Ring: _ring,
        EarlyMedia: _early_media,
        Answer: _answer,
        Fail: _fail,
        HangUp: _hang_up_caller,
    }


def wants_sips(request: SipRequest) -> bool:
    """Whether an INVITE makes a dialog whose Contacts are sips URIs (RFC 3261 section 12.1.1)."""
    if request.uri.scheme == "sips":
        return True
    routes, contacts = request.record_routes, request.contacts
    if routes:
        return routes[0].uri.scheme == "sips"
    return not isinstance(contacts, str) and bool(contacts) and contacts[0].uri.scheme == "sips"
