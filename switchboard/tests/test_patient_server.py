# SPDX-License-Identifier: Apache-2.0
"""Responses flow as fast as they are read. The server runs in a process of its own: its reactor starts only once."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import IO, Any

import pytest
from daphne.http_protocol import HTTPFactory
from twisted.internet.testing import StringTransport
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers

from switchboard.patient_server import PIECE_BYTES as READ_BYTES
from switchboard.patient_server import Body
from tests.servers import free_port

PIECES, PIECE_BYTES = 300, 100_000
CHILD = f"""
import asyncio, sys
from daphne.endpoints import build_endpoint_description_strings
from switchboard import patient_server

patient_server.STALLED_S = float(sys.argv[2])

async def application(scope, receive, send):
    print("begun", flush=True)
    await receive()
    gone = asyncio.ensure_future(receive())
    if scope["path"] == "/fails":
        raise ValueError("before the answer")
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    if scope["path"] == "/breaks":
        await send({{"type": "http.response.body", "body": b"a beginning", "more_body": True}})
        raise ValueError("amid the answer")
    for number in range({PIECES}):
        await send({{"type": "http.response.body", "body": b"x" * {PIECE_BYTES}, "more_body": True}})
        await asyncio.sleep(0)
        if gone.done():
            break
        print("sent", flush=True)
    await send({{"type": "http.response.body", "body": b""}})
    print("over", flush=True)

patient_server.PatientServer(
    application=application,
    endpoints=build_endpoint_description_strings(host="127.0.0.1", port=int(sys.argv[1])),
    ready_callable=lambda: print("ready", flush=True),
).run()
"""


class Served:
    """A server that streams 30 MB to whoever connects, and tells what it sent."""

    def __init__(self, stalled_s: float) -> None:
        self.port = free_port()
        command = [sys.executable, "-c", CHILD, str(self.port), str(stalled_s)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.told: IO[str] = self.process.stdout
        assert self.told.readline() == "ready\n"

    @contextlib.contextmanager
    def request(self, path: str = "/") -> Iterator[socket.socket]:
        """Send a request whose answer is not read yet."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20.0) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
            assert self.told.readline() == "begun\n"
            yield client


@pytest.fixture
def serve() -> Iterator[type[Served]]:
    started: list[Served] = []

    class Started(Served):
        def __init__(self, stalled_s: float) -> None:
            super().__init__(stalled_s)
            started.append(self)

    yield Started
    for served in started:
        served.process.kill()
        served.process.wait()


def sent_until_over(told: IO[str]) -> int:
    """Return how many pieces were sent by the end of the response."""
    return sum(line == "sent\n" for line in iter(told.readline, "over\n"))


def test_a_response_arrives_whole_however_slowly_it_is_read(serve: type[Served]) -> None:
    served = serve(30.0)
    with served.request() as client:
        time.sleep(0.3)
        received = 0
        while data := client.recv(65536):
            received += len(data)
    assert received > PIECES * PIECE_BYTES and sent_until_over(served.told) == PIECES


def test_little_is_sent_to_a_reader_that_takes_nothing_and_it_is_given_up(serve: type[Served]) -> None:
    served = serve(0.3)
    with served.request():
        # What the kernel's buffers on both sides hold, and no more.
        assert sent_until_over(served.told) < PIECES / 3


def test_a_request_ends_when_its_application_fails_and_so_does_each_after_it(serve: type[Served]) -> None:
    served = serve(30.0)
    for _ in range(2):
        with served.request("/breaks") as client:
            received = client.recv(65536)
            # Cut off: neither the end that chunks have, nor silence.
            with contextlib.suppress(ConnectionResetError):
                while data := client.recv(65536):
                    received += data
            assert b"a beginning" in received and not received.endswith(b"0\r\n\r\n")
        with served.request("/fails") as client:
            assert client.recv(65536).startswith(b"HTTP/1.1 500 ")


def test_forms_with_files_are_not_taken_apart_before_django_does_it() -> None:
    factory = HTTPFactory(SimpleNamespace(protocol_connected=lambda protocol: None))
    channel = factory.buildProtocol(None)
    channel.makeConnection(StringTransport())
    request = channel.requestFactory(channel._channel, False)
    request.requestHeaders = Headers({"Content-Type": ["multipart/form-data; boundary=a"]})
    request.content = io.BytesIO()
    request.content.write(b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nsound\r\n--a--\r\n')
    request.process = lambda: None
    request.requestReceived(b"POST", b"/?x=1", b"HTTP/1.1")
    assert request.args == {b"x": [b"1"]}


@pytest.mark.parametrize("size", [0, 1, READ_BYTES, READ_BYTES + 1, 3 * READ_BYTES])
async def test_a_large_body_is_read_as_it_is_asked_for_and_then_the_end_is_told(size: int) -> None:
    content = io.BytesIO(bytes(size))
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    queue.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    queue.put_nowait({"type": "http.disconnect"})
    receive = Body(content, queue.get)
    got = 0
    while (message := await receive())["more_body"]:
        assert content.tell() == (got := got + len(message["body"]))
    assert got + len(message["body"]) == size and content.closed
    assert await receive() == {"type": "http.disconnect"}


async def test_who_went_away_before_the_end_of_the_body_was_read_is_told_of() -> None:
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    queue.put_nowait({"type": "http.disconnect"})
    assert await Body(io.BytesIO(b"x"), queue.get)() == {"type": "http.disconnect"}


def test_too_many_requests_has_its_words() -> None:
    assert RESPONSES[429] == b"Too Many Requests"
