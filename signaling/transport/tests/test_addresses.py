# SPDX-License-Identifier: Apache-2.0
"""Addresses that nothing may be sent to (coturn's ES2021-01 and its kin)."""

import pytest

from signaling.transport import addresses
from signaling.transport.addresses import check_target, is_loopback, parse_ip, source_group
from signaling.transport.errors import TargetRefused

REMOTE = "198.51.100.20"


@pytest.fixture(autouse=True)
def own_address(monkeypatch):
    """Make 203.0.113.1 an address of this machine."""
    monkeypatch.setattr(addresses, "route_source", lambda ip: ip if ip == "203.0.113.1" else "203.0.113.1")


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "[::]",
        "127.0.0.1",
        "127.200.0.1",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "224.0.0.1",
        "239.255.255.250",
        "ff02::1",
        "255.255.255.255",
        "169.254.169.254",
        "203.0.113.1",
        "not an address",
        "",
    ],
)
def test_it_refuses_them_to_a_remote_peer(ip):
    with pytest.raises(TargetRefused):
        check_target(ip, 5060, peer_ip=REMOTE)


@pytest.mark.parametrize("port", [-1, 0, 22, 80, 1023, 65536])
def test_it_refuses_system_ports(port):
    with pytest.raises(TargetRefused, match="port"):
        check_target("192.0.2.5", port, peer_ip=REMOTE)


@pytest.mark.parametrize("ip", ["192.0.2.5", "10.1.2.3", "192.168.1.20", "2001:db8::5"])
def test_it_lets_phones_through(ip):
    check_target(ip, 5060, peer_ip=REMOTE)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "203.0.113.1"])
def test_it_lets_a_peer_on_this_machine_name_this_machine(peer):
    check_target("127.0.0.1", 5070, peer_ip=peer)
    check_target("203.0.113.1", 5070, peer_ip=peer)


@pytest.mark.parametrize("bind", ["0.0.0.0", "127.0.0.1"])
def test_it_never_lets_a_request_loop_to_the_server_itself(bind):
    with pytest.raises(TargetRefused, match="server itself"):
        check_target("127.0.0.1", 5060, peer_ip="127.0.0.1", listening=(bind, 5060))
    check_target("127.0.0.1", 5062, peer_ip="127.0.0.1", listening=(bind, 5060))


@pytest.mark.parametrize("ip", ["0.0.0.0", "224.0.0.1", "::"])
def test_it_refuses_the_rest_even_to_a_peer_on_this_machine(ip):
    with pytest.raises(TargetRefused):
        check_target(ip, 5060, peer_ip="127.0.0.1")


def test_it_reads_addresses_and_not_names():
    assert str(parse_ip("[2001:DB8::1]")) == "2001:db8::1"
    assert str(parse_ip("::ffff:192.0.2.1")) == "192.0.2.1"
    assert parse_ip("example.com") is None
    assert parse_ip("1.2.3.4.5") is None
    assert is_loopback("127.9.9.9") and not is_loopback("localhost") and not is_loopback("192.0.2.1")


def test_it_groups_ipv6_sources_by_network():
    assert source_group("2001:db8:1:2:3::4") == source_group("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert source_group("::ffff:192.0.2.1") == "192.0.2.1"
    assert source_group("192.0.2.1") == "192.0.2.1"
