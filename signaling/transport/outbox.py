# SPDX-License-Identifier: Apache-2.0
"""Connections being opened, and what waits to be sent over them.

Invariants: at most one attempt per peer, at most `tcp_max_connections` attempts at once, and at most one
write buffer of bytes waiting for each; every flow whose bytes could not be sent is reported once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from signaling.sip.flow import Flow
from signaling.transport.config import TransportConfig
from signaling.transport.connection import SipConnection

logger = logging.getLogger(__name__)

Peer = tuple[tuple[str, int], str]
"""Remote address, and the name that its certificate must hold; empty without TLS."""


class ConnectionFactory(Protocol):
    """Makes the protocol object of a new connection."""

    def __call__(self, *, opened: bool, host: str) -> SipConnection: ...


class Outbox:
    """Opens connections and sends what waited for them, in order."""

    def __init__(
        self,
        config: TransportConfig,
        factory: ConnectionFactory,
        on_send_failed: Callable[[Flow], None],
    ) -> None:
        self._config = config
        self._factory = factory
        self._on_send_failed = on_send_failed
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Peer, list[tuple[bytes, Flow]]] = {}
        self._attempts: dict[Peer, asyncio.Task[None]] = {}

    def __contains__(self, peer: Peer) -> bool:
        return peer in self._waiting

    def send(self, data: bytes, flow: Flow) -> None:
        """Queue bytes for a connection to `flow.remote`, opening it when no attempt is under way."""
        peer = peer_of(flow)
        queue = self._waiting.get(peer)
        if queue is None:
            if len(self._attempts) >= self._config.tcp_max_connections:
                self._loop.call_soon(self._on_send_failed, flow)
                return
            self._waiting[peer] = [(data, flow)]
            self._attempts[peer] = self._loop.create_task(self._open(peer))
        elif sum(len(waiting) for waiting, _ in queue) + len(data) > self._config.tcp_write_buffer_bytes:
            self._loop.call_soon(self._on_send_failed, flow)
        else:
            queue.append((data, flow))

    async def close(self) -> None:
        """Give up every attempt."""
        attempts = list(self._attempts.values())
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)

    async def _open(self, peer: Peer) -> None:
        remote, host = peer
        connection: SipConnection | None = None
        try:
            async with asyncio.timeout(self._config.tcp_connect_timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: self._factory(opened=True, host=host), *remote, local_addr=self._local_address()
                )
                await connection.ready()
        except (OSError, TimeoutError, OverflowError, ValueError) as error:
            logger.debug("Connection to %s failed: %s", remote, error)
            if connection is not None:
                connection.abort("it was not ready in time")
        finally:
            waiting = self._waiting.pop(peer)
            del self._attempts[peer]
        failed: dict[Flow, None] = {}
        for data, flow in waiting:
            if connection is None or not connection.write(data):
                failed[flow] = None
        for flow in failed:
            self._on_send_failed(flow)

    def _local_address(self) -> tuple[str, int] | None:
        return None if self._config.bind in ("0.0.0.0", "::") else (self._config.bind, 0)  # noqa: S104


def peer_of(flow: Flow) -> Peer:
    """Return whom a connection is opened to, or found by."""
    return flow.remote, flow.host
