# SPDX-License-Identifier: Apache-2.0
"""The warden: who goes on failing is reported; who is forged, at home or slow is not."""

from hypothesis import given
from hypothesis import strategies as st

from signaling.bans import warden as module
from signaling.bans.warden import Warden, WardenConfig
from signaling.sip.flow import Flow

NOW = 1000.0


def udp(ip="203.0.113.7", port=5060):
    return Flow("udp", (ip, port), ("192.0.2.1", 5060))


def tcp(connection=1, ip="203.0.113.7"):
    return Flow("tcp", (ip, 40_000 + connection), ("192.0.2.1", 5060), connection)


class Watched(Warden):
    """A warden that keeps what it reports."""

    def __init__(self, **config):
        super().__init__(WardenConfig(**config))
        self.banned, self.spared = [], []
        self.on_offender = lambda source, reason: self.banned.append((source, reason))
        self.on_spared = lambda source, reason: self.spared.append((source, reason))


def test_it_reports_a_source_that_guesses_and_says_what_it_did():
    warden = Watched(failures=5)
    for second in range(4):
        warden.failed(udp(port=5000 + second), NOW + second, proven=True)
    assert warden.banned == []
    warden.failed(udp(), NOW + 60, proven=True)
    assert warden.banned == [("203.0.113.7", "5 failed logins within 60 s")]


def test_forged_datagrams_ban_nobody():
    warden = Watched(failures=5)
    for _ in range(1000):
        warden.failed(udp(), NOW, proven=False)
        warden.challenged(udp(), NOW)
    assert warden.banned == []


def test_failures_over_a_connection_need_no_other_proof():
    warden = Watched(failures=5)
    for number in range(5):
        warden.failed(tcp(number + 1), NOW, proven=False)
    assert [source for source, _ in warden.banned] == ["203.0.113.7"]


def test_an_ipv6_network_is_one_source():
    warden = Watched(failures=5)
    for number in range(5):
        warden.failed(udp(f"2001:db8:1:2::{number}"), NOW, proven=True)
    assert [source for source, _ in warden.banned] == ["2001:db8:1:2::"]


def test_failures_that_lie_apart_are_no_attack():
    warden = Watched(failures=5, window_s=100)
    for number in range(100):
        warden.failed(udp(), NOW + number * 26, proven=True)
    assert warden.banned == []


def test_a_source_where_a_user_is_at_home_is_spared_and_that_is_said_once_a_window():
    warden = Watched(failures=5, window_s=100, trust_s=1000)
    warden.succeeded(udp(port=7), NOW)
    for _ in range(50):
        warden.failed(udp(port=8), NOW + 1, proven=True)
    assert warden.banned == []
    assert warden.spared == [("203.0.113.7", "5 failed logins within 1 s")]
    for _ in range(5):
        warden.failed(udp(port=8), NOW + 1001, proven=True)
    assert [source for source, _ in warden.banned] == ["203.0.113.7"]


def test_another_node_is_never_reported():
    warden = Watched(failures=5)
    warden.spare("203.0.113.7")
    for _ in range(50):
        warden.failed(udp(), NOW, proven=True)
    assert warden.banned == warden.spared == []


def test_challenges_that_are_answered_in_time_are_no_probes():
    warden = Watched(failures=5, unanswered=3)
    for _ in range(100):
        for _ in range(3):
            warden.challenged(tcp(), NOW)
        for _ in range(3):
            warden.succeeded(tcp(), NOW)
    warden.closed(tcp(), NOW)
    assert warden.banned == []
    assert warden.spared == []


def test_a_connection_that_leaves_many_challenges_unanswered_is_a_probe():
    warden = Watched(failures=5, unanswered=10)
    for _ in range(15):
        warden.challenged(tcp(), NOW)
    assert warden.banned == [("203.0.113.7", "5 challenges left unanswered within 1 s")]


def test_connections_that_come_for_a_challenge_and_go_are_probes():
    warden = Watched(failures=5)
    for number in range(1, 6):
        warden.challenged(tcp(number), NOW)
        warden.closed(tcp(number), NOW)
        warden.closed(tcp(number), NOW)
        assert bool(warden.banned) == (number == 5)


def test_connections_without_a_challenge_are_no_probes():
    warden = Watched(failures=1)
    warden.closed(tcp(), NOW)
    assert warden.banned == []


def test_nobody_is_banned_when_that_is_switched_off():
    warden = Watched(failures=0)
    for _ in range(100):
        warden.failed(udp(), NOW, proven=True)
    assert warden.banned == []


def test_a_source_whose_ban_was_lifted_begins_anew():
    warden = Watched(failures=5)
    for _ in range(4):
        warden.failed(udp(), NOW, proven=True)
    warden.forget("203.0.113.7")
    for _ in range(4):
        warden.failed(udp(), NOW, proven=True)
    assert warden.banned == []


def test_after_a_report_it_counts_anew():
    warden = Watched(failures=5)
    for _ in range(12):
        warden.failed(udp(), NOW, proven=True)
    assert len(warden.banned) == 2


def test_memory_is_bounded_whatever_comes(monkeypatch):
    for limit in ("MAX_SOURCES", "MAX_TRUSTED", "MAX_CONNECTIONS", "MAX_NODES"):
        monkeypatch.setattr(module, limit, 10)
    warden = Watched(failures=5)
    for number in range(500):
        ip = f"10.0.{number // 250}.{number % 250}"
        warden.failed(udp(ip), NOW, proven=True)
        warden.trust(ip, NOW)
        warden.challenged(tcp(number + 1, ip), NOW)
        warden.spare(f"10.1.{number // 250}.{number % 250}")
    tables = (warden._counts, warden._trusted, warden._unanswered, warden._nodes)
    assert {len(table) for table in tables} == {10}


@given(st.lists(st.floats(0, 50), min_size=1, max_size=200), st.integers(1, 30))
def test_it_reports_only_who_failed_as_often_as_is_needed_within_the_window(pauses, failures):
    warden = Watched(failures=failures, window_s=100)
    now, times = NOW, []
    for pause in pauses:
        now += pause
        times.append(now)
        before = len(warden.banned)
        warden.failed(udp(), now, proven=True)
        if len(warden.banned) > before:
            assert sum(moment >= now - 100 for moment in times) >= failures
            times = []
