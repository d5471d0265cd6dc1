# SPDX-License-Identifier: Apache-2.0
"""Who may hold a connection of the web servers: nobody for long without a whole request, and nobody at others' cost.

Twisted waits for a minute after every byte, and has as many connections as there are open files: who sends a byte now
and then keeps everybody out (slowloris), and who sends a body without end fills the disk. Here

* the head of a request comes within `HEAD_S`, and its body at `SLOWEST_BYTES_PER_S` or faster;
* a body is no larger than the server wants it (413), and all that are on their way together stay below
  `BODIES_BYTES` (503);
* when there are more connections than may be, the one that has waited for its request longest is closed.

Knows HTTP and no page. Invariant: a connection whose request is being answered, and a WebSocket, are never closed for
the sake of others.
"""

from __future__ import annotations

from typing import Any, Final

from daphne.http_protocol import HTTPFactory
from twisted.web import http

HEAD_S: Final = 15.0
BODY_S: Final = 30.0
"""Time for a body, beside what its length takes."""
SLOWEST_BYTES_PER_S: Final = 4096
BODIES_BYTES: Final = 256 << 20
"""Bodies that are being received lie in temporary files; so many bytes of them at once."""

_TOO_LARGE: Final = b"413 Content Too Large"
_BUSY: Final = b"503 Service Unavailable"


# Twisted's types say less than its documentation.
HTTPChannel: Any = http.HTTPChannel


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection; `factory` has all of them."""

    factory: Factory

    def __init__(self) -> None:
        super().__init__()
        self._deadline: Any = None
        self._body_bytes = 0
        self._refused = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's names, here and below
        """Wait for the first request."""
        super().connectionMade()
        self._expect(HEAD_S)
        self.factory.waits(self)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take bytes; the first of another request start its clock."""
        if self._deadline is None and self in self.factory.waiting:
            self._expect(HEAD_S)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Refuse a body that is too large before any of it is stored."""
        self._expect(BODY_S)
        if self.length is not None and not self._has_room(self.length):
            self.requests[-1].gotLength(0)
            return
        super().allHeadersReceived()

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """Take a part of a body, if there is room for it."""
        if self._refused:
            return
        receives = self in self.factory.waiting
        if receives and self.length is None and not self._has_room(len(data)):
            return
        if receives and self._deadline is not None:
            self._deadline.delay(len(data) / SLOWEST_BYTES_PER_S)
        super().rawDataReceived(data)

    def allContentReceived(self) -> None:  # noqa: N802
        """Hand the request on; it takes as long as it takes."""
        if self._refused:
            return
        self._stop_clock()
        self.factory.works(self)
        super().allContentReceived()
        if self.transport is None or self.transport.protocol is not self:
            self.factory.left(self)  # it has become a WebSocket

    def requestDone(self, request: Any) -> None:  # noqa: N802
        """Wait for the next request."""
        self._forget_body()
        if self.persistent:
            self.factory.waits(self)
        super().requestDone(request)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Forget the connection."""
        self._stop_clock()
        self._forget_body()
        self.factory.left(self)
        super().connectionLost(reason)

    def give_up(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abortConnection()

    def _has_room(self, more: int) -> bool:
        """Count bytes of a body; when they are too many, say so and close."""
        factory = self.factory
        if self._body_bytes + more > factory.largest_body:
            status = _TOO_LARGE
        elif factory.bodies_bytes + more > BODIES_BYTES:
            status = _BUSY
        else:
            self._body_bytes += more
            factory.bodies_bytes += more
            return True
        self._refused = True
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.loseConnection()
        return False

    def _forget_body(self) -> None:
        self.factory.bodies_bytes -= self._body_bytes
        self._body_bytes = 0

    def _expect(self, seconds: float) -> None:
        self._stop_clock()
        self._deadline = self.callLater(seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self.give_up()


class Factory(HTTPFactory):  # type: ignore[misc]
    """All HTTP connections of a server."""

    protocol = Channel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.largest_body: int = server.largest_body
        self.bodies_bytes = 0
        self.waiting: dict[Channel, None] = {}
        """Connections without a whole request, the one that waits longest first."""
        self._working: set[Channel] = set()
        self._most: int = server.most_connections

    def waits(self, channel: Channel) -> None:
        """Take note of a connection that waits for a request, and make room if there are too many."""
        self._working.discard(channel)
        self.waiting[channel] = None
        if len(self.waiting) + len(self._working) > self._most:
            victim = next(iter(self.waiting))
            del self.waiting[victim]
            victim.give_up()

    def works(self, channel: Channel) -> None:
        """Take note of a connection whose request is being answered."""
        self.waiting.pop(channel, None)
        self._working.add(channel)

    def left(self, channel: Channel) -> None:
        """Forget a connection that is gone or has become a WebSocket."""
        self.waiting.pop(channel, None)
        self._working.discard(channel)
