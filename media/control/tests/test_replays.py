# SPDX-License-Identifier: Apache-2.0
import pytest

from media.control.errors import MediaError, Reason
from media.control.replays import ReplayCache


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def replays(clock):
    return ReplayCache(keep_s=60, capacity=3, clock=clock)


def test_an_outcome_is_found_for_a_minute(replays, clock):
    replays.keep("r1", "bridge_media", "s1", "outcome")
    clock.now = 59.9
    assert replays.find("r1", "bridge_media", "s1") == "outcome"
    clock.now = 60.0
    assert replays.find("r1", "bridge_media", "s1") is None


def test_an_unknown_request_has_no_outcome(replays):
    assert replays.find("r1", "bridge_media", "s1") is None


@pytest.mark.parametrize(("kind", "session_id"), [("stop_audio", "s1"), ("bridge_media", "s2")])
def test_an_id_cannot_be_used_for_another_request(replays, kind, session_id):
    replays.keep("r1", "bridge_media", "s1", "outcome")
    with pytest.raises(MediaError) as caught:
        replays.find("r1", kind, session_id)
    assert caught.value.reason is Reason.BAD_REQUEST


def test_an_id_may_not_be_endless(replays):
    with pytest.raises(MediaError):
        replays.find("r" * 65, "bridge_media", "s1")


def test_the_oldest_go_when_there_are_too_many_or_they_are_too_old(replays, clock):
    for number in range(5):
        clock.now = number
        replays.keep(f"r{number}", "bridge_media", "s1", number)
    assert [replays.find(f"r{number}", "bridge_media", "s1") for number in range(5)] == [None, None, 2, 3, 4]
    clock.now = 63.5
    replays.keep("r9", "bridge_media", "s1", 9)
    assert len(replays) == 2
