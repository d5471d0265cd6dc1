# SPDX-License-Identifier: Apache-2.0
"""Branches, tags and Call-IDs, made from random bytes that the caller injects.

It knows no source of randomness: production passes os.urandom, a test passes a seeded generator and gets the same
messages on each run. Invariant: every token carries 64 bits of the source (RFC 3261 19.3 asks for 32).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

MAGIC_COOKIE = "z9hG4bK"
"""Start of every branch that RFC 3261 8.1.1.7 calls unique; its absence marks an RFC 2543 peer."""

TOKEN_BYTES = 8
POOL_BYTES = 1024
BRANCH_CHARS = len(MAGIC_COOKIE) + 2 * TOKEN_BYTES
"""Length of every branch that is made here."""


class TokenSource:
    """Hands out random tokens. Random bytes are fetched a kilobyte at a time: one system call for 128 tokens."""

    __slots__ = ("_offset", "_pool", "_random_bytes", "_secret")

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random_bytes = random_bytes
        self._secret = random_bytes(16)
        self._pool = ""
        self._offset = 0

    def token(self) -> str:
        """Return 16 hexadecimal digits."""
        offset = self._offset
        if offset == len(self._pool):
            self._pool = self._random_bytes(POOL_BYTES).hex()
            offset = 0
        self._offset = offset + TOKEN_BYTES * 2
        return self._pool[offset : self._offset]

    def branch(self) -> str:
        """Return a new branch parameter with the magic cookie (RFC 3261 8.1.1.7)."""
        return MAGIC_COOKIE + self.token()

    def tag(self) -> str:
        """Return a new From or To tag (RFC 3261 19.3)."""
        return self.token()

    def call_id(self) -> str:
        """Return a new Call-ID; it names no host, which would tell the caller where it was made."""
        return self.token() + self.token()

    def fraction(self) -> float:
        """Return a number from 0 to 1, such as the place of a wait between its bounds."""
        return int(self.token(), 16) / (256.0**TOKEN_BYTES - 1.0)

    def derived(self, *parts: str) -> str:
        """Return the same token for the same parts, unguessable without the secret.

        A stateless answer needs it: each retransmission gets the same To tag (RFC 3261 8.2.7).
        """
        text = "\0".join(parts).encode("utf-8", "replace")
        return hashlib.blake2s(text, key=self._secret, digest_size=TOKEN_BYTES).hexdigest()
