# SPDX-License-Identifier: Apache-2.0
"""Every test here runs with the URLs of the live API and a live state of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from drf_spectacular.plumbing import _load_enum_name_overrides as remembered_enum_names

from accounts.tests.people import People, make_people
from signaling.api.runtime import set_runtime
from signaling.api.tests.live_world import LiveWorld


@pytest.fixture(autouse=True)
def live(settings: Any) -> Iterator[LiveWorld]:
    """A connected live API without any row."""
    # The generator of descriptions remembers the names of the settings that it saw first: the ui's, or these.
    remembered_enum_names.cache_clear()
    settings.ROOT_URLCONF = "signaling.api.urls"
    world = LiveWorld()
    world.connect()
    set_runtime(world.runtime)
    yield world
    set_runtime(None)
    remembered_enum_names.cache_clear()
    cache.clear()


@pytest.fixture
def people(db: None) -> People:
    """Two accounts and their people."""
    return make_people()


@pytest.fixture
def filled(live: LiveWorld, people: People) -> LiveWorld:
    """A live API with a row of every kind for each account."""
    live.fill(people)
    return live
