# SPDX-License-Identifier: Apache-2.0
"""What Prometheus gets from the running roles, before and after a real call with audio."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from switchboard.metrics.catalogue import of_role
from tests import test_testcall
from tests.live_api import LiveApi
from tests.stack import Stack
from tests.test_operators import log_in
from tests.webui import create_admin, url_of

pytestmark = pytest.mark.e2e

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
AFTER_A_CALL = {
    "signaling": (
        'switchboard_calls_started_total{origin="phone"}',
        'switchboard_calls_ended_total{direction="internal",disposition="ANSWERED",reason="normal"}',
        'switchboard_call_setup_seconds_count{stage="trying"}',
        'switchboard_call_setup_seconds_count{stage="ringing"}',
        'switchboard_call_setup_seconds_count{stage="answer"}',
        'switchboard_call_setup_seconds_count{stage="media"}',
        "switchboard_call_duration_seconds_count",
        'switchboard_sip_requests_total{direction="in",method="INVITE"}',
        'switchboard_sip_responses_total{direction="out",status_class="2xx"}',
        'switchboard_registration_events_total{event="registered"}',
        "switchboard_sessions_created_total",
        'switchboard_session_packets_total{direction="received"}',
        "switchboard_session_jitter_seconds_count",
        "switchboard_event_loop_lag_seconds_count",
    ),
    "rtpmanager": (
        'switchboard_rtp_packets_total{direction="received"}',
        'switchboard_rtp_packets_total{direction="sent"}',
        "switchboard_rtp_jitter_seconds_count",
        "switchboard_rtp_ports_left",
        "switchboard_event_loop_lag_seconds_count",
    ),
}
"""What such a call makes larger than zero."""


@pytest.fixture(scope="module")
def own_stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All three roles, with their figures to be read."""
    stack = Stack(tmp_path_factory.mktemp("metrics"), template)
    ports = {"SIP_METRICS_PORT": stack.ports.client(), "RTP_METRICS_PORT": stack.ports.client()}
    stack._extra_env |= {name: str(port) for name, port in ports.items()}
    try:
        stack.start()
        create_admin(stack)
        stack.run("runui")
        yield stack
    finally:
        stack.stop()


def scrape(stack: Stack, role: str) -> str:
    """Return the page of a role."""
    port = {"signaling": "SIP_METRICS_PORT", "rtpmanager": "RTP_METRICS_PORT"}[role]
    return httpx.get(f"http://127.0.0.1:{stack.environment()[port]}/metrics", timeout=5).text


def sample(page: str, wanted: str) -> float:
    """Return the sum of the samples of a name with at least these labels."""
    name, _, labels = wanted.rstrip("}").partition("{")
    pairs = set(filter(None, labels.split(",")))
    found = [
        float(value)
        for each, said, value in SAMPLE.findall(page)
        if each == name and pairs <= set((said or "").split(","))
    ]
    return sum(found)


def families(page: str) -> set[str]:
    """Return the names that a page describes."""
    return set(re.findall(r"^# TYPE (\w+) ", page, re.MULTILINE))


def test_every_role_shows_all_of_its_figures_and_a_call_moves_them(own_stack: Stack) -> None:
    before = {role: scrape(own_stack, role) for role in AFTER_A_CALL}
    users = [own_stack.phone().username for _ in range(2)]
    done = test_testcall.place_testcall(
        own_stack, "--from", users[0], "--to", users[1], "--json", *test_testcall.credentials(*users)
    )
    assert done.returncode == 0, done.stdout
    for role, wanted in AFTER_A_CALL.items():
        page = scrape(own_stack, role)
        assert {metric.name for metric in of_role(role)} <= families(page)  # type: ignore[arg-type]
        still = [name for name in wanted if not sample(page, name)]
        assert still == [], f"{role}: still zero"
        moved = wanted[0]
        assert sample(page, moved) > sample(before[role], moved)
        assert not any(f'"{user}' in page for user in users), "a label holds what a caller chose"


def test_a_node_shows_its_figures_on_the_port_of_its_api_too(own_stack: Stack) -> None:
    api = LiveApi(own_stack).ready()
    page = httpx.get(f"{api.url}/metrics", headers=api.headers, timeout=5)
    assert page.status_code == 200
    assert {metric.name for metric in of_role("signaling")} <= families(page.text)
    assert httpx.get(f"{api.url}/metrics", timeout=5).status_code == 401


def test_the_ui_shows_its_figures_to_platform_administrators(own_stack: Stack) -> None:
    with httpx.Client(follow_redirects=True) as browser:
        assert browser.get(f"{url_of(own_stack)}/metrics").status_code == 401
        log_in(browser, f"{url_of(own_stack)}/admin/")
        page = browser.get(f"{url_of(own_stack)}/metrics").text
    assert {metric.name for metric in of_role("ui")} <= families(page)
    assert "process_resident_memory_bytes" in families(page)


def test_a_node_that_is_unwell_does_not_fill_the_log(own_stack: Stack) -> None:
    api = LiveApi(own_stack).ready()
    own_stack.kill("runrtp")
    try:
        own_stack.wait_until(lambda: api.health() == 503, 10, "the missing RTP manager to be noticed")
        for _ in range(20):
            assert api.health() == 503
        with httpx.Client() as client:
            headers = {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            }
            for port in (own_stack.ports.api, own_stack.ports.ui):
                assert client.get(f"http://127.0.0.1:{port}/ws/nothing", headers=headers).status_code == 403
    finally:
        own_stack.run("runrtp")
    for name in ("runsip", "runui"):
        log = (own_stack.var / f"{name}.log").read_text()
        assert "Service Unavailable" not in log
        assert "Traceback" not in log
