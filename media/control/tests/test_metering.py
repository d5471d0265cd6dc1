# SPDX-License-Identifier: Apache-2.0
"""What an RTP manager shows to Prometheus."""

from types import SimpleNamespace
from typing import Any

from media.control.media_events import SessionCounters
from media.control.metering import RtpMeter
from media.control.results import NodeHealth
from media.control.session_crypto import SessionCrypto
from media.control.session_states import SessionState
from media.control.tests.harness import A, B
from switchboard.metrics.catalogue import of_role
from switchboard.metrics.exposition import render

LOOP_FIGURES = {"switchboard_event_loop_lag_seconds"}


async def test_it_shows_every_figure_of_the_role_and_no_other(node):
    node.manager.create_session(A)
    readings = node.manager.meter.read()
    assert set(readings) | LOOP_FIGURES == {metric.name for metric in of_role("rtpmanager")}
    assert render(readings)


async def test_sessions_are_counted_by_state_and_ports_by_what_is_left(node):
    before = node.manager.meter.read()["switchboard_rtp_ports_left"][()]
    node.manager.create_session(A)
    node.manager.create_session(B)
    readings = node.manager.meter.read()
    assert sum(readings["switchboard_rtp_sessions"].values()) == 2
    assert readings["switchboard_rtp_ports_left"][()] == before - 2


async def test_a_session_that_ends_is_added_up(node):
    node.manager.create_session(A)
    node.engine.sessions[A]["packets_received"] = 7
    node.manager.destroy(A)
    assert node.manager.meter.read()["switchboard_rtp_packets_total"][("received",)] == 7


def test_packets_of_running_and_ended_sessions_never_fall():
    running: dict[str, Any] = {"a": SimpleNamespace(state=SessionState.ACTIVE, crypto=SessionCrypto())}
    so_far = SessionCounters(packets_received=70, packets_sent=60, packets_lost=9)
    meter = RtpMeter(running, lambda session_id: so_far, lambda: NodeHealth(True, 0, 10, "m1", "boot"))
    before = meter.read()
    ended = SessionCounters(packets_received=75, packets_sent=61, packets_lost=1, jitter_ms=30.0)
    running.clear()
    meter.ended(ended)
    after = meter.read()
    name = "switchboard_rtp_packets_total"
    assert (before[name]["received",], after[name]["received",]) == (70, 75)
    lost = "switchboard_rtp_packets_lost_total"
    assert (before[lost][()], after[lost][()]) == (0, 1)
    assert after["switchboard_rtp_jitter_seconds"][()].total == 0.03
