# SPDX-License-Identifier: Apache-2.0
"""The RTP managers of a signalling node: which of them takes the next call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from media.control.security import IN_THE_CLEAR, GrpcSecurity
from signaling.mediapool.node import DEADLINE_S, GONE_AFTER_S, MediaNode


class NoMediaNode(Exception):
    """No RTP manager can take a session now."""


class MediaPool:
    """All RTP managers.

    Args:
        addrs: pairs of node id and ``host:port``; equal ones, as in ``localhost:9090``, leave the naming to the node.
        deadline_s: see `MediaNode`.
        gone_after_s: see `MediaNode`.
        security: the same for all of them.
    """

    def __init__(
        self,
        addrs: Sequence[tuple[str, str]],
        *,
        deadline_s: float = DEADLINE_S,
        gone_after_s: float = GONE_AFTER_S,
        security: GrpcSecurity = IN_THE_CLEAR,
    ) -> None:
        self.nodes = [
            MediaNode(
                address,
                "" if name == address else name,
                deadline_s=deadline_s,
                gone_after_s=gone_after_s,
                security=security,
            )
            for name, address in addrs
        ]
        self._next = 0

    async def start(self) -> None:
        """Begin to connect to all nodes; does not wait for them."""
        for node in self.nodes:
            node.start()

    async def stop(self) -> None:
        """Close all streams."""
        await asyncio.gather(*(node.stop() for node in self.nodes))

    def on_lost(self, callback: Callable[[MediaNode, str], None]) -> None:
        """Have `callback` called with the node and the reason when a node's sessions are lost."""
        for node in self.nodes:
            node.on_lost = callback

    def pick(self) -> MediaNode:
        """Return the next healthy node in turn; one without free ports only when all are full.

        Raises:
            NoMediaNode: none is healthy.
        """
        full: MediaNode | None = None
        count = len(self.nodes)
        for step in range(count):
            index = (self._next + step) % count
            node = self.nodes[index]
            if not node.healthy:
                continue
            if node.available_ports == 0:
                full = full or node
                continue
            self._next = index + 1
            return node
        if full is None:
            raise NoMediaNode("no RTP manager is reachable")
        return full

    def find(self, node_id: str) -> MediaNode | None:
        """Return the node of that name."""
        return next((node for node in self.nodes if node.node_id == node_id), None)
