# SPDX-License-Identifier: Apache-2.0
"""The rate of each token, counted a minute at a time in Django's cache (so in Redis where there is one)."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.access import ApiToken

WINDOW_S = 60


class TokenThrottle(BaseThrottle):
    """Refuses what is over the token's ``rate_per_minute``; logins have no rate."""

    def __init__(self) -> None:
        self._wait_s = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken):
            return True
        now = time.time()
        key = f"ratelimit:token:{token.pk}:{int(now // WINDOW_S)}"
        self._wait_s = WINDOW_S - now % WINDOW_S
        return _count(key) <= token.rate_per_minute

    def wait(self) -> float:
        """Return the seconds until the next window."""
        return self._wait_s


def _count(key: str) -> int:
    if cache.add(key, 1, timeout=2 * WINDOW_S):
        return 1
    try:
        return cache.incr(key)
    except ValueError:
        # The key was evicted between both calls.
        cache.set(key, 1, timeout=2 * WINDOW_S)
        return 1
