# SPDX-License-Identifier: Apache-2.0
"""The drains of all RTP managers: begun, looked at and cancelled by name.

```
DrainError
├── NoSuchNode
├── AlreadyDraining
└── NotDraining
```
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from signaling.calls.call import Call
from signaling.drain.drain import Drain
from signaling.drain.status import DrainMode, DrainStatus
from signaling.mediapool import DrainState, MediaNode, MediaPool

log = structlog.get_logger("switchboard.drain")


class DrainError(Exception):
    """What was asked for cannot be done; the text is a sentence for people."""


class NoSuchNode(DrainError):
    """No RTP manager has that name."""


class AlreadyDraining(DrainError):
    """The RTP manager is being drained, or is empty already."""


class NotDraining(DrainError):
    """The RTP manager takes calls as it is."""


class DrainController:
    """Drains the nodes of a pool.

    Args:
        pool: the nodes.
        calls: returns all calls.
    """

    def __init__(self, pool: MediaPool, calls: Callable[[], Iterable[Call]]) -> None:
        self._pool = pool
        self._calls = calls
        self._drains: dict[MediaNode, Drain] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        pool.on_draining(self._node_leaves)

    def drain(self, node_id: str, mode: DrainMode = DrainMode.GRACEFUL) -> DrainStatus:
        """Begin to empty a node; needs a running event loop.

        Raises:
            NoSuchNode, AlreadyDraining: see there.
        """
        node = self._find(node_id)
        if node.drain_state is not DrainState.ACTIVE:
            raise AlreadyDraining(f"RTP manager {node.node_id} is {node.drain_state} already.")
        return self._begin(node, mode)

    def cancel(self, node_id: str) -> DrainStatus:
        """Let a node take calls again, whether it is being drained or empty; calls that move just now do so.

        Raises:
            NoSuchNode, NotDraining: see there.
        """
        node = self._find(node_id)
        if node.drain_state is DrainState.ACTIVE:
            raise NotDraining(f"RTP manager {node.node_id} is not being drained.")
        node.standing.drain_state = DrainState.ACTIVE
        log.info("drain.cancelled", rtp_manager=node.node_id)
        if node in self._drains:
            self._drains[node].wake()
        return self.status(node_id)

    def status(self, node_id: str) -> DrainStatus:
        """Return how the drain of a node goes, or how the last one went.

        Raises:
            NoSuchNode: see there.
        """
        node = self._find(node_id)
        drain = self._drains.get(node)
        return DrainStatus(node_id=node.node_id, state=node.drain_state) if drain is None else drain.status()

    async def stop(self) -> None:
        """Leave all nodes as they are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _node_leaves(self, node: MediaNode) -> None:
        """Take a node's word that it is about to stop: its calls need not wait to be asked."""
        if node.drain_state is DrainState.ACTIVE:
            self._begin(node, DrainMode.GRACEFUL)

    def _begin(self, node: MediaNode, mode: DrainMode) -> DrainStatus:
        node.standing.drain_state = DrainState.DRAINING
        drain = self._drains[node] = Drain(
            node, mode, calls=self._calls, clock=time.monotonic, wall=time.time
        )
        log.info("drain.started", rtp_manager=node.node_id, mode=str(mode), sessions=node.own_sessions)
        task = asyncio.get_running_loop().create_task(drain.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return drain.status()

    def _find(self, node_id: str) -> MediaNode:
        node = self._pool.find(node_id)
        if node is None:
            raise NoSuchNode(f"There is no RTP manager {node_id}.")
        return node
