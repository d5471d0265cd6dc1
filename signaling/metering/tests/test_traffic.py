# SPDX-License-Identifier: Apache-2.0
"""SIP messages, counted by their first bytes."""

from typing import Any

import pytest

from signaling.metering.traffic import METHODS, Traffic
from switchboard.metrics.numbers import Histogram

REQUESTS, RESPONSES = "switchboard_sip_requests_total", "switchboard_sip_responses_total"


def counted(traffic: Traffic, name: str) -> dict[tuple, Any]:
    return {labels: count for labels, count in traffic.read()[name].items() if count}


def traffic() -> Traffic:
    return Traffic(Histogram((1.0,)))


@pytest.mark.parametrize("method", METHODS)
def test_requests_count_by_method(method):
    it = traffic()
    it.received(f"{method} sip:1001@acme.test SIP/2.0\r\n".encode())
    it.sent([(f"{method} sip:1001@acme.test SIP/2.0\r\n".encode(), None)])
    assert counted(it, REQUESTS) == {("in", method): 1, ("out", method): 1}


@pytest.mark.parametrize("status", [100, 200, 302, 404, 503, 603])
def test_responses_count_by_class(status):
    it = traffic()
    it.received(f"SIP/2.0 {status} Reason\r\n".encode())
    assert counted(it, RESPONSES) == {("in", f"{status // 100}xx"): 1}
    assert counted(it, REQUESTS) == {}


@pytest.mark.parametrize(
    "data", [b"X-EVIL-1 sip:a SIP/2.0", b"\xff" * 20, b"SIP/2.0 9", b"SIP/2.0 ", b"invite sip:a"]
)
def test_what_a_peer_invents_makes_no_label_of_its_own(data):
    it = traffic()
    it.received(data)
    assert list(counted(it, REQUESTS) | counted(it, RESPONSES)) == [("in", "other")]


def test_a_keep_alive_counts_as_nothing():
    it = traffic()
    it.received(b"\r\n\r\n")
    assert counted(it, REQUESTS) == {}


def test_the_time_to_our_100_is_measured():
    now = [5.0]
    trying = Histogram((1.0,))
    it = Traffic(trying, lambda: now[0])
    it.received(b"INVITE sip:1002@acme.test SIP/2.0\r\n")
    now[0] = 5.25
    it.sent([(b"SIP/2.0 100 Trying\r\n", None), (b"SIP/2.0 180 Ringing\r\n", None)])
    assert (trying.counts, trying.total) == ([1, 0], 0.25)
