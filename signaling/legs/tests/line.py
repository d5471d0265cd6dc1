# SPDX-License-Identifier: Apache-2.0
"""A node and a phone on one wire, without sockets: the phone is another endpoint, driven by the test."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, cast

from signaling.node import SipNode
from signaling.sip import Flow, Headers, NameAddr, SipRequest, SipResponse, SipUri
from signaling.sip.dialog import Dialog
from signaling.sip.endpoint import Endpoint
from signaling.sip.events import RequestReceived, ResponseReceived
from signaling.sip.timers import SipTimers
from signaling.sip.tokens import TokenSource
from signaling.transport import TransportManager

NODE = ("192.0.2.10", 5060)
PHONE = ("192.0.2.20", 5060)
TO_PHONE = Flow("udp", PHONE, NODE)
TO_NODE = Flow("udp", NODE, PHONE)
SDP = "v=0\r\n"


class WireTransport:
    """Carries what the node sends to the phone of a `Line`."""

    def __init__(self) -> None:
        self.local = NODE
        self.sent: list[tuple[bytes, Flow]] = []

    def send(self, data: bytes, flow: Flow) -> None:
        self.sent.append((data, flow))

    def advertised(self, remote_ip: str, transport: str) -> tuple[str, int]:
        return NODE


@dataclass
class Line:
    """A node and a phone; `settle` carries messages both ways until it is quiet."""

    t1: float = 0.5
    requests: list[RequestReceived] = field(default_factory=list)
    responses: list[ResponseReceived] = field(default_factory=list)
    others: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.wire: Any = WireTransport()
        tokens = TokenSource(random.Random(1).randbytes)
        endpoint = Endpoint(sent_by=lambda flow: NODE, tokens=tokens, timers=SipTimers(t1=self.t1))
        self.node = SipNode(endpoint, cast("TransportManager", self.wire), tokens, loop)
        self.phone = Endpoint(
            sent_by=lambda flow: PHONE,
            tokens=TokenSource(random.Random(2).randbytes),
            timers=SipTimers(t1=self.t1),
        )
        self.node.on_unhandled = lambda event: self.node.respond_stateless(event, event.request.response(501))

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
            for data, flow in self.wire.sent[:]:
                if flow.remote == PHONE:
                    self.phone.receive_datagram(data, TO_NODE, self.now())
                    self._read_phone()
            self.wire.sent.clear()
            for data, _ in self.phone.datagrams_to_send(self.now()):
                self.node.on_message(data, TO_PHONE)

    def from_stranger(self, request: SipRequest) -> None:
        """Deliver a request of the phone as if it came from another host."""
        self.phone.send_request(request, TO_NODE, self.now())
        for data, _ in self.phone.datagrams_to_send(self.now()):
            self.node.on_message(data, Flow("udp", ("198.51.100.9", 5060), NODE))

    def answer(
        self, event: RequestReceived, status: int, *, sdp: str = "", tag: str = "phone"
    ) -> SipResponse:
        """Have the phone answer a request."""
        response = event.request.response(status, to_tag=tag)
        if 100 < status < 300:
            response.headers.set("Contact", f"<sip:{PHONE[0]}:{PHONE[1]}>")
        if sdp:
            response.headers.set("Content-Type", "application/sdp")
            response.body = sdp.encode()
        self.phone.respond(event.transaction, response, self.now())
        return response

    def request(self, method: str) -> RequestReceived:
        """Return the last request of this method that reached the phone."""
        return [event for event in self.requests if event.request.method == method][-1]

    def methods(self) -> list[str]:
        return [event.request.method for event in self.requests]

    def statuses(self, method: str) -> list[int]:
        return [event.response.status for event in self.responses if event.transaction.method == method]

    def _read_phone(self) -> None:
        while (event := self.phone.next_event()) is not None:
            if isinstance(event, RequestReceived):
                self.phone.accept(event.transaction, self.now())
                self.requests.append(event)
            elif isinstance(event, ResponseReceived):
                self.responses.append(event)
            else:
                self.others.append(event)


def invite(*, sdp: str = SDP, method: str = "INVITE") -> SipRequest:
    """Return an INVITE of the phone."""
    headers = Headers(
        [
            ("Max-Forwards", "70"),
            ("From", '"Alice" <sip:1001@acme.test>;tag=alice'),
            ("To", "<sip:1002@acme.test>"),
            ("Call-ID", "call-of-the-phone"),
            ("CSeq", f"7 {method}"),
            ("Contact", f"<sip:1001@{PHONE[0]}:{PHONE[1]}>"),
        ]
    )
    if sdp:
        headers.set("Content-Type", "application/sdp")
    return SipRequest(method, SipUri(user="1002", host="acme.test"), headers, sdp.encode())


def phone_dialog(line: Line, sent: SipRequest, status: int = 200) -> Dialog:
    """Return the phone's side of the dialog that the node's answer to `sent` made."""
    response = [event.response for event in line.responses if event.response.status == status][-1]
    return Dialog.from_uac(sent, response, TO_NODE)


def name(user: str) -> NameAddr:
    return NameAddr(display_name="", uri=SipUri(user=user, host="acme.test"))
