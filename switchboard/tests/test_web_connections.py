# SPDX-License-Identifier: Apache-2.0
"""Connections of the web servers: who is too slow, too large or too many, and who is left in peace."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web import http

from switchboard.web_connections import BODIES_BYTES, BODY_S, HEAD_S, SLOWEST_BYTES_PER_S, Factory

MOST, LARGEST = 5, 100_000
HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Answering(http.Request):
    """A request that is answered when the test says so."""

    def process(self) -> None:
        self.channel.factory.received.append(self)


class Transport(StringTransport):
    """A connection that tells whether it was ended."""

    protocol: Any = None

    def abortConnection(self) -> None:  # noqa: N802
        self.protocol.connectionLost(Failure(ConnectionDone()))
        super().abortConnection()

    @property
    def ended(self) -> bool:
        return bool(self.disconnecting or self.disconnected)


class Web:
    """A factory with a clock."""

    def __init__(self) -> None:
        self.factory: Any = Factory(SimpleNamespace(largest_body=LARGEST, most_connections=MOST))
        self.received: list[Any] = []
        self.factory.received = self.received
        self.factory.reactor = self.clock = Clock()

    def connect(self, data: bytes = b"") -> Transport:
        channel = self.factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        channel.requestFactory = Answering
        transport = Transport()
        transport.protocol = channel
        channel.makeConnection(transport)
        if data:
            channel.dataReceived(data)
        return transport

    @property
    def connections(self) -> int:
        return len(self.factory.waiting) + len(self.factory._working)


@pytest.fixture
def web() -> Web:
    return Web()


def test_who_sends_its_head_byte_by_byte_is_given_up(web: Web) -> None:
    transport = web.connect(b"GET / HTTP/1.1\r\n")
    for _ in range(int(HEAD_S) - 1):
        web.clock.advance(1)
        transport.protocol.dataReceived(b"X: y\r\n")
        assert not transport.ended
    web.clock.advance(1.1)
    assert transport.ended and not web.connections


def test_who_says_nothing_is_given_up_too(web: Web) -> None:
    transport = web.connect()
    web.clock.advance(HEAD_S + 0.1)
    assert transport.ended


def test_an_answer_takes_as_long_as_it_takes(web: Web) -> None:
    transport = web.connect(GET)
    web.clock.advance(10_000)
    assert not transport.ended and len(web.received) == 1


def test_a_body_comes_no_slower_than_it_must(web: Web) -> None:
    fair, slow = (web.connect(HEAD + b"Content-Length: 100000\r\n\r\n") for _ in range(2))
    for _ in range(int(2 * BODY_S)):
        web.clock.advance(1)
        fair.protocol.dataReceived(b"x" * SLOWEST_BYTES_PER_S)
        if not slow.ended:
            slow.protocol.dataReceived(b"x" * (SLOWEST_BYTES_PER_S // 10))
        if fair.protocol not in web.factory.waiting:
            break
    web.clock.advance(BODY_S)
    assert not fair.ended and len(web.received) == 1
    assert slow.ended


@pytest.mark.parametrize(
    ("headers", "pieces"),
    [
        (b"Content-Length: 100001\r\n\r\n", 0),
        (b"Content-Length: 99999999999999\r\n\r\n", 3),
        (b"Transfer-Encoding: chunked\r\n\r\n", 11),
    ],
)
def test_a_body_that_is_too_large_is_refused(web: Web, headers: bytes, pieces: int) -> None:
    transport = web.connect(HEAD + headers)
    for _ in range(pieces):
        transport.protocol.dataReceived(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
    assert transport.value().startswith(b"HTTP/1.1 413 ")
    assert transport.disconnecting
    assert not web.received


def test_a_body_of_the_largest_size_is_taken_and_another_after_it(web: Web) -> None:
    transport = web.connect()
    for number in (1, 2):
        transport.protocol.dataReceived(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * LARGEST)
        assert len(web.received) == number
        web.received[-1].finish()
    assert not transport.ended
    assert web.factory.bodies_bytes == 0


def test_bodies_on_their_way_are_bounded_together(web: Web) -> None:
    web.factory.bodies_bytes = BODIES_BYTES - LARGEST
    first = web.connect(HEAD + b"Content-Length: 100000\r\n\r\n")
    second = web.connect(HEAD + b"Content-Length: 100000\r\n\r\n")
    assert not first.ended
    assert second.value().startswith(b"HTTP/1.1 503 ")
    first.abortConnection()
    second.abortConnection()
    assert web.factory.bodies_bytes == BODIES_BYTES - LARGEST


def test_the_one_that_waits_longest_makes_room(web: Web) -> None:
    answered = [web.connect(GET) for _ in range(2)]
    idle = [web.connect() for _ in range(10)]
    assert [each.ended for each in idle] == [True] * 7 + [False] * 3
    assert not any(each.ended for each in answered)
    assert web.connections == MOST
    web.connect(GET)
    assert len(web.received) == 3


def test_a_connection_that_is_kept_waits_for_its_next_request(web: Web) -> None:
    kept = web.connect(GET)
    web.received[0].finish()
    for _ in range(3):
        web.clock.advance(HEAD_S + 1)
        assert not kept.ended
        kept.protocol.dataReceived(GET)
        web.received[-1].finish()
    assert len(web.received) == 4
    idle = [web.connect() for _ in range(MOST)]
    assert kept.ended and not any(each.ended for each in idle)


def test_a_websocket_is_no_connection_any_more(web: Web) -> None:
    class Upgrading(Answering):
        def process(self) -> None:
            channel: Any = self.channel
            channel.transport.protocol = object()

    transport = web.connect()
    transport.protocol.requestFactory = Upgrading
    transport.protocol.dataReceived(GET)
    assert web.connections == 0
    web.clock.advance(1000)
    assert not transport.ended
