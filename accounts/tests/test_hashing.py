# SPDX-License-Identifier: Apache-2.0
"""Passwords of logins: what a hash costs, and that logins which are tried at once do not add it up."""

import threading
import time

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, get_hashers, make_password

from accounts.hashing import ThriftyArgon2Hasher
from switchboard.settings import framework

MOST_KIB = 8 * 1024


@pytest.fixture
def hashers(settings):
    """Use the hashers of the product, whatever the tests use for the sake of speed."""
    settings.PASSWORD_HASHERS = [
        "accounts.hashing.ThriftyArgon2Hasher",
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    ]


def test_a_hash_fits_the_memory_of_the_ui(hashers):
    encoded = make_password("correct horse")
    assert ThriftyArgon2Hasher().decode(encoded)["memory_cost"] <= MOST_KIB
    assert check_password("correct horse", encoded)
    assert not check_password("wrong horse", encoded)


def test_it_is_the_one_that_new_passwords_are_hashed_with():
    assert framework.PASSWORD_HASHERS[0] == "accounts.hashing.ThriftyArgon2Hasher"


def test_a_hash_of_django_s_own_is_still_right_and_is_replaced(hashers):
    encoded = Argon2PasswordHasher().encode("correct horse", "a-salt-of-22-characters")
    replaced = []
    assert check_password("correct horse", encoded, setter=replaced.append)
    assert replaced == ["correct horse"]
    assert get_hashers()[0].must_update(encoded)


def test_one_is_computed_at_a_time(hashers, monkeypatch):
    most, now = [0], [0]

    def slow(self, password, salt):
        now[0] += 1
        most[0] = max(most[0], now[0])
        time.sleep(0.01)
        now[0] -= 1
        return "argon2$x"

    monkeypatch.setattr(Argon2PasswordHasher, "encode", slow)
    threads = [threading.Thread(target=make_password, args=("x",)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
