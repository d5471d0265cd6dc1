# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.gen import rtpmanager_pb2 as pb
from signaling.calls.pace import Pace
from signaling.calls.tally import Tally, merged


def test_the_counters_of_a_party_are_added_up():
    one = pb.SessionStats(packets_received=100, packets_sent=90, packets_lost=1, jitter_ms=4.0)
    other = pb.SessionStats(packets_received=300, packets_sent=310, packets_lost=2, jitter_ms=8.0)
    total = merged(one, other)
    assert (total.packets_received, total.packets_sent, total.packets_lost) == (400, 400, 3)
    assert total.jitter_ms == pytest.approx(7.0)
    assert one.packets_received == 100


def test_what_the_remote_reported_last_is_kept():
    one = pb.SessionStats(packets_received=1, remote_packets_lost=5)
    assert merged(one, pb.SessionStats(packets_received=1)).remote_packets_lost == 5
    assert merged(one, pb.SessionStats(remote_packets_lost=7)).remote_packets_lost == 7


def test_sessions_that_nobody_used_are_not_counted():
    tally = Tally()
    tally.parties = {"a1": "A", "a2": "A", "b1": "B"}
    tally.add({"a1": pb.SessionStats(packets_sent=1), "fork": pb.SessionStats(packets_sent=10)})
    tally.add({"a2": pb.SessionStats(packets_sent=2)})
    assert tally.caller.packets_sent == 3
    assert tally.callee is None


def test_turns_are_spread_out_and_unused_ones_are_not_saved_up():
    pace = Pace(10)
    assert [pace.turn(5.0) for _ in range(3)] == pytest.approx([5.0, 5.1, 5.2])
    assert pace.turn(9.0) == 9.0
    assert pace.turn(9.0) == pytest.approx(9.1)
