# SPDX-License-Identifier: Apache-2.0
from collections.abc import AsyncIterator

import pytest

from media.control.tests.harness import Node


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A session manager on a fake engine."""
    made = Node()
    yield made
    made.manager.close()
