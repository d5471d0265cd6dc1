# SPDX-License-Identifier: Apache-2.0
"""Nonces that prove their own age, and the guard against their replay (RFC 7616 3.3, 3.4, 5.12).

Nothing is stored for a challenge, so a flood of unauthenticated requests costs no memory; only nonces that a
right password was given with are remembered, up to a fixed number. Invariant: a pair of nonce and count is
accepted at most once, also after the guard had to forget a nonce.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re

from signaling.sip.digest import MAX_NONCE_COUNT
from signaling.sip.errors import LocalProtocolError

MAX_CLOCK_SKEW_S = 60.0
"""A nonce from further in the future is stale: the clock was set back, or that of another node is ahead."""

REORDER_WINDOW = 64
"""Counts below the highest that may still arrive, each once: UDP reorders, and phones send in parallel."""

_MAC_BYTES = 16
_NONCE = re.compile(r"([0-9a-f]{1,16}+)-([0-9A-Za-z]{1,32}+)-([0-9a-f]{32})")
_SALT = re.compile(r"[0-9A-Za-z]{1,32}")


class NonceState(enum.Enum):
    """What a nonce turned out to be."""

    VALID = "valid"
    STALE = "stale"
    """Genuine, but too old: challenge again with stale=true."""
    FORGED = "forged"
    """Not issued with this secret and context: challenge again."""


class NonceFactory:
    """Issues and checks nonces signed with keyed BLAKE2s. Nodes that share `secret` accept each other's.

    BLAKE2s with a key is a MAC by itself, and costs a twentieth of OpenSSL's HMAC on so short a text.
    """

    __slots__ = ("_key", "_lifetime_s")

    def __init__(self, secret: bytes, lifetime_s: float) -> None:
        if len(secret) < 16:
            raise LocalProtocolError("a nonce secret needs 16 bytes or more")
        self._key = hashlib.blake2s(secret).digest()
        self._lifetime_s = lifetime_s

    def issue(self, now: float, salt: str, context: str = "") -> str:
        """Return a nonce for the time `now` (seconds since the epoch).

        `salt` is 1 to 32 random letters and digits. `context`, such as the realm and the source address, is
        signed but not written: a nonce is valid only in the context it was issued for.
        """
        if _SALT.fullmatch(salt) is None:
            raise LocalProtocolError("a nonce salt is 1 to 32 letters and digits")
        payload = f"{int(now * 1000):x}-{salt}"
        return f"{payload}-{self._mac(payload, context)}"

    def check(self, nonce: str, now: float, context: str = "") -> NonceState:
        """Tell whether `nonce` is genuine and fresh at the time `now`."""
        match = _NONCE.fullmatch(nonce)
        if match is None:
            return NonceState.FORGED
        mac = self._mac(f"{match[1]}-{match[2]}", context)
        if not hmac.compare_digest(mac.encode(), match[3].encode()):
            return NonceState.FORGED
        age_s = now - int(match[1], 16) / 1000
        return NonceState.VALID if -MAX_CLOCK_SKEW_S <= age_s <= self._lifetime_s else NonceState.STALE

    def _mac(self, payload: str, context: str) -> str:
        data = f"{payload}\n{context}".encode("utf-8", "replace")
        return hashlib.blake2s(data, key=self._key, digest_size=_MAC_BYTES).hexdigest()


def issued_at(nonce: str) -> float:
    """Return when a nonce was issued, in seconds since the epoch; 0 when it is not one of ours."""
    match = _NONCE.fullmatch(nonce)
    return int(match[1], 16) / 1000 if match is not None else 0.0


class NonceCounter:
    """Remembers which counts of which nonces were used. Ask it last, after the response was verified."""

    __slots__ = ("_floor", "_lifetime_s", "_max_nonces", "_seen")

    def __init__(self, lifetime_s: float, max_nonces: int = 20000) -> None:
        self._lifetime_s = lifetime_s
        self._max_nonces = max_nonces
        self._seen: dict[str, tuple[int, int]] = {}
        # Nonces issued up to this time may have been forgotten while they were fresh.
        self._floor = -1.0

    def __len__(self) -> int:
        return len(self._seen)

    def accept(self, nonce: str, nc: int, now: float) -> bool:
        """Return True the first time this pair is seen, False for a replay or a nonce that was forgotten.

        False calls for a new challenge with stale=true. Credentials without a count are good once: pass 1.
        """
        if not 1 <= nc <= MAX_NONCE_COUNT:
            return False
        known = self._seen.get(nonce)
        if known is None:
            if issued_at(nonce) <= self._floor:
                return False
            self._make_room(now)
            self._seen[nonce] = (nc, 1)
            return True
        highest, window = known
        ahead = nc - highest
        if ahead > 0:
            window = (window << ahead | 1) & _WINDOW_MASK if ahead < REORDER_WINDOW else 1
            self._seen[nonce] = (nc, window)
            return True
        bit = 1 << -ahead if ahead > -REORDER_WINDOW else 0
        if not bit or window & bit:
            return False
        self._seen[nonce] = (highest, window | bit)
        return True

    def _make_room(self, now: float) -> None:
        """Forget a few expired nonces, and the oldest when full; constant work per call."""
        for _ in range(2):
            oldest = next(iter(self._seen), None)
            if oldest is None:
                return
            expired = now - issued_at(oldest) > self._lifetime_s + MAX_CLOCK_SKEW_S
            if not expired and len(self._seen) < self._max_nonces:
                return
            del self._seen[oldest]
            if not expired:
                self._floor = max(self._floor, issued_at(oldest))


_WINDOW_MASK = (1 << REORDER_WINDOW) - 1
