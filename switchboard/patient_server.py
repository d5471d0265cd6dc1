# SPDX-License-Identifier: Apache-2.0
"""Daphne that waits: an application may send no faster than the other side takes it, and reads a body piece by piece.

Daphne hands every piece of a response to Twisted at once, which keeps what the network does not take yet; the download
of a large file over a slow line would so fill the memory. Here ``await send(…)`` returns when there is room again.

Who may hold a connection, and how large a body may be, is decided in `web_connections`.

A body that came whole lies in a file of Twisted's; Daphne would put all of it into a queue at once. Here it is read as
the application asks for it.

Invariant: of one response no more than Twisted's own limit (64 KiB) and one piece wait to be sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import IO, Any, Final

from switchboard import lean

lean.import_daphne()

from daphne import http_protocol
from daphne import server as daphne_server
from daphne.http_protocol import WebRequest
from daphne.server import Server
from twisted.internet.interfaces import IPushProducer
from twisted.web.http import RESPONSES
from zope.interface import implementer

from switchboard import web_connections

# RFC 6585: Twisted would write "Unknown Status" behind the number.
RESPONSES.setdefault(429, b"Too Many Requests")

Receive = Callable[[], Awaitable[dict[str, Any]]]
PIECE_BYTES: Final = 1 << 16
STALLED_S: Final = 60.0
"""A reader that takes nothing for so long is given up."""


@implementer(IPushProducer)
class Valve:
    """What Twisted closes while it has more to send than it wants to keep."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()

    async def passable(self) -> None:
        """Return when there is room."""
        await self._room.wait()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Close."""
        self._room.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        """Open."""
        self._room.set()

    def stopProducing(self) -> None:  # noqa: N802
        """Let go of whoever waits: the connection is gone."""
        self._room.set()


class Request(WebRequest):  # type: ignore[misc]
    """A request that ends when its application fails, and whose form Twisted leaves to Django.

    Twisted would read all of a form, and take it apart at ten times its size.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, parsePOSTFormSubmission=False)

    def handle_exception(self, exception: BaseException) -> None:
        """Answer 500 to a request whose application failed; when it failed amid the answer, close the connection.

        The client sees so that its file is not whole. Daphne would raise, and end its look after applications with it.
        """
        if not self._response_started:
            super().handle_exception(exception)
        elif self.channel is not None:
            self.channel.forceAbortClient()


# Daphne makes its requests, and its factory, of the classes of these names.
http_protocol.WebRequest = Request
daphne_server.HTTPFactory = web_connections.Factory


class Body:
    """What an application receives: a body out of its file, then whatever Daphne has to tell.

    Args:
        content: the whole body; closed when it was read.
        receive: gives what Daphne put into its queue, at first an empty body.
    """

    def __init__(self, content: IO[bytes], receive: Receive) -> None:
        self._content: IO[bytes] | None = content
        self._receive = receive

    async def __call__(self) -> dict[str, Any]:
        """Return the next message."""
        if self._content is None:
            return await self._receive()
        piece = self._content.read(PIECE_BYTES)
        if len(piece) == PIECE_BYTES:
            return {"type": "http.request", "body": piece, "more_body": True}
        self._content.close()
        self._content = None
        message = await self._receive()
        return {**message, "body": piece} if message["type"] == "http.request" else message


class PatientServer(Server):  # type: ignore[misc]
    """Daphne's server, whose responses flow as fast as they are read, and whose requests as fast as they are wanted."""

    application: Any
    most_connections = 1000
    """Most HTTP connections at once, WebSockets apart."""
    largest_body = 16 << 20
    """Bytes of a request's body beyond which it is refused unread."""

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application for a request; a large body is handed to it piece by piece."""
        content = getattr(protocol, "content", None)
        if scope["type"] != "http" or content is None or isinstance(content, BytesIO):
            return super().create_application(protocol, scope)
        protocol.content = BytesIO()
        whole: Any = self.application

        async def application(scope: dict[str, Any], receive: Receive, send: Any) -> None:
            await whole(scope=scope, receive=Body(content, receive), send=send)

        self.application = application
        try:
            return super().create_application(protocol, scope)
        finally:
            self.application = whole

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send a message, then wait until there is room for another one."""
        if not isinstance(protocol, WebRequest):
            await super().handle_reply(protocol, message)
            return
        valve = protocol.producer
        if valve is not None and protocol.channel is not None and not message.get("more_body"):
            protocol.unregisterProducer()
        await super().handle_reply(protocol, message)
        if not message.get("more_body") or protocol.channel is None or protocol.finished:
            return
        if valve is None:
            valve = Valve()
            protocol.registerProducer(valve, True)
        try:
            async with asyncio.timeout(STALLED_S):
                await valve.passable()
        except TimeoutError:
            protocol.channel.forceAbortClient()
