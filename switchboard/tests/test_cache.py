# SPDX-License-Identifier: Apache-2.0
"""The cache in Redis: shared by processes, and no reason for an error page when Redis is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.test import override_settings

from switchboard import cache as patient_cache
from tests.redis_server import RedisServer, redis_process, redis_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.redis


@pytest.fixture
def cache(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: F811
    monkeypatch.setattr(patient_cache, "AWAY_S", 0.2)
    monkeypatch.setattr(patient_cache, "_outage", patient_cache._Outage())
    configured = {
        "BACKEND": "switchboard.cache.PatientCache",
        "LOCATION": f"redis://{redis_server.address}/0",
        "KEY_PREFIX": "django",
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 0.2,
            "SOCKET_TIMEOUT": 0.2,
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
        },
    }
    with override_settings(CACHES={**settings.CACHES, "redis": configured}):
        cache = caches["redis"]
        cache.clear()
        yield cache


def test_it_keeps_values_in_redis_as_json(cache: Any, redis_server: RedisServer) -> None:  # noqa: F811
    cache.set("export", {"rows": 5}, 60)
    assert cache.get("export") == {"rows": 5}
    assert redis_server.client().get("django:1:export") == '{"rows": 5}'
    assert cache.add("count", 1, timeout=60) and not cache.add("count", 1)
    assert cache.incr("count") == 2
    assert cache.has_key("count") and cache.touch("count", 60) and cache.delete("count")
    with pytest.raises(ValueError, match="count"):
        cache.incr("count")
    cache.clear()
    assert cache.get("export", "gone") == "gone"


def test_it_goes_on_in_the_process_while_redis_is_away(
    cache: Any,
    redis_server: RedisServer,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache.set("count", 40, 60)
    redis_server.kill()
    assert cache.get("count", 0) == 0
    assert cache.add("count", 1, timeout=60) and cache.incr("count") == 2
    assert len(caplog.records) == 1
    redis_server.start()
    time.sleep(0.25)
    assert cache.get("count", "empty") == "empty"
    assert [record.message.split(",")[0] for record in caplog.records[1:]] == ["Redis is back"]


def test_a_frozen_redis_costs_one_request_its_timeout(cache: Any, redis_server: RedisServer) -> None:  # noqa: F811
    cache.set("count", 1)
    with redis_server.frozen():
        begun = time.monotonic()
        cache.get("count")
        first_s = time.monotonic() - begun
        begun = time.monotonic()
        for _ in range(100):
            cache.get("count")
        assert time.monotonic() - begun < 0.15
    assert 0.15 < first_s < 1.0
