# SPDX-License-Identifier: Apache-2.0
"""SIP passwords: generated or typed, shown once, stored only as digest HA1 values (RFC 7616 section 3.4.2)."""

import hashlib
import secrets
from typing import NamedTuple

ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits without those that are mistaken for each other when typed into a desk phone."""

GENERATED_LENGTH = 16
MINIMUM_LENGTH = 8
MAXIMUM_LENGTH = 128


class WeakPassword(ValueError):
    """A typed password is refused; ``str()`` says what is asked for."""


class HA1(NamedTuple):
    """The hashes of ``username:realm:password``, in lower-case hex."""

    md5: str
    sha256: str


def generate_password() -> str:
    """Return a random password of 16 characters (about 92 bits)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(GENERATED_LENGTH))


def check_typed_password(password: str) -> None:
    """Accept a password that a person chose and that can be typed into a phone.

    Raises:
        WeakPassword: it is shorter than 8 or longer than 128 characters, holds control characters, or begins or
            ends with a space.
    """
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise WeakPassword(f"A password has {MINIMUM_LENGTH} to {MAXIMUM_LENGTH} characters.")
    if not password.isprintable() or password != password.strip():
        raise WeakPassword("A password has no control characters and no space at its beginning or end.")


def hash_password(username: str, realm: str, password: str) -> HA1:
    """Return both HA1 values of a password for one user in one realm."""
    text = f"{username}:{realm}:{password}".encode()
    return HA1(
        md5=hashlib.md5(text, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(text).hexdigest(),
    )
