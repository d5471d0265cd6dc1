# SPDX-License-Identifier: Apache-2.0
"""What the manager does beside its transports: addresses, unknown transports, stopping."""

import asyncio
import errno
import socket

import pytest

from signaling.sip.flow import Flow
from signaling.transport.errors import ListenError, TargetRefused
from signaling.transport.srv import Target
from signaling.transport.tests.conftest import message


async def test_it_listens_on_one_port_for_both_transports(start):
    manager, _ = await start()
    assert manager._udp.local[1] == manager._streams["tcp"].local[1] == manager.local[1] > 0


async def test_it_reports_a_transport_that_it_does_not_have(start):
    manager, recorder = await start()
    flow = Flow("wss", ("127.0.0.1", 4000), manager.local, 3)
    manager.send(b"x", flow)
    assert await recorder.failed_flow() == flow


async def test_it_advertises_the_bound_address_unless_told_otherwise(start):
    manager, _ = await start()
    assert manager.advertised("192.0.2.5", "udp") == ("127.0.0.1", manager.local[1])
    manager, _ = await start(advertise="203.0.113.9")
    assert manager.advertised("127.0.0.1", "udp") == ("203.0.113.9", manager.local[1])


async def test_it_advertises_loopback_to_loopback_and_the_primary_address_to_others(start, monkeypatch):
    monkeypatch.setattr("signaling.transport.manager.primary_address", lambda ipv6: "198.51.100.4")
    manager, _ = await start(bind="0.0.0.0")
    assert manager.advertised("127.0.0.9", "udp")[0] == "127.0.0.1"
    assert manager.advertised("192.0.2.5", "tcp")[0] == "198.51.100.4"


async def test_it_refuses_to_send_to_itself(start):
    manager, _ = await start()
    with pytest.raises(TargetRefused, match="server itself"):
        manager.check_target(Target("udp", *manager.local), peer_ip="127.0.0.1")


async def test_it_makes_a_flow_from_a_target(start):
    manager, _ = await start()
    assert manager.flow_to(Target("tcp", "192.0.2.9", 5080)) == Flow(
        "tcp", ("192.0.2.9", 5080), manager.local, 0
    )


async def test_it_stops_twice_and_sends_nothing_afterwards(start):
    manager, recorder = await start()
    await manager.stop()
    await manager.stop()
    flow = Flow("udp", ("127.0.0.1", 4000), manager.local, 0)
    manager.send(b"x", flow)
    assert await recorder.failed_flow() == flow


# --- Both address families ----------------------------------------------------------------------------------------------


def ask(ip, port):
    """Send a datagram from a socket of its own; return it."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    peer = socket.socket(family, socket.SOCK_DGRAM)
    peer.settimeout(5)
    peer.bind((ip, 0))
    peer.sendto(message(), (ip, port))
    return peer


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
async def test_two_colons_serve_both_families_over_udp(start, ip):
    manager, recorder = await start(bind="::")
    with ask(ip, manager.local[1]) as peer:
        _, flow = await recorder.message()
        assert flow.remote == (ip, peer.getsockname()[1])
        manager.send(b"an answer of some length", flow)
        assert peer.recv(100) == b"an answer of some length"
    assert manager.advertised(ip, "udp") == (ip, manager.local[1])


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
async def test_two_colons_serve_both_families_over_tcp(start, ip):
    manager, recorder = await start(bind="::")
    reader, writer = await asyncio.open_connection(ip, manager.local[1])
    writer.write(message())
    _, flow = await recorder.message()
    assert flow.remote == writer.get_extra_info("sockname")[:2]
    manager.send(b"an answer", flow)
    assert await reader.readexactly(9) == b"an answer"
    writer.close()


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
async def test_a_new_flow_leaves_by_the_socket_of_its_family(start, ip):
    manager, _ = await start(bind="::")
    with ask(ip, manager.local[1]) as peer:
        flow = manager.flow_to(Target("udp", *peer.getsockname()[:2]))
        manager.send(b"a request of some length", flow)
        data, source = peer.recvfrom(100)
    assert (data, source[:2]) == (b"a request of some length", (ip, manager.local[1]))


async def test_each_family_is_told_an_address_of_its_own(start, monkeypatch):
    monkeypatch.setattr(
        "signaling.transport.manager.primary_address", lambda ipv6: "2001:db8::4" if ipv6 else "198.51.100.4"
    )
    manager, _ = await start(bind="::")
    assert manager.advertised("192.0.2.5", "udp")[0] == "198.51.100.4"
    assert manager.advertised("2001:db8::9", "udp")[0] == "2001:db8::4"
    manager, _ = await start(bind="::", advertise="203.0.113.9")
    assert manager.advertised("192.0.2.5", "udp")[0] == "203.0.113.9"
    assert manager.advertised("2001:db8::9", "udp")[0] == "2001:db8::4"


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_a_port_that_is_taken_in_one_family_leaves_neither_open(start, kind):
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("0.0.0.0", 0))
        port = other.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            other.listen()
        with pytest.raises(ListenError, match=f"SIP port {port}/.* on 0.0.0.0 is taken by another program"):
            await start(bind="::", port=port)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as free:
            free.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            free.bind(("::", port))


async def test_a_family_that_this_machine_does_not_have_is_one_line(start, monkeypatch):
    def refuse(*args):
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr("signaling.transport.udp.socket.socket", refuse)
    with pytest.raises(ListenError, match="SIP port 5999/udp on ::: Address family not supported"):
        await start(bind="::", port=5999)
