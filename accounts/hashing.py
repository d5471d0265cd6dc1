# SPDX-License-Identifier: Apache-2.0
"""How passwords of logins are hashed: as hard to guess as Django's default, in a fourteenth of the memory.

Django's Argon2 takes 100 MiB for each login that is tried at the same time; twenty at once would take 2 GiB of a role that
may have 128 MiB, and a single one would end it. Here a hash takes 7 MiB and five passes, which OWASP's password
storage cheat sheet calls equally strong, and one is computed at a time: logins beyond that wait, others do not.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher

# A thread of its own rather than a lock: what a thread has freed, the allocator keeps for it, 7 MiB for each login.
_one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")


class ThriftyArgon2Hasher(Argon2PasswordHasher):
    """Argon2id with 7 MiB, five passes and one lane; older hashes are replaced when their owner logs in."""

    time_cost = 5
    memory_cost = 7 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Return the hash of a password, when nobody else's is being computed."""
        made: Any = _one_at_a_time.submit(super().encode, password, salt).result()
        return str(made)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether the password is the one that was hashed, when nobody else's is being computed."""
        return bool(_one_at_a_time.submit(super().verify, password, encoded).result())
