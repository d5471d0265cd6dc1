# SPDX-License-Identifier: Apache-2.0
from collections.abc import AsyncIterator
from typing import Any

import pytest

from media.control.gen import rtpmanager_pb2_grpc as pb_grpc
from media.control.grpc_setup import grpc
from media.control.tests.harness import Node, Served


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """A session manager on a fake engine."""
    made = Node()
    yield made
    made.manager.close()


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """An RTP manager on a fake engine behind a real gRPC server."""
    async with Served() as made:
        yield made


@pytest.fixture
async def channel(served: Served) -> AsyncIterator[Any]:
    """A channel to `served`."""
    async with grpc.aio.insecure_channel(served.target) as made:
        yield made


@pytest.fixture
def stub(channel: Any) -> Any:
    """The unary calls of `served`."""
    return pb_grpc.RTPManagerServiceStub(channel)
