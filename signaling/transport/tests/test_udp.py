# SPDX-License-Identifier: Apache-2.0
"""UDP over real loopback sockets."""

import asyncio
import socket

import pytest

from signaling.sip.flow import Flow
from signaling.transport.config import TransportConfig
from signaling.transport.errors import ListenError
from signaling.transport.manager import TransportManager
from signaling.transport.tests.conftest import message


@pytest.fixture
def phone():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


async def receive(sock):
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65536), 5)


async def test_it_passes_datagrams_on_with_their_flow_and_answers_along_it(start, phone):
    manager, recorder = await start()
    phone.sendto(message(), manager.local)
    data, flow = await recorder.message()
    assert data == message()
    assert flow == Flow("udp", phone.getsockname(), manager.local, 0)
    manager.send(b"SIP/2.0 200 OK\r\n\r\n", flow)
    assert await receive(phone) == b"SIP/2.0 200 OK\r\n\r\n"


@pytest.mark.parametrize("keep_alive", [b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"", b"jaK"])
async def test_it_neither_answers_nor_reports_keep_alives(start, phone, keep_alive):
    manager, recorder = await start()
    phone.sendto(keep_alive, manager.local)
    phone.sendto(message(), manager.local)
    assert (await recorder.message())[0] == message()
    with pytest.raises(BlockingIOError):
        phone.recv(100)


async def test_it_takes_the_largest_datagram(start, phone):
    manager, recorder = await start()
    data = message(b"x" * 65000)
    phone.sendto(data, manager.local)
    assert (await recorder.message())[0] == data


async def test_it_delivers_more_datagrams_than_fit_one_turn(start, phone):
    manager, recorder = await start()
    for number in range(200):
        phone.sendto(message(b"%d" % number), manager.local)
    assert [(await recorder.message())[0] for _ in range(200)] == [message(b"%d" % n) for n in range(200)]


async def test_it_survives_a_handler_that_fails(phone):
    seen, all_seen = [], asyncio.Event()

    def fail_once(data, flow):
        seen.append(data)
        if len(seen) == 1:
            raise RuntimeError("a bug")
        if len(seen) == 3:
            all_seen.set()

    manager = TransportManager(TransportConfig(bind="127.0.0.1", port=0))
    manager.on_message = fail_once
    await manager.start()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    for number in range(3):
        phone.sendto(message(b"%d" % number), manager.local)
    await asyncio.wait_for(all_seen.wait(), 5)
    await manager.stop()


@pytest.mark.parametrize("remote", [("0.0.0.0", 0), ("not an address", 5060), ("127.0.0.1", 70000)])
async def test_it_reports_what_it_cannot_send_and_never_raises(start, remote):
    manager, recorder = await start()
    flow = Flow("udp", remote, manager.local, 0)
    manager.send(b"x" * 20, flow)
    assert recorder.failed.empty()
    assert await recorder.failed_flow() == flow


async def test_it_reports_a_datagram_that_is_too_large(start, phone):
    manager, recorder = await start()
    flow = Flow("udp", phone.getsockname(), manager.local, 0)
    manager.send(b"x" * 70000, flow)
    assert await recorder.failed_flow() == flow


async def test_it_names_port_and_protocol_when_the_port_is_taken(phone):
    port = phone.getsockname()[1]
    manager = TransportManager(TransportConfig(bind="127.0.0.1", port=port))
    with pytest.raises(ListenError, match=f"SIP port {port}/udp on 127.0.0.1 is taken") as caught:
        await manager.start()
    assert (caught.value.port, caught.value.protocol, caught.value.taken) == (port, "udp", True)


async def test_it_says_that_the_address_is_not_this_machines():
    manager = TransportManager(TransportConfig(bind="192.0.2.77", port=0))
    with pytest.raises(ListenError, match="no such address"):
        await manager.start()


async def test_it_serves_ipv6(start):
    try:
        manager, recorder = await start(bind="::1")
    except ListenError:
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.sendto(message(), manager.local)
        _, flow = await recorder.message()
        assert flow.remote[0] == "::1"
        manager.send(message(b"back"), flow)
        assert await receive(sock) == message(b"back")
