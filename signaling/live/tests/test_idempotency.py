# SPDX-License-Identifier: Apache-2.0
"""Answers kept by key."""

import pytest

from signaling.live.idempotency import IdempotencyCache, KeyReused


def test_the_same_request_gets_the_first_answer():
    cache = IdempotencyCache()
    assert cache.find("key", {"a": 1}, 0.0) is None
    cache.keep("key", {"a": 1}, {"call": "x"}, 0.0)
    assert cache.find("key", {"a": 1}, 86_399.0) == {"call": "x"}


def test_another_request_under_the_same_key_is_refused():
    cache = IdempotencyCache()
    cache.keep("key", {"a": 1}, {}, 0.0)
    with pytest.raises(KeyReused):
        cache.find("key", {"a": 2}, 1.0)


def test_a_day_later_the_key_is_free_again():
    cache = IdempotencyCache()
    cache.keep("key", {"a": 1}, {}, 0.0)
    assert cache.find("key", {"a": 2}, 86_400.0) is None
    assert len(cache) == 0


def test_memory_is_bounded_and_the_oldest_answer_goes_first():
    cache = IdempotencyCache(max_kept=2)
    for number in range(3):
        cache.keep(str(number), number, {}, float(number))
    assert len(cache) == 2
    assert cache.find("0", 0, 3.0) is None
    assert cache.find("2", 2, 3.0) == {}
