# SPDX-License-Identifier: Apache-2.0
"""The web server of the live API: it waits for slow readers of WebSockets as its parent class does for those of HTTP.

A reader that takes nothing then fills the bounded queue of its own event stream, and nothing else.
"""

from __future__ import annotations

import asyncio
from typing import Any

# First: it chooses what is imported of Daphne.
from switchboard.patient_server import STALLED_S, PatientServer, Valve

# isort: split
from daphne.ws_protocol import WebSocketProtocol

CLOSE_WAIT_S = 30.0
"""How long a WebSocket's reader has to read what was sent before its end, the reason for it included."""


class LiveServer(PatientServer):
    """Daphne with flow control."""

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send a message, then wait until there is room for another one."""
        if message["type"] == "websocket.close":
            protocol.closeHandshakeTimeout = CLOSE_WAIT_S
        await super().handle_reply(protocol, message)
        if not isinstance(protocol, WebSocketProtocol) or message["type"] != "websocket.send":
            return
        try:
            async with asyncio.timeout(STALLED_S):
                await _valve_of(protocol).passable()
        except TimeoutError:
            protocol.transport.abortConnection()


def _valve_of(protocol: Any) -> Valve:
    """Return what closes while the connection has much to send."""
    valve: Valve | None = getattr(protocol, "_valve", None)
    if valve is None:
        valve = protocol._valve = Valve()
        # The producer so far is the HTTP channel that the connection began with; it has nothing to send any more.
        protocol.transport.unregisterProducer()
        protocol.transport.registerProducer(valve, True)
    return valve
