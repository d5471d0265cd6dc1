# SPDX-License-Identifier: Apache-2.0
"""Token buckets: the bounds hold for every sequence of events, and memory stays bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.limiter import CountingLimiter, Limiter


def test_it_allows_the_burst_and_then_the_rate():
    limiter = Limiter(burst=3, per_s=2, max_keys=10)
    assert [limiter.take("a", 100.0) for _ in range(4)] == [True, True, True, False]
    assert limiter.take("a", 100.5) is True
    assert limiter.take("a", 100.5) is False


def test_it_keeps_keys_apart():
    limiter = Limiter(burst=1, per_s=1, max_keys=10)
    assert limiter.take("a", 5.0) and limiter.take("b", 5.0)
    assert not limiter.take("a", 5.0)


def test_it_looks_without_taking():
    limiter = Limiter(burst=1, per_s=1, max_keys=10)
    assert limiter.has("a", 5.0) and limiter.has("a", 5.0)
    limiter.take("a", 5.0)
    assert not limiter.has("a", 5.5)
    assert limiter.has("a", 6.0)


def test_it_gives_events_back_up_to_the_burst():
    limiter = Limiter(burst=2, per_s=0.1, max_keys=10)
    for _ in range(50):
        assert limiter.take("a", 5.0)
        limiter.give_back("a")
    for _ in range(50):
        limiter.give_back("a")
    limiter.give_back("unknown")
    assert [limiter.take("a", 5.0) for _ in range(3)] == [True, True, False]


def test_it_remembers_a_key_in_use_while_a_flood_of_others_passes():
    limiter = Limiter(burst=1, per_s=0.001, max_keys=100)
    limiter.take("known", 0.0)
    for index in range(1000):
        limiter.take(f"stranger {index}", 1.0)
        if index % 50 == 0:
            assert not limiter.take("known", 1.0)
    assert len(limiter) <= 200


def test_it_forgets_buckets_that_had_the_time_to_fill():
    limiter = Limiter(burst=5, per_s=1, max_keys=1000)
    for index in range(500):
        limiter.take(index, 100.0)
    limiter.take("later", 107.0)
    limiter.take("later still", 114.0)
    assert len(limiter) == 2


@pytest.mark.parametrize("bad", [{"burst": 0}, {"per_s": 0}, {"max_keys": 0}])
def test_it_refuses_numbers_that_make_no_limit(bad):
    with pytest.raises(ValueError, match="limiter"):
        Limiter(**({"burst": 1, "per_s": 1, "max_keys": 1} | bad))


@given(
    st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=200),
    st.integers(1, 8),
    st.integers(1, 5),
)
def test_it_never_allows_more_than_burst_plus_rate(gaps, burst, per_s):
    limiter = Limiter(burst=burst, per_s=per_s, max_keys=4)
    now, allowed = 0.0, []
    for gap in gaps:
        now += gap / 10
        if limiter.take("key", now):
            allowed.append(now)
    for start in range(len(allowed)):
        window = allowed[-1] - allowed[start]
        assert len(allowed) - start <= burst + window * per_s + 1e-3


def test_events_elsewhere_empty_a_bucket_and_overdraw_it_never():
    limiter = Limiter(burst=5, per_s=1, max_keys=10)
    limiter.charge("key", 3, 100.0)
    assert limiter.take("key", 100.0) and limiter.take("key", 100.0) and not limiter.take("key", 100.0)
    limiter.charge("key", 1000, 100.0)
    assert not limiter.has("key", 100.9)
    assert limiter.has("key", 101.01)


def test_events_elsewhere_are_owed_as_far_as_was_said():
    limiter = Limiter(burst=5, per_s=1, max_keys=10)
    limiter.charge("key", 7, 100.0, owed_s=10)
    assert not limiter.has("key", 102.9)
    assert limiter.has("key", 103.01)
    limiter.charge("key", 1000, 200.0, owed_s=10)
    assert not limiter.has("key", 210.9)
    assert limiter.has("key", 211.01)


def test_a_counting_limiter_notes_what_it_let_pass_until_it_is_collected():
    told = []
    limiter = CountingLimiter(burst=2, per_s=1, max_keys=10, on_first=lambda: told.append(1))
    for key in ("a", "a", "a", "b"):
        limiter.take(key, 100.0)
    assert (limiter.collect(), limiter.collect(), len(told)) == ({"a": 2, "b": 1}, {}, 2)


def test_a_counting_limiter_notes_no_more_buckets_than_it_may(monkeypatch):
    monkeypatch.setattr(CountingLimiter, "MOST_NOTED", 3)
    limiter = CountingLimiter(burst=2, per_s=1, max_keys=10)
    assert all(limiter.take(number, 100.0) for number in range(8))
    assert len(limiter.collect()) == 3
