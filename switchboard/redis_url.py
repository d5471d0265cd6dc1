# SPDX-License-Identifier: Apache-2.0
"""The settings of Redis as the one address that libraries want."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings


def redis_url() -> str:
    """Return ``redis://…`` or, when TLS is spoken, ``rediss://…``; nothing when no Redis is configured."""
    if settings.REDIS_ADDR is None:
        return ""
    host, port = settings.REDIS_ADDR
    shown = f"[{host}]" if ":" in host else host
    password = f":{quote(settings.REDIS_PASSWORD, safe='')}@" if settings.REDIS_PASSWORD else ""
    scheme = "rediss" if settings.REDIS_TLS_CA else "redis"
    return f"{scheme}://{password}{shown}:{port}/0"
