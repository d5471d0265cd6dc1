# SPDX-License-Identifier: Apache-2.0
"""The channel layer of several ui replicas: channels-redis, which fails at once when Redis does.

Retrying is left to `crossing`, which has to know of every break: a Redis that was started again has forgotten the group.
"""

from __future__ import annotations

from typing import Any

from switchboard import lean

lean.import_without("channels_redis.core", "cryptography")

from channels_redis.core import RedisChannelLayer
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from switchboard.redis_url import redis_url

CONNECT_S = 1.0
LISTEN_S = 2
"""How long one command waits for a message in Redis, in seconds."""
ANSWER_S = 4.0
"""Longer than that, or every quiet while would look like a Redis that hangs."""


class ImpatientLayer(RedisChannelLayer):  # type: ignore[misc]
    """A layer in the Redis of the settings.

    Args:
        options: those of channels-redis, but ``hosts``.
    """

    brpop_timeout = LISTEN_S

    def __init__(self, **options: Any) -> None:
        host: dict[str, Any] = {
            "address": redis_url(),
            "retry": Retry(NoBackoff(), 0),
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": ANSWER_S,
            "client_name": "switchboard-ui",
        }
        if settings.REDIS_TLS_CA:
            host["ssl_ca_certs"] = str(settings.REDIS_TLS_CA)
        super().__init__(hosts=[host], **options)
