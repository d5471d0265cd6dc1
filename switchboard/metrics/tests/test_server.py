# SPDX-License-Identifier: Apache-2.0
"""Metrics over HTTP, beside an event loop."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from switchboard.metrics import server as server_module
from switchboard.metrics.numbers import Readings
from switchboard.metrics.server import CannotServe, serve_metrics


def read() -> Readings:
    return {"switchboard_registrations": {(): 3}}


@asynccontextmanager
async def serving():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = await serve_metrics(read, "127.0.0.1", port, "SIP_METRICS_PORT")
    try:
        yield server
    finally:
        await server.stop()


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_it_answers_with_the_readings_and_closes():
    async with serving() as server:
        head, _, body = (await ask(server.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")).partition(
            b"\r\n\r\n"
        )
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"\nswitchboard_registrations 3.0\n" in body


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", b"404"),
        (b"GET /metricsx HTTP/1.1", b"404"),
        (b"POST /metrics HTTP/1.1", b"405"),
        (b"\xff\x00nonsense", b"404"),
    ],
)
async def test_it_answers_nothing_else(request_line, status):
    async with serving() as server:
        answer = await ask(server.port, request_line + b"\r\n\r\n")
    assert answer.split(b" ")[1] == status


async def test_a_request_without_an_end_is_let_go():
    async with serving() as server:
        assert await ask(server.port, b"GET /metrics HTTP/1.1\r\n" + b"a" * 100_000) == b""


async def test_a_client_that_says_nothing_is_let_go(monkeypatch):
    monkeypatch.setattr(server_module, "REQUEST_TIMEOUT_S", 0.05)
    async with serving() as server:
        assert await ask(server.port, b"GET /met") == b""


async def test_a_taken_port_is_refused_in_one_line():
    async with serving() as server:
        with pytest.raises(
            CannotServe, match=rf"SIP_METRICS_PORT {server.port} cannot be had on 127.0.0.1: "
        ):
            await serve_metrics(read, "127.0.0.1", server.port, "SIP_METRICS_PORT")


async def test_port_zero_listens_nowhere():
    server = await serve_metrics(read, "127.0.0.1", 0, "SIP_METRICS_PORT")
    assert server.port == 0
    await server.stop()
