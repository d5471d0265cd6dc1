# SPDX-License-Identifier: Apache-2.0
"""The leg of who is called: an INVITE of this node as a user agent client (RFC 3261 section 13.2)."""

from __future__ import annotations

from collections.abc import Callable

from cdrs.record import EndReason
from signaling.calls.events import Answer, EarlyMedia, Fail, HangUp, Ring
from signaling.calls.failures import NOT_REGISTERED, UNREACHABLE, CallFailure, failure_of_status
from signaling.calls.leg import LegCallback
from signaling.legs.dialog_leg import SHARED_SENDERS, DialogLeg
from signaling.legs.states import CALLEE_TABLE, LegInput, LegState
from signaling.legs.within_dialog import ALLOW, SDP, Parties
from signaling.node import SipNode
from signaling.sip import Flow, Headers, NameAddr, RemoteProtocolError, SipRequest, SipResponse, SipUri
from signaling.sip.dialog import Dialog
from signaling.sip.session_timer import SessionTimer
from signaling.sip.transaction_client import ClientTransaction

FLOW_FAILED = 430
"""The node where the phone was registered has lost it (RFC 5626 section 5.3.1)."""

MakeRoute = Callable[[str], str]
"""Returns the Route of a call by its Call-ID."""


class CalleeLeg(DialogLeg):
    """One ringing or answered phone.

    Args:
        node: sends and receives.
        on_event: gets the neutral events.
        uri: Request-URI of the INVITE.
        flow: where it is sent.
        from_: who calls, as the callee shall see it; its tag is set here.
        to: who is called.
        offer: our session description.
        max_forwards: hops left.
        behind_nat: the callee registered, so ``flow`` is the way to it whatever its Contact says.
        label: "A" when it is the caller's own phone, rung for a call that the API asked for.
        call_id: Call-ID; empty: a new one.
        route: makes the Route to a phone that is reached through another node.
        remote_ip: where the phone is; empty: where ``flow`` leads.
    """

    direction = "outbound"

    def __init__(
        self,
        node: SipNode,
        on_event: LegCallback,
        *,
        uri: SipUri,
        flow: Flow,
        from_: NameAddr,
        to: NameAddr,
        offer: str,
        max_forwards: int,
        behind_nat: bool = True,
        label: str = "B",
        call_id: str = "",
        route: MakeRoute | None = None,
        remote_ip: str = "",
    ) -> None:
        super().__init__(node, on_event, label, CALLEE_TABLE)
        self.remote_ip = remote_ip or flow.remote[0]
        self.through_node = route is not None
        self.flow = flow
        self.described = offer
        self._rang = False
        self._early_sdp: dict[str | None, str] = {}
        """The last description in a provisional answer, by its To tag; it stands when the final one has none."""
        self.is_server = not behind_nat
        local_tag, call_id = node.tokens.tag(), call_id or node.tokens.call_id()
        self._invite = SipRequest(
            "INVITE",
            uri,
            Headers(
                [
                    ("Max-Forwards", str(max_forwards)),
                    ("From", str(from_.with_tag(local_tag))),
                    ("To", str(to)),
                    ("Call-ID", call_id),
                    ("CSeq", "1 INVITE"),
                    ("Contact", str(node.contact(flow, secure=uri.scheme == "sips"))),
                    ("Allow", ALLOW),
                    *node.session_headers,
                    ("Content-Type", SDP),
                ]
            ),
            offer.encode(),
        )
        if route is not None:
            self._invite.headers.set("Route", route(call_id))
        self._early = Parties(call_id, local_tag, "", from_.uri, to.uri)
        self._transaction = node.request(self._invite, flow, self)

    @property
    def parties(self) -> Parties:
        """Who talks to whom, also before the callee has answered anything."""
        return self._early if self.dialog is None else super().parties

    # --- From the node ------------------------------------------------------------------------------------------

    def on_response(self, transaction: ClientTransaction, response: SipResponse, flow: Flow) -> None:
        """Take a response to our INVITE or to a request within the dialog."""
        if transaction is not self._transaction:
            super().on_response(transaction, response, flow)
        elif response.status < 200:
            self._on_provisional(response, flow)
        elif response.status < 300:
            self._on_success(response, flow)
        elif response.status == 422 and self._ask_for_longer(response):
            return
        elif self.through_node and response.status == FLOW_FAILED:
            self._failed(NOT_REGISTERED)
        else:
            self._failed(failure_of_status(response.status, response.reason))

    def on_no_response(self, transaction: ClientTransaction, *, timed_out: bool) -> None:
        """Take the silence of the callee."""
        if transaction is not self._transaction:
            super().on_no_response(transaction, timed_out=timed_out)
        else:
            self._failed(UNREACHABLE)

    def _failed(self, failure: CallFailure) -> None:
        """End without an answer; who has cancelled the call knows that it failed."""
        wanted = self.state is LegState.CALLING
        if self._advance(LegInput.FAILURE) and wanted:
            self._report_end(Fail(failure))

    def _on_provisional(self, response: SipResponse, flow: Flow) -> None:
        if self.state is not LegState.CALLING or response.status == 100:
            return
        self.ringing = True
        if response.to.tag and self.dialog is None:
            self._open_dialog(response, flow)
        if response.content_type == SDP and response.body:
            sdp = response.body.decode("utf-8", "replace")
            self._early_sdp = {response.to.tag: sdp}
            self._report(self, EarlyMedia(sdp))
        elif not self._rang and response.status in (180, 181, 182, 183):
            self._rang = True
            self._report(self, Ring())

    def _on_success(self, response: SipResponse, flow: Flow) -> None:
        if self.state in (LegState.UP, LegState.HELD_BACK, LegState.ENDED):
            self._hang_up_extra(response, flow)
            return
        wanted = self.state is LegState.CALLING
        if not self._open_dialog(response, flow):
            return
        ack = self.dialog.make_ack(self._invite.cseq.number)  # type: ignore[union-attr]
        self.node.acknowledge(self._transaction, ack, self.flow or flow)
        self._advance(LegInput.SUCCESS)
        if wanted:
            self._time_answered(response)
        has_sdp = response.content_type == SDP and response.body
        sdp = response.body.decode("utf-8", "replace") if has_sdp else self._early_sdp.get(response.to.tag)
        if not wanted:
            self._send_bye(EndReason.CANCELED)
        elif sdp:
            self._report(self, Answer(sdp))
        else:
            self._hang_up(EndReason.MEDIA_ERROR)
            self._report_end(Fail(failure_of_status(488, "Answer Without Session Description")))

    def _ask_for_longer(self, response: SipResponse) -> bool:
        """Call once more when the session was to expire too soon for somebody on the way (RFC 4028 section 7.3)."""
        timer = SessionTimer(self.node.sessions) if self.timer is None else self.timer
        if (
            self.state is not LegState.CALLING
            or not self.node.sessions.is_on
            or not timer.is_raised(response)
        ):
            return False
        self.timer = timer
        self._leave_dialog()
        self.dialog = None
        self._early_sdp.clear()
        self._invite = self._invite.copy()
        self._invite.headers.set("CSeq", f"{self._invite.cseq.number + 1} INVITE")
        for name, value in timer.ask():
            self._invite.headers.set(name, value)
        if self.flow is not None:
            self._transaction = self.node.request(self._invite, self.flow, self)
        return True

    def _open_dialog(self, response: SipResponse, flow: Flow) -> bool:
        try:
            dialog = Dialog.from_uac(self._invite, response, flow)
        except RemoteProtocolError as error:
            if response.status >= 200:
                self._failed(failure_of_status(502, error.reason))
            return False
        self._enter_dialog(dialog, self.node.flow_to_target(dialog, flow) if self.is_server else flow)
        self.trusted_hosts.add(flow.remote[0])
        return True

    def _hang_up_extra(self, response: SipResponse, flow: Flow) -> None:
        """Take an answer of another branch of a fork behind the callee: confirm it and hang it up.

        RFC 3261 section 13.2.2.4: each 2xx makes a dialog of its own that must be acknowledged.
        """
        try:
            extra = Dialog.from_uac(self._invite, response, flow)
        except RemoteProtocolError:
            return
        if self.dialog is not None and extra.id == self.dialog.id:
            return
        self.node.acknowledge(self._transaction, extra.make_ack(self._invite.cseq.number), flow)
        self.node.request(extra.make_request("BYE"), flow, self)

    # --- What the call sends ------------------------------------------------------------------------------------

    def _hang_up_callee(self, event: HangUp) -> None:
        if self.state is LegState.CALLING:
            self._advance(LegInput.SEND_HANG_UP)
            self.node.cancel(self._transaction)
        else:
            self._hang_up(event.reason)

    _senders: dict[type, Callable[..., None]] = {**SHARED_SENDERS, HangUp: _hang_up_callee}
