# SPDX-License-Identifier: Apache-2.0
"""One node that the settings name, and people of two accounts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts.tests.people import People, make_people
from switchboard.dashboard import history
from switchboard.dashboard.tests.fake_node import FakeNode, fake_node


@pytest.fixture
def node(settings) -> Iterator[FakeNode]:
    with fake_node() as served:
        settings.UI_BACKENDS = (("local", served.url),)
        history.forget()
        yield served


@pytest.fixture
def people(db) -> People:
    return make_people()
