# SPDX-License-Identifier: Apache-2.0
"""Messages as bytes and an endpoint on a virtual clock, for tests that look at one endpoint alone.

Invariant: a Bench drains the endpoint after every input, and asserts that nothing was left before the next.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from signaling.sip.endpoint import Endpoint
from signaling.sip.events import Event, RequestReceived, StrayReceived
from signaling.sip.flow import Flow
from signaling.sip.message import SipRequest, SipResponse
from signaling.sip.parser import parse_message
from signaling.sip.tokens import TokenSource
from signaling.sip.transaction_server import ServerTransaction

PEER = ("192.0.2.1", 5070)
HERE = ("198.51.100.1", 5060)
UDP = Flow("udp", PEER, HERE)
STRAY = [StrayReceived(UDP)]
"""What a message that belongs to nothing causes."""
TCP = Flow("tcp", ("192.0.2.1", 40000), HERE, 7)


def request_bytes(
    method: str = "INVITE",
    *,
    branch: str | None = "z9hG4bKone",
    via: str = "SIP/2.0/UDP 192.0.2.1:5070",
    via_params: str = ";rport",
    call_id: str = "call-1",
    from_tag: str = "alice",
    to_tag: str | None = None,
    cseq: int = 1,
    uri: str = "sip:600@198.51.100.1",
    extra: tuple[str, ...] = (),
    body: str = "",
) -> bytes:
    """Return a request from 192.0.2.1 as it comes off the wire."""
    branch_param = f";branch={branch}" if branch else ""
    to = "To: <sip:600@example.com>" + (f";tag={to_tag}" if to_tag else "")
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via}{branch_param}{via_params}",
        "Max-Forwards: 70",
        f"From: Alice <sip:alice@example.com>;tag={from_tag}",
        to,
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:alice@192.0.2.1:5070>",
        *extra,
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


def outgoing(
    method: str = "INVITE", *, call_id: str = "out-1", cseq: int = 1, extra: tuple[tuple[str, str], ...] = ()
) -> SipRequest:
    """Return a request for Endpoint.send_request: without Via."""
    request = parse_message(
        request_bytes(method, call_id=call_id, cseq=cseq, uri="sip:bob@192.0.2.1:5070", from_tag="us")
    )
    assert isinstance(request, SipRequest)
    request.headers.remove("Via")
    request.headers.set("Contact", "<sip:us@198.51.100.1>")
    for name, value in extra:
        request.headers.add(name, value)
    return request


def response_bytes(
    request: SipRequest, status: int, *, to_tag: str | None = "bob", extra: tuple[tuple[str, str], ...] = ()
) -> bytes:
    """Return what a peer would answer to a request that this endpoint sent."""
    response = request.response(status, to_tag=to_tag)
    for name, value in extra:
        response.headers.add(name, value)
    return response.to_bytes()


class Bench:
    """An endpoint, its clock, and everything it reported and sent, each with its time."""

    def __init__(self, **options: Any) -> None:
        tokens = TokenSource(random.Random(1).randbytes)
        self.endpoint = Endpoint(sent_by=lambda flow: flow.local, tokens=tokens, **options)
        self.now = 0.0
        self.events: list[tuple[float, Event]] = []
        self.sent: list[tuple[float, bytes, Flow]] = []

    def do(self, verb: Callable[..., Any], *args: Any) -> Any:
        """Give the endpoint one input with the time now, and drain it."""
        assert self.endpoint.next_event() is None
        assert self.endpoint.datagrams_to_send(self.now) == []
        result = verb(*args, self.now)
        self._drain()
        return result

    def receive(self, data: bytes, flow: Flow = UDP) -> list[Event]:
        """Take a datagram and return the events that it caused."""
        before = len(self.events)
        self.do(self.endpoint.receive_datagram, data, flow)
        return [event for _, event in self.events[before:]]

    def receive_request(self, data: bytes, flow: Flow = UDP) -> tuple[ServerTransaction, SipRequest]:
        """Take a request that must be reported as new."""
        (event,) = self.receive(data, flow)
        assert isinstance(event, RequestReceived), event
        return event.transaction, event.request

    def respond(self, transaction: ServerTransaction, status: int, to_tag: str = "here") -> None:
        """Answer a transaction whose request is still there."""
        response = transaction.request.response(status, to_tag=to_tag)
        self.do(self.endpoint.respond, transaction, response)

    def advance(self, seconds: float) -> None:
        """Let time pass, firing each timer at its very deadline."""
        end = self.now + seconds
        while (deadline := self.endpoint.get_timer()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.do(self.endpoint.handle_timer)
        self.now = end

    def take_sent(self) -> list[SipRequest | SipResponse]:
        """Return and forget what was sent, parsed."""
        messages = [parse_message(data) for _, data, _ in self.sent]
        self.sent.clear()
        return messages

    def take_statuses(self) -> list[int | str]:
        """Return and forget what was sent: the status of a response, the method of a request."""
        return [m.status if isinstance(m, SipResponse) else m.method for m in self.take_sent()]

    def take_events(self) -> list[Event]:
        """Return and forget what was reported."""
        events = [event for _, event in self.events]
        self.events.clear()
        return events

    def _drain(self) -> None:
        while (event := self.endpoint.next_event()) is not None:
            self.events.append((self.now, event))
        for data, flow in self.endpoint.datagrams_to_send(self.now):
            self.sent.append((self.now, data, flow))

    def assert_empty(self) -> None:
        """Assert that nothing is kept and no timer runs."""
        core = self.endpoint._core
        assert self.endpoint.get_timer() is None
        assert (core.clients, core.servers, core.acks, core.merged) == ({}, {}, {}, {})
        assert (core.client_peers._members, core.server_peers._members) == ({}, {})
        assert len(core.queue) == 0
