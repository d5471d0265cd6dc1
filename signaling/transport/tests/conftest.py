# SPDX-License-Identifier: Apache-2.0
"""A running transport manager on a free loopback port, and what it reported."""

import asyncio

import pytest

from signaling.transport.addresses import nobody
from signaling.transport.config import TransportConfig
from signaling.transport.manager import TransportManager


class Recorder:
    """Keeps what a manager reports and lets a test wait for it."""

    def __init__(self):
        self.messages = asyncio.Queue()
        self.lost = asyncio.Queue()
        self.failed = asyncio.Queue()

    def on_message(self, data, flow):
        self.messages.put_nowait((data, flow))

    async def message(self):
        return await asyncio.wait_for(self.messages.get(), 5)

    async def lost_flow(self):
        return await asyncio.wait_for(self.lost.get(), 5)

    async def failed_flow(self):
        return await asyncio.wait_for(self.failed.get(), 5)


@pytest.fixture
async def start():
    """Return a function that starts a manager with some settings changed."""
    managers = []

    async def run(refuses=nobody, trusts=nobody, **changes):
        recorder = Recorder()
        config = TransportConfig(**({"bind": "127.0.0.1", "port": 0} | changes))
        manager = TransportManager(config, refuses=refuses, trusts=trusts)
        manager.on_message = recorder.on_message
        manager.on_connection_lost = recorder.lost.put_nowait
        manager.on_send_failed = recorder.failed.put_nowait
        await manager.start()
        managers.append(manager)
        return manager, recorder

    yield run
    for manager in managers:
        await manager.stop()


def message(body=b"", headers=b"Via: SIP/2.0/TCP 127.0.0.1\r\n"):
    """Return a message that the framer accepts."""
    return b"OPTIONS sip:x SIP/2.0\r\n" + headers + b"Content-Length: %d\r\n\r\n" % len(body) + body
