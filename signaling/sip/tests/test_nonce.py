# SPDX-License-Identifier: Apache-2.0
"""NonceFactory and NonceCounter: signed age, replay, and memory under a flood."""

from __future__ import annotations

import pytest

from signaling.sip import LocalProtocolError, NonceCounter, NonceFactory, NonceState

SECRET = b"0123456789abcdef"
NOW = 1_700_000_000.25


@pytest.fixture
def factory() -> NonceFactory:
    return NonceFactory(SECRET, lifetime_s=300)


def test_a_nonce_is_valid_for_its_lifetime(factory: NonceFactory) -> None:
    nonce = factory.issue(NOW, "salt")
    assert factory.check(nonce, NOW) is NonceState.VALID
    assert factory.check(nonce, NOW + 299) is NonceState.VALID
    assert factory.check(nonce, NOW + 301) is NonceState.STALE
    assert factory.check(nonce, NOW - 61) is NonceState.STALE


def test_each_salt_gives_another_nonce(factory: NonceFactory) -> None:
    assert factory.issue(NOW, "a") != factory.issue(NOW, "b")
    assert factory.issue(NOW, "a") == factory.issue(NOW, "a")


def test_every_changed_character_is_a_forgery(factory: NonceFactory) -> None:
    nonce = factory.issue(NOW, "salt")
    for index, char in enumerate(nonce):
        other = "0" if char != "0" else "1"
        assert factory.check(nonce[:index] + other + nonce[index + 1 :], NOW) is NonceState.FORGED


@pytest.mark.parametrize("nonce", ["", "-", "a-b-c", "x" * 100000, "é", "0-0-" + "0" * 32, "\r\n"])
def test_noise_is_a_forgery(factory: NonceFactory, nonce: str) -> None:
    assert factory.check(nonce, NOW) is NonceState.FORGED


def test_another_secret_or_context_is_a_forgery(factory: NonceFactory) -> None:
    nonce = factory.issue(NOW, "salt", "realm 192.0.2.1")
    assert factory.check(nonce, NOW, "realm 192.0.2.1") is NonceState.VALID
    assert factory.check(nonce, NOW, "realm 192.0.2.2") is NonceState.FORGED
    assert NonceFactory(b"f" * 16, 300).check(nonce, NOW, "realm 192.0.2.1") is NonceState.FORGED


def test_nodes_with_one_secret_accept_each_others_nonces(factory: NonceFactory) -> None:
    assert NonceFactory(SECRET, 300).check(factory.issue(NOW, "salt"), NOW) is NonceState.VALID


def test_short_secrets_and_bad_salts_are_refused(factory: NonceFactory) -> None:
    with pytest.raises(LocalProtocolError):
        NonceFactory(b"short", 300)
    for salt in ("", "a-b", "a" * 33, 'a"'):
        with pytest.raises(LocalProtocolError):
            factory.issue(NOW, salt)


def test_a_count_is_accepted_once(factory: NonceFactory) -> None:
    counter, nonce = NonceCounter(300), factory.issue(NOW, "salt")
    accepted = [counter.accept(nonce, nc, NOW) for nc in (1, 1, 2, 5, 2, 3, 3, 4, 5, 6, 1)]
    assert accepted == [True, False, True, True, False, True, False, True, False, True, False]


def test_counts_below_the_window_are_refused(factory: NonceFactory) -> None:
    counter, nonce = NonceCounter(300), factory.issue(NOW, "salt")
    assert counter.accept(nonce, 1000, NOW)
    assert counter.accept(nonce, 1000 - 63, NOW)
    assert not counter.accept(nonce, 1000 - 64, NOW)
    assert counter.accept(nonce, 2**32 - 1, NOW)
    assert not counter.accept(nonce, 1000, NOW)


@pytest.mark.parametrize("nc", [0, -1, 2**32])
def test_impossible_counts_are_refused(factory: NonceFactory, nc: int) -> None:
    assert not NonceCounter(300).accept(factory.issue(NOW, "salt"), nc, NOW)


def test_a_flood_is_remembered_within_bounds_and_never_replayed(factory: NonceFactory) -> None:
    counter = NonceCounter(300, max_nonces=100)
    nonces = [factory.issue(NOW + index / 1000, f"s{index}") for index in range(1000)]
    assert all(counter.accept(nonce, 1, NOW + 1) for nonce in nonces)
    assert len(counter) == 100
    assert not any(counter.accept(nonce, nc, NOW + 1) for nonce in nonces for nc in (1,))
    assert not counter.accept(nonces[0], 2, NOW + 1), "forgotten while fresh: a new challenge is due"
    assert counter.accept(nonces[-1], 2, NOW + 1)


def test_expired_nonces_make_room(factory: NonceFactory) -> None:
    counter = NonceCounter(300, max_nonces=100)
    for index in range(100):
        assert counter.accept(factory.issue(NOW, f"a{index}"), 1, NOW)
    later = NOW + 1000
    for index in range(100):
        assert counter.accept(factory.issue(later, f"b{index}"), 1, later)
    assert len(counter) <= 100
    assert counter.accept(factory.issue(NOW + 1, "c"), 1, later), "nothing fresh was forgotten"
