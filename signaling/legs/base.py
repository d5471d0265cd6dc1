# SPDX-License-Identifier: Apache-2.0
"""A leg with its dialog and its states: who may speak in it, BYE in both directions, and its end.

It knows neither descriptions nor session timers. Invariant: a leg that has ended is found by nobody, watches no
clock, and reports nothing more.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from itertools import count
from typing import Any

from cdrs.record import EndReason
from signaling.calls.events import Gone, HangUp, LegEvent
from signaling.calls.leg import LegCallback
from signaling.legs.states import LegInput, LegState
from signaling.legs.within_dialog import (
    ALLOW,
    Q850_OF_REASON,
    Parties,
    Reauthenticate,
    ignore_event,
    reason_header,
)
from signaling.node import SipNode
from signaling.sip import Flow, LocalProtocolError, SipResponse
from signaling.sip.dialog import Dialog
from signaling.sip.events import RequestReceived
from signaling.sip.session_headers import TIMER
from signaling.sip.transaction_client import ClientTransaction
from signaling.sip.transaction_server import ServerTransaction

_numbers = count(1)


class LegBase(ABC):
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
        self.is_server = False
        """Whether this end has called an address, not a phone where it registered."""
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
        self._wakeup: asyncio.TimerHandle | None = None
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

    @property
    def is_secure(self) -> bool:
        """Whether the dialog was begun with a sips URI, so that nothing of it may go in the clear."""
        contact = None if self.dialog is None else self.dialog.local_contact
        return contact is not None and contact.uri.scheme == "sips"

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

    @abstractmethod
    def on_request(self, event: RequestReceived) -> None:
        """Take a request within the dialog."""

    @abstractmethod
    def on_response(self, transaction: ClientTransaction, response: SipResponse, flow: Flow) -> None:
        """Take the response to a request of this leg."""

    @abstractmethod
    def on_no_response(self, transaction: ClientTransaction, *, timed_out: bool) -> None:
        """Take the loss of a request of this leg."""

    # --- States -------------------------------------------------------------------------------------------------

    def _advance(self, given: LegInput) -> bool:
        after = self._table.get((self.state, given))
        if after is None:
            return False
        self.state = after
        if after is LegState.ENDED:
            if self._wakeup is not None:
                self._wakeup.cancel()
                self._wakeup = None
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
        """Whether a request may act on this dialog: it comes from where the dialog lives, or proves who it is.

        A dialog that lives on TLS does not leave it for an address that anybody can write into a datagram.
        """
        in_the_clear = self.flow is not None and self.flow.transport == "tls" != event.flow.transport
        if in_the_clear and self.is_secure:
            self.node.respond_stateless(event, event.request.response(403, "This Dialog Is Encrypted"))
            return False
        if event.flow.remote[0] in self.trusted_hosts and not in_the_clear:
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
        """Send what comes next to where the peer was last heard from: phones behind NAT change their port.

        Where this end opens the connection it goes on doing so: one that the peer opened shows no certificate, and
        neither lasts as long as a silent call.
        """
        if self.flow is None or not self._opens(self.flow, flow):
            self.flow = flow
        if not self.through_node:
            self.remote_ip = flow.remote[0]

    def _opens(self, mine: Flow, theirs: Flow) -> bool:
        """Whether this end opens the connection of its messages, however the peer's messages come."""
        here = bool(mine.host) or (mine.transport, mine.remote) == (theirs.transport, theirs.remote)
        return mine.reliable and not mine.connection and (self.is_server or here)

    # --- Hanging up ---------------------------------------------------------------------------------------------

    def _hang_up(self, reason: EndReason) -> None:
        if self._advance(LegInput.SEND_HANG_UP):
            self._send_bye(reason)

    def _send_bye(self, reason: EndReason) -> None:
        if self.dialog is None or self.flow is None:
            return
        self._close_offers()
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
        self._close_offers()
        self._report_end(HangUp(EndReason.NORMAL))

    def _gone(self, why: Gone) -> None:
        """End a session whose peer is not there any more."""
        self._hang_up(EndReason.TIMEOUT)
        self._report_end(HangUp(EndReason.TIMEOUT, why))

    @abstractmethod
    def _close_offers(self) -> None:
        """Refuse what the peer still waits for."""

    # --- For what comes on top ----------------------------------------------------------------------------------

    def _with_contact(self, response: SipResponse) -> SipResponse:
        if self.flow is not None:
            response.headers.set("Contact", str(self.node.contact(self.flow, secure=self.is_secure)))
        response.headers.set("Allow", ALLOW)
        if self.node.sessions.is_on:
            response.headers.set("Supported", TIMER)
        return response

    def _keep(self) -> None:
        """Have what changed of the dialog kept for a later process."""
        if self.call is not None and self.state is LegState.UP:
            self.call.keep()

    _senders: dict[type, Callable[..., None]] = {}
