# SPDX-License-Identifier: Apache-2.0
"""What the manager does beside its transports: addresses, unknown transports, stopping."""

import pytest

from signaling.sip.flow import Flow
from signaling.transport.errors import TargetRefused
from signaling.transport.srv import Target


async def test_it_listens_on_one_port_for_both_transports(start):
    manager, _ = await start()
    assert manager._udp.local[1] == manager._tcp.local[1] == manager.local[1] > 0


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
