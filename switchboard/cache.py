# SPDX-License-Identifier: Apache-2.0
"""Django's cache in Redis, and in this process while Redis is away.

What is kept here (rates of tokens, progress of exports) is worth no error page and no waiting. Invariants: no request
fails because Redis does; after one failure nothing asks Redis again for `AWAY_S`, so a Redis that hangs costs one
request in that time its timeout; going away and coming back are logged once each.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import RedisCache
from django_redis.exceptions import ConnectionInterrupted
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

AWAY_S = 2.0


class _Outage:
    """What this process knows of Redis; one for all threads, which each have a cache object of their own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._away = False

    @property
    def lasts(self) -> bool:
        """Whether Redis is not to be asked yet."""
        return time.monotonic() < self._until

    def failed(self, error: Exception) -> None:
        """Note a failure."""
        with self._lock:
            self._until = time.monotonic() + AWAY_S
            if not self._away:
                self._away = True
                logger.warning("Redis is away, the cache is kept in this process: %s", error)

    def worked(self) -> None:
        """Note an answer."""
        if self._away:
            with self._lock:
                if self._away:
                    self._away, self._until = False, 0.0
                    logger.warning("Redis is back, the cache is kept there again")


_outage = _Outage()


class PatientCache(BaseCache):
    """A cache in Redis that answers from this process's memory while Redis does not."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        options = params["OPTIONS"]
        pool = {**options.get("CONNECTION_POOL_KWARGS", {}), "retry": Retry(NoBackoff(), 0)}
        patient = {**params, "OPTIONS": {**options, "CONNECTION_POOL_KWARGS": pool}}
        self._redis: RedisCache[Any] = RedisCache(server, patient)
        self._local = LocMemCache("switchboard-without-redis", {"TIMEOUT": params.get("TIMEOUT", 300)})

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Set a key that is not there; tell whether it was set."""
        return bool(self._do(lambda cache: cache.add(key, value, timeout=timeout, version=version)))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the value of a key."""
        return self._do(lambda cache: cache.get(key, default, version=version))

    def set(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        """Set a key."""
        self._do(lambda cache: cache.set(key, value, timeout=timeout, version=version))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Let a key live longer; tell whether it is there."""
        return bool(self._do(lambda cache: cache.touch(key, timeout, version=version)))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Delete a key; tell whether it was there."""
        return bool(self._do(lambda cache: cache.delete(key, version=version)))

    def has_key(self, key: str, version: int | None = None) -> bool:
        """Tell whether a key is there."""
        return bool(self._do(lambda cache: cache.has_key(key, version=version)))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Add to a number; ValueError when it is not there."""
        return int(self._do(lambda cache: cache.incr(key, delta, version=version)))

    def clear(self) -> None:
        """Delete every key."""
        self._do(lambda cache: cache.clear())
        self._local.clear()

    def close(self, **kwargs: Any) -> None:
        """Take no notice: connections are pooled for the life of the process."""

    def _do(self, act: Callable[[BaseCache], Any]) -> Any:
        if not _outage.lasts:
            try:
                answer = act(self._redis)
            except (ConnectionInterrupted, RedisError, OSError) as error:
                _outage.failed(error)
            else:
                _outage.worked()
                return answer
        return act(self._local)
