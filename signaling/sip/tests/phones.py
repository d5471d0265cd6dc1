# SPDX-License-Identifier: Apache-2.0
"""Two small transaction users for tests over a Link: one that calls, one that answers.

Each writes down what it saw per Call-ID, so that a test can compare both ends.
"""

from __future__ import annotations

from collections import defaultdict

from signaling.sip.dialog import Dialog, DialogId
from signaling.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    Event,
    RequestReceived,
    ResponseReceived,
    TransactionTimedOut,
)
from signaling.sip.headers import Headers
from signaling.sip.message import SipRequest
from signaling.sip.tests.link import Address, Peer
from signaling.sip.transaction_client import ClientTransaction
from signaling.sip.transaction_server import ServerTransaction
from signaling.sip.uri import SipUri
from signaling.sip.values import NameAddr


def contact(address: Address) -> NameAddr:
    """Return the Contact of a phone at `address`."""
    return NameAddr(uri=SipUri.parse(f"sip:phone@{address[0]}:{address[1]}"))


class Phone:
    """What both phones share: dialogs by id, and a diary per call."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        peer.handler = self
        self.diary: dict[str, list[str]] = defaultdict(list)
        self.dialogs: dict[DialogId, Dialog] = {}

    def handle(self, event: Event, now: float) -> None:
        """Take one event."""
        raise NotImplementedError

    def answer_in_dialog(self, transaction: ServerTransaction, request: SipRequest, now: float) -> None:
        """Answer a BYE: 200 in a known dialog, else 481."""
        dialog = self.dialogs.pop(DialogId.of_request(request), None)
        if dialog is not None:
            dialog.receive_request(request)
            self.diary[request.call_id].append("bye")
        status = 481 if dialog is None else 200
        self.peer.endpoint.respond(transaction, request.response(status, to_tag="gone"), now)


class Caller(Phone):
    """Sends INVITEs, acknowledges, hangs up `talk_s` after the answer."""

    def __init__(self, peer: Peer, callee: Address, talk_s: float = 2.0) -> None:
        super().__init__(peer)
        self.flow = peer.flow_to(callee)
        self.callee = callee
        self.talk_s = talk_s

    def invite(self, call_id: str) -> ClientTransaction:
        """Start a call."""
        headers = Headers(
            [
                ("Max-Forwards", "70"),
                ("From", f"<sip:caller@example.com>;tag={self.peer.tokens.tag()}"),
                ("To", "<sip:callee@example.com>"),
                ("Call-ID", call_id),
                ("CSeq", "1 INVITE"),
                ("Contact", str(contact(self.peer.address))),
            ]
        )
        uri = SipUri.parse(f"sip:callee@{self.callee[0]}:{self.callee[1]}")
        request = SipRequest("INVITE", uri, headers)
        result: ClientTransaction = self.peer.do(self.peer.endpoint.send_request, request, self.flow)
        return result

    def handle(self, event: Event, now: float) -> None:
        """Take one event."""
        if isinstance(event, ResponseReceived):
            self._response(event, now)
        elif isinstance(event, TransactionTimedOut):
            self.diary[event.transaction.request.call_id].append(f"timeout {event.transaction.method}")
        elif isinstance(event, RequestReceived):
            self.answer_in_dialog(event.transaction, event.request, now)

    def _response(self, event: ResponseReceived, now: float) -> None:
        transaction, response, _ = event
        self.diary[response.call_id].append(f"{response.status} {transaction.method}")
        if transaction.method != "INVITE" or not 200 <= response.status < 300:
            return
        dialog = Dialog.from_uac(transaction.request, response, self.flow)
        self.dialogs[dialog.id] = dialog
        self.peer.endpoint.acknowledge(transaction, dialog.make_ack(1), self.flow, now)
        self.peer.network.at(now + self.talk_s, lambda: self._hang_up(dialog))

    def _hang_up(self, dialog: Dialog) -> None:
        if self.dialogs.pop(dialog.id, None) is not None:
            self.peer.do(self.peer.endpoint.send_request, dialog.make_request("BYE"), self.flow)


class Callee(Phone):
    """Rings, answers with `status` after `ring_s`, and hangs up when its 200 is not acknowledged."""

    def __init__(self, peer: Peer, status: int = 200, ring_s: float = 1.0) -> None:
        super().__init__(peer)
        self.status = status
        self.ring_s = ring_s

    def handle(self, event: Event, now: float) -> None:
        """Take one event."""
        if isinstance(event, RequestReceived):
            if event.request.method == "INVITE":
                self._ring(event, now)
            else:
                self.answer_in_dialog(event.transaction, event.request, now)
        elif isinstance(event, AckReceived):
            self.diary[event.request.call_id].append("ack")
        elif isinstance(event, CancelReceived):
            self.diary[event.request.call_id].append("cancel")
            self._respond(event.transaction, 487, now)
        elif isinstance(event, AckMissing):
            self.diary[event.transaction.call_id].append("ack missing")

    def _ring(self, event: RequestReceived, now: float) -> None:
        transaction, request, flow = event
        self.diary[request.call_id].append("invite")
        tag = f"tag-{request.call_id}"
        self.peer.endpoint.respond(transaction, request.response(100), now)
        self._respond(transaction, 180, now)
        dialog = Dialog.from_uas(request, tag, contact(self.peer.address), flow)
        self.peer.network.at(now + self.ring_s, lambda: self._answer(transaction, dialog))

    def _answer(self, transaction: ServerTransaction, dialog: Dialog) -> None:
        if "cancel" in self.diary[dialog.id.call_id]:
            return
        if self.status < 300:
            self.dialogs[dialog.id] = dialog
        dialog.sent_response(self.status)
        self._respond(transaction, self.status, self.peer.network.now)
        self.peer.drain()

    def _respond(self, transaction: ServerTransaction, status: int, now: float) -> None:
        request = transaction.request
        response = request.response(status, to_tag=f"tag-{request.call_id}")
        response.headers.set("Contact", str(contact(self.peer.address)))
        self.peer.endpoint.respond(transaction, response, now)
