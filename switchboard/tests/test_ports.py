# SPDX-License-Identifier: Apache-2.0
"""Finding out who has a port."""

import os
import socket

import pytest

from switchboard.ports import WantedPort, owner_of, problem_with


def test_a_free_port_is_no_problem():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert problem_with(WantedPort("127.0.0.1", port, "tcp", "UI_PORT")) is None


@pytest.mark.parametrize(("protocol", "kind"), [("udp", socket.SOCK_DGRAM), ("tcp", socket.SOCK_STREAM)])
def test_a_taken_port_is_named_with_its_owner_and_the_way_out(protocol, kind):
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", 0))
        if protocol == "tcp":
            holder.listen()
        port = holder.getsockname()[1]
        problem = problem_with(WantedPort("127.0.0.1", port, protocol, "GRPC_PORT")) or ""
    assert f"port {port}/{protocol} is taken by" in problem
    assert f"pid {os.getpid()}" in problem
    assert "--grpc-port NUMBER (or GRPC_PORT=NUMBER)" in problem


def test_an_address_of_another_machine_is_a_clear_problem():
    problem = problem_with(WantedPort("192.0.2.1", 5060, "udp", "PORT")) or ""
    assert "cannot be bound on 192.0.2.1" in problem


def test_nobody_owns_a_port_that_is_not_open():
    assert owner_of(1, "udp") == ""
