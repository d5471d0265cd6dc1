# SPDX-License-Identifier: Apache-2.0
"""SIP passwords: generated or typed, shown once, stored only as digest HA1 values (RFC 7616 section 3.4.2)."""

import hashlib
import secrets
from typing import NamedTuple

ALPHABET = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits without those that are mistaken for each other when typed into a desk phone."""

GENERATED_LENGTH = 16
MINIMUM_LENGTH = 8


class HA1(NamedTuple):
    """The hashes of ``username:realm:password``, in lower-case hex."""

    md5: str
    sha256: str


def generate_password() -> str:
    """Return a random password of 16 characters (about 92 bits)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(GENERATED_LENGTH))


def hash_password(username: str, realm: str, password: str) -> HA1:
    """Return both HA1 values of a password for one user in one realm."""
    text = f"{username}:{realm}:{password}".encode()
    return HA1(
        md5=hashlib.md5(text, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(text).hexdigest(),
    )
