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
import functools
import time
from collections.abc import Callable, Iterable

import structlog

from media.control.results import DrainWish
from signaling.calls.call import Call
from signaling.drain.drain import Drain
from signaling.drain.status import DrainMode, DrainStatus
from signaling.mediapool import DrainState, MediaNode, MediaPool

log = structlog.get_logger("switchboard.drain")

WISHES = {DrainMode.GRACEFUL: DrainWish.GRACEFUL, DrainMode.AGGRESSIVE: DrainWish.AGGRESSIVE}
MODES = {wish: mode for mode, wish in WISHES.items()}


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
        for node in pool.nodes:
            node.wish.on_heard = functools.partial(self._node_tells, node)

    def drain(self, node_id: str, mode: DrainMode = DrainMode.GRACEFUL, asked_by: str = "") -> DrainStatus:
        """Begin to empty a node, here and at every signaling node that uses it; needs a running event loop.

        Args:
            node_id: of the RTP manager.
            mode: what becomes of calls that cannot move.
            asked_by: for the log.

        Raises:
            NoSuchNode, AlreadyDraining: see there.
        """
        node = self._find(node_id)
        if node.drain_state is not DrainState.ACTIVE:
            raise AlreadyDraining(f"RTP manager {node.node_id} is {node.drain_state} already.")
        node.wish.tell(WISHES[mode])
        return self._begin(node, mode, asked_by)

    def cancel(self, node_id: str, asked_by: str = "") -> DrainStatus:
        """Let a node take calls again, whether it is being drained or empty; calls that move just now do so.

        Raises:
            NoSuchNode, NotDraining: see there.
        """
        node = self._find(node_id)
        if node.drain_state is DrainState.ACTIVE:
            raise NotDraining(f"RTP manager {node.node_id} is not being drained.")
        node.wish.tell(DrainWish.NONE)
        self._end(node, asked_by)
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
            self._begin(node, DrainMode.GRACEFUL, "the RTP manager, which stops")

    def _node_tells(self, node: MediaNode, wish: DrainWish) -> None:
        """Do what was ordered elsewhere, or here before this process was started."""
        is_active = node.drain_state is DrainState.ACTIVE
        if wish is not DrainWish.NONE and is_active:
            self._begin(node, MODES[wish], "the RTP manager, which was told so")
        elif wish is DrainWish.NONE and not is_active and not node.says_draining:
            self._end(node, "the RTP manager, which was told so")

    def _end(self, node: MediaNode, asked_by: str) -> None:
        node.standing.drain_state = DrainState.ACTIVE
        log.info("drain.cancelled", rtp_manager=node.node_id, asked_by=asked_by)
        if node in self._drains:
            self._drains[node].wake()

    def _begin(self, node: MediaNode, mode: DrainMode, asked_by: str) -> DrainStatus:
        node.standing.drain_state = DrainState.DRAINING
        drain = self._drains[node] = Drain(
            node, mode, calls=self._calls, clock=time.monotonic, wall=time.time
        )
        log.info(
            "drain.started",
            rtp_manager=node.node_id,
            mode=str(mode),
            sessions=node.own_sessions,
            asked_by=asked_by,
        )
        task = asyncio.get_running_loop().create_task(drain.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return drain.status()

    def _find(self, node_id: str) -> MediaNode:
        node = self._pool.find(node_id)
        if node is None:
            raise NoSuchNode(f"There is no RTP manager {node_id}.")
        return node
