# SPDX-License-Identifier: Apache-2.0
"""Where Redis is, and who this node is among others. Imports nothing of Redis: a node without it does not load that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisConfig:
    """Where Redis is and how to get in."""

    host: str
    port: int
    password: str = ""
    tls_ca: Path | None = None
    """PEM file of who signed its certificate; None: plain TCP."""

    @classmethod
    def from_settings(cls, settings: Any) -> RedisConfig | None:
        """Return what the settings say; None when there is no Redis."""
        if settings.REDIS_ADDR is None:
            return None
        host, port = settings.REDIS_ADDR
        return cls(host=host, port=port, password=settings.REDIS_PASSWORD, tls_ca=settings.REDIS_TLS_CA)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingConfig:
    """What sharing can be told."""

    redis: RedisConfig
    node_id: str
    secret: bytes
    """The same on all nodes of the installation."""
    address: tuple[str, int] | None
    """Where other nodes reach SIP here; None: where phones do."""

    @classmethod
    def from_settings(cls, settings: Any) -> SharingConfig | None:
        """Return what the settings say; None when nothing is shared."""
        redis = RedisConfig.from_settings(settings)
        if redis is None:
            return None
        return cls(
            redis=redis,
            node_id=settings.SIGNALING_NODE_ID,
            secret=settings.SECRET_KEY.encode(),
            address=settings.SIP_NODE_ADDR,
        )
