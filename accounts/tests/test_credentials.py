# SPDX-License-Identifier: Apache-2.0
import hashlib

import pytest

from accounts.credentials import (
    ALPHABET,
    WeakPassword,
    check_typed_password,
    generate_password,
    hash_password,
)


def test_it_hashes_user_realm_and_password_as_rfc_7616_says() -> None:
    hashes = hash_password("Mufasa", "http-auth@example.org", "Circle of Life")
    assert hashes.md5 == "3d78807defe7de2157e2b0b6573a855f"
    assert hashes.sha256 == "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"
    assert hashes.sha256 == hashlib.sha256(b"Mufasa:http-auth@example.org:Circle of Life").hexdigest()


def test_generated_passwords_differ_and_can_be_read_aloud() -> None:
    passwords = {generate_password() for _ in range(100)}
    assert len(passwords) == 100
    assert all(len(password) == 16 and set(password) <= set(ALPHABET) for password in passwords)
    assert not set("0OoIl1i") & set(ALPHABET)


@pytest.mark.parametrize("password", ["12345678", "ünïcödé!", "with space inside", "x" * 128])
def test_it_accepts_a_typed_password(password: str) -> None:
    check_typed_password(password)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 129, " padded  ", "12345678\n", "1234\x005678"])
def test_it_refuses_a_password_that_is_weak_or_cannot_be_typed(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_typed_password(password)
