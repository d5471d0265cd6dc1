# SPDX-License-Identifier: Apache-2.0
"""What the all-in-one command tells its children."""

from typing import Any

import pytest

from switchboard.management.commands.switchboard import what_children_need


def test_signaling_finds_the_rtp_manager_at_another_port_without_being_told(settings: Any):
    settings.GRPC_PORT = 19090
    assert what_children_need({}) == {"GRPC_BIND": "127.0.0.1", "RTPMANAGER_ADDRS": "127.0.0.1:19090"}


@pytest.mark.parametrize(
    ("bind", "address"),
    [("0.0.0.0", "127.0.0.1:9090"), ("192.0.2.7", "192.0.2.7:9090"), ("::1", "[::1]:9090")],
)
def test_an_address_that_the_operator_chose_stays(settings: Any, bind: str, address: str):
    settings.GRPC_PORT = 9090
    assert what_children_need({"GRPC_BIND": bind}) == {"GRPC_BIND": bind, "RTPMANAGER_ADDRS": address}


def test_named_rtp_managers_are_used_as_they_are():
    assert what_children_need({"RTPMANAGER_ADDRS": "rtp-1=10.0.0.1:9090"}) == {}
