# SPDX-License-Identifier: Apache-2.0
"""Daphne that waits for slow readers: an application may send no faster than the other side takes it.

Daphne hands every piece of a response to Twisted at once, which keeps what the network does not take yet; the download
of a large file over a slow line would so fill the memory. Here ``await send(…)`` returns when there is room again.

Invariant: of one response no more than Twisted's own limit (64 KiB) and one piece wait to be sent.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from daphne.http_protocol import WebRequest
from daphne.server import Server
from twisted.internet.interfaces import IPushProducer
from twisted.web import http
from zope.interface import implementer

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


def leave_forms_to_django() -> None:
    """Keep Twisted from taking forms with files apart too, into memory, at ten times their size, for nobody."""
    http._getMultiPartArgs = lambda content, content_type: {}  # type: ignore[assignment]


leave_forms_to_django()


class PatientServer(Server):  # type: ignore[misc]
    """Daphne's server, whose responses flow as fast as they are read."""

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
