# SPDX-License-Identifier: Apache-2.0
"""Serves ``/metrics``, and ``/health`` if told to, over HTTP beside an event loop that does something else.

It answers GET and nothing more: a scraper in a trusted network is its only client. Invariant: numbers are read on the
loop and written as text in a thread, and a client that does not finish its request in time is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

import structlog

from switchboard.metrics.exposition import CONTENT_TYPE, render
from switchboard.metrics.numbers import Readings

log = structlog.get_logger("switchboard.metrics")

MAX_REQUEST_BYTES = 8192
MAX_CLIENTS = 16
REQUEST_TIMEOUT_S = 5.0


class MetricsServer:
    """One listener.

    Args:
        read: returns the readings; called on the event loop, so it must be quick.
        problems: returns what is wrong, in sentences, for ``/health``; None: there is no such path.
    """

    def __init__(self, read: Callable[[], Readings], problems: Callable[[], list[str]] | None = None) -> None:
        self.port = 0
        """Where it listens; known after `start`."""
        self._read = read
        self._problems = problems
        self._server: asyncio.Server | None = None
        self._clients = 0

    async def start(self, bind: str, port: int) -> None:
        """Listen.

        Raises:
            OSError: the port cannot be had.
        """
        self._server = await asyncio.start_server(self._serve, bind, port, limit=MAX_REQUEST_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                writer.write(await self._answer(reader))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("metrics.client_lost", error=str(error) or type(error).__name__)
        finally:
            self._clients -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        if self._clients > MAX_CLIENTS:
            return _response("503 Service Unavailable", b"Too many clients.\n")
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.partition(b" ")
        path, _, query = rest.partition(b" ")[0].partition(b"?")
        is_health = path == b"/health" and self._problems is not None
        if path != b"/metrics" and not is_health:
            return _response("404 Not Found", b"Only /metrics is here.\n")
        if method != b"GET":
            return _response("405 Method Not Allowed", b"Only GET is answered.\n")
        if is_health:
            return self._health(is_liveness=b"liveness=true" in query)
        body = await asyncio.to_thread(render, self._read())
        return _response("200 OK", body, CONTENT_TYPE)

    def _health(self, *, is_liveness: bool) -> bytes:
        """Answer what is wrong; for a liveness probe an answer is enough, because a restart cures none of it."""
        found = self._problems() if self._problems is not None else []
        body = json.dumps({"status": "degraded" if found else "ok", "problems": found}).encode()
        is_well = is_liveness or not found
        return _response("200 OK" if is_well else "503 Service Unavailable", body, "application/json")


def _response(status: str, body: bytes, content_type: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


class CannotServe(RuntimeError):
    """The port for metrics cannot be had; the text is one line for the operator."""


async def serve_metrics(
    read: Callable[[], Readings],
    bind: str,
    port: int,
    variable: str,
    problems: Callable[[], list[str]] | None = None,
) -> MetricsServer:
    """Return a server of metrics; with port 0 it listens nowhere.

    Args:
        read: returns the readings.
        bind: address to listen on.
        port: port to listen on; 0: none.
        variable: the setting that chose the port.
        problems: see `MetricsServer`.

    Raises:
        CannotServe: the port is taken, or the address is not ours.
    """
    server = MetricsServer(read, problems)
    if port:
        try:
            await server.start(bind, port)
        except OSError as error:
            why = error.strerror or str(error)
            raise CannotServe(f"{variable} {port} cannot be had on {bind}: {why}") from error
        log.info("metrics ready", bind=bind, port=server.port)
    return server
