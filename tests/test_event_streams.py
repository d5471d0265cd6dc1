# SPDX-License-Identifier: Apache-2.0
"""The web server of the live API under readers that are slow, on a feed that the test writes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from signaling.live.tests.worlds import FeedWorld, until
from switchboard.events.tests.samples import sample
from switchboard.secret_key import derive
from tests.ports import PortBlock
from tests.stack import ROOT

pytestmark = pytest.mark.e2e

EVENTS = 5_000
QUEUED = 500
LEAD = 200
"""Events that may be on their way to the reader that keeps up: the others are to be slow, not this one."""
LONG_NAME = "n" * 2000
"""Makes all events together more than the buffers of the kernel hold."""
SECRET = "not a secret"
REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Internal {token}\r\n"
    "Upgrade: {upgrade}\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


class Server:
    """A live API whose feed is the test's."""

    def __init__(self, directory: Path) -> None:
        self.ports = PortBlock()
        self.world = FeedWorld(
            directory / f"live-{self.ports.api}.sock", config={"max_unread_bytes": 1 << 26}
        )
        self.token = derive(SECRET, "internal-api")
        environment = {
            **os.environ,
            "VAR_DIR": str(directory),
            "API_PORT": str(self.ports.api),
            "API_BIND": "127.0.0.1",
            "SECRET_KEY": SECRET,
            "EVENTS_QUEUED": str(QUEUED),
        }
        command = [sys.executable, "manage.py", "runapi"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)

    async def ready(self) -> None:
        await self.world.start()
        async with httpx.AsyncClient() as client:

            async def asked() -> bool:
                try:
                    await client.get(f"http://127.0.0.1:{self.ports.api}/api/v1/health")
                except httpx.TransportError:
                    return False
                return True

            async with asyncio.timeout(30):
                while not await asked():
                    await asyncio.sleep(0.05)
        await until(lambda: self.world.feed.readers == 1)

    def connect(self, path: str, upgrade: str = "none") -> socket.socket:
        """Ask for a stream over a connection that holds little."""
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", self.ports.api))
        client.sendall(REQUEST.format(path=path, token=self.token, upgrade=upgrade).encode())
        return client

    async def publish(self, count: int, seen: list[str] | None = None) -> None:
        """Let events happen, no faster than one reader sees them."""
        for number in range(count):
            self.world.bus.publish(sample("call.received", callee_number=str(number), caller_name=LONG_NAME))
            while seen is not None and number - len(seen) > LEAD:
                await asyncio.sleep(0.001)

    def resident_mb(self) -> int:
        """Return the memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found is not None
        return int(found[1]) // 1024

    async def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        await self.world.feed.stop()
        self.ports.release()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    made = Server(tmp_path)
    await made.ready()
    yield made
    await made.stop()


async def read_all(server: Server, count: int, found: list[str]) -> None:
    """Read events as fast as they come; note the numbers in them."""
    headers = {"Authorization": f"Internal {server.token}"}
    address = f"http://127.0.0.1:{server.ports.api}/api/v1/events"
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", address, headers=headers) as answer,
    ):
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                event = json.loads(line[6:])
                found.append(event.get("callee_number") or event["reason"])
                if len(found) == count:
                    return


def rest_of(client: socket.socket) -> bytes:
    """Read what is left until the other side has nothing more to say."""
    client.settimeout(5)
    parts = []
    with suppress(TimeoutError, ConnectionResetError):  # a WebSocket whose close is not answered is reset
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


async def test_slow_readers_are_dropped_with_a_reason_and_cost_nobody_anything(server: Server) -> None:
    seen: list[str] = []
    reading = asyncio.create_task(read_all(server, EVENTS, seen))
    slow = [server.connect("/api/v1/events"), server.connect("/ws/events", upgrade="websocket")]
    await asyncio.sleep(1.0)
    before_mb = server.resident_mb()
    await server.publish(EVENTS, seen)
    await reading
    assert seen == [str(number) for number in range(EVENTS)]
    grown_mb = server.resident_mb() - before_mb
    print(f"the live API grew by {grown_mb} MB")
    # The events themselves are kept once for readers that come back; a copy for each reader would be far more.
    assert grown_mb < 60
    said = await asyncio.gather(*(asyncio.to_thread(rest_of, client) for client in slow))
    for client, text in zip(slow, said, strict=True):
        assert b"too slow: more than 500 events were waiting" in text
        assert text.count(b"call.received") < EVENTS
        client.close()


async def test_a_reader_that_goes_away_leaves_room_for_the_next(server: Server) -> None:
    for path, upgrade in (("/api/v1/events", "none"), ("/ws/events", "websocket")):
        client = server.connect(path, upgrade)
        await asyncio.sleep(0.5)
        client.close()
    await server.publish(1000)
    seen: list[str] = []
    reading = asyncio.create_task(read_all(server, 10, seen))
    await asyncio.sleep(1.0)
    await server.publish(10)
    await asyncio.wait_for(reading, 20)
    assert seen == [str(number) for number in range(10)]
