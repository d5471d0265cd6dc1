# SPDX-License-Identifier: Apache-2.0
"""All figures of a signaling node."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import pytest

from signaling.bans.blocklist import BlockList
from signaling.metering.calls import CallMeter
from signaling.metering.meter import SignalingMeter
from switchboard.metrics.catalogue import of_role
from switchboard.metrics.exposition import from_plain, render


@pytest.fixture
async def node() -> Any:
    return SimpleNamespace(
        loop=asyncio.get_running_loop(),
        endpoint=SimpleNamespace(client_transactions=2, server_transactions=3),
        dialogs={1: None},
        traffic=None,
        transport=SimpleNamespace(certificate=None, connections_by_transport={"tcp": 7}, handshakes={}),
    )


def meter_of(node: Any, counter: CallMeter | None = None, **changed: Any) -> SignalingMeter:
    parts: dict[str, Any] = {
        "calls": SimpleNamespace(closing=False),
        "location": {"a": 1, "b": 2},
        "rtpmanagers": [
            SimpleNamespace(node_id="m1", healthy=True, active_sessions=4, available_ports=46),
            SimpleNamespace(node_id="m2", healthy=False, active_sessions=0, available_ports=None),
        ],
        "blocklist": BlockList(),
        "journal": SimpleNamespace(unwritten=1, lost=0, problem=None),
        "writer": SimpleNamespace(backlog=5, problem="CDRs wait in the journal"),
    }
    return SignalingMeter(counter=counter or CallMeter(), node=node, **{**parts, **changed})


async def test_it_shows_every_figure_of_the_role_and_no_other(node):
    readings = meter_of(node).read()
    assert set(readings) == {metric.name for metric in of_role("signaling")}
    assert render(readings)


async def test_gauges_are_those_of_the_parts(node):
    readings = meter_of(node).read()
    assert readings["switchboard_sip_transactions"] == {("client",): 2, ("server",): 3}
    assert readings["switchboard_registrations"] == {(): 2}
    assert readings["switchboard_cdr_problem"] == {("journal",): 0, ("delivery",): 1}
    assert readings["switchboard_cdr_backlog"] == {(): 5}
    assert readings["switchboard_rtpmanager_healthy"] == {("m1",): 1, ("m2",): 0}
    assert readings["switchboard_rtpmanager_ports_left"] == {("m1",): 46}


async def test_tls_is_shown_where_it_is_served(node):
    quiet = meter_of(node).read()
    assert quiet["switchboard_sip_connections"] == {("tcp",): 7}
    assert quiet["switchboard_tls_handshakes_total"] == {}
    assert quiet["switchboard_tls_certificate_expiry_seconds"] == {}
    node.transport = SimpleNamespace(
        certificate=SimpleNamespace(identity=SimpleNamespace(not_after=1.9e9)),
        connections_by_transport={"tcp": 7, "tls": 3},
        handshakes={"done": 5, "failed": 1, "refused": 0},
    )
    readings = meter_of(node).read()
    assert readings["switchboard_sip_connections"] == {("tcp",): 7, ("tls",): 3}
    assert readings["switchboard_tls_handshakes_total"] == {("done",): 5, ("failed",): 1, ("refused",): 0}
    assert readings["switchboard_tls_certificate_expiry_seconds"] == {(): 1.9e9}


async def test_traffic_is_counted_between_start_and_stop(node):
    meter = meter_of(node)
    meter.start()
    node.traffic.received(b"INVITE sip:bob@acme.test SIP/2.0")
    meter.stop()
    assert node.traffic is None
    assert meter.read()["switchboard_sip_requests_total"]["in", "INVITE"] == 1


async def test_it_shows_what_was_counted_of_calls(node):
    counter = CallMeter()
    meter = meter_of(node, counter)
    counter.call_received("1", "phone", 1.0)
    assert meter.read()["switchboard_calls_started_total"] == {("phone",): 1, ("api",): 0}


async def test_another_process_gets_the_same(node):
    meter = meter_of(node)
    answer = json.loads(json.dumps(meter.answer({})))
    assert render(from_plain(answer["readings"]), answer["pid"]).count(b"# HELP switchboard_") == len(
        of_role("signaling")
    )
