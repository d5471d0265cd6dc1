# SPDX-License-Identifier: Apache-2.0
"""Sources that nothing is read from: over UDP and TCP, before anything else is done."""

import asyncio
import socket

import pytest

from signaling.transport.tests.conftest import message

BANNED, HEARD = "127.0.0.66", "127.0.0.67"


@pytest.fixture
def asked():
    return []


@pytest.fixture
async def node(start, asked):
    def refuses(ip):
        asked.append(ip)
        return ip == BANNED

    return await start(refuses=refuses)


async def connect(manager, ip):
    return await asyncio.open_connection(*manager.local, local_addr=(ip, 0))


async def test_nothing_is_read_from_a_refused_address_over_udp(node):
    manager, recorder = node
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        one.bind((BANNED, 0))
        other.bind((HEARD, 0))
        for number in range(100):
            one.sendto(message(b"%d" % number), manager.local)
        other.sendto(message(b"heard"), manager.local)
        assert (await recorder.message())[0] == message(b"heard")
    assert recorder.messages.empty()


async def test_a_refused_address_gets_no_connection(node):
    manager, recorder = node
    reader, writer = await connect(manager, BANNED)
    writer.write(message())
    with pytest.raises(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
        raise ConnectionError
    assert manager.connections == 0
    writer.close()
    _, writer = await connect(manager, HEARD)
    writer.write(message(b"heard"))
    assert (await recorder.message())[0] == message(b"heard")
    assert recorder.lost.empty()
    writer.close()


async def test_connections_of_chosen_addresses_are_closed(node):
    manager, recorder = node
    reader, writer = await connect(manager, HEARD)
    writer.write(message())
    await recorder.message()
    assert manager.close_from(lambda ip: ip == BANNED) == 0
    assert manager.close_from(lambda ip: ip == HEARD) == 1
    with pytest.raises(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 5) == b""
        raise ConnectionError
    assert (await recorder.lost_flow()).remote[0] == HEARD
    writer.close()
