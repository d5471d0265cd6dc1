# SPDX-License-Identifier: Apache-2.0
"""The RTP managers of a signalling node: which of them takes the next call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Sequence

from media.control.security import IN_THE_CLEAR, GrpcSecurity
from signaling.mediapool.node import DEADLINE_S, GONE_AFTER_S, HEALTH_S, MediaNode


class NoMediaNode(Exception):
    """No RTP manager can take a session now."""


class MediaPool:
    """All RTP managers.

    Args:
        addrs: pairs of node id and ``host:port``; equal ones, as in ``localhost:9090``, leave the naming to the node.
        deadline_s: see `MediaNode`.
        gone_after_s: see `MediaNode`.
        health_s: see `MediaNode`.
        security: the same for all of them.
    """

    def __init__(
        self,
        addrs: Sequence[tuple[str, str]],
        *,
        deadline_s: float = DEADLINE_S,
        gone_after_s: float = GONE_AFTER_S,
        health_s: float = HEALTH_S,
        security: GrpcSecurity = IN_THE_CLEAR,
    ) -> None:
        self.nodes = [
            MediaNode(
                address,
                "" if name == address else name,
                deadline_s=deadline_s,
                gone_after_s=gone_after_s,
                health_s=health_s,
                security=security,
            )
            for name, address in addrs
        ]
        for node in self.nodes:
            node.is_name_taken = self._is_name_taken
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

    def on_draining(self, callback: Callable[[MediaNode], None]) -> None:
        """Have `callback` called with a node that says that it is about to stop."""
        for node in self.nodes:
            node.on_draining = callback

    def pick(self, but_not: Container[MediaNode] = ()) -> MediaNode:
        """Return the next healthy node in turn that is not being drained.

        One without free ports, or one that lately left a request unanswered, is taken only when there is no other.

        Args:
            but_not: nodes that have been tried already.

        Raises:
            NoMediaNode: there is none.
        """
        second_best: MediaNode | None = None
        count = len(self.nodes)
        for step in range(count):
            index = (self._next + step) % count
            node = self.nodes[index]
            if not node.standing.takes_sessions or node in but_not:
                continue
            if node.available_ports == 0 or node.standing.is_suspect:
                second_best = second_best or node
                continue
            self._next = index + 1
            return node
        if second_best is None:
            raise NoMediaNode("no RTP manager can take a session")
        return second_best

    def find(self, name: str) -> MediaNode | None:
        """Return the node of that name; else the only one that calls itself so or has that address."""
        named = [node for node in self.nodes if node.node_id == name]
        found = named or [node for node in self.nodes if name in (node.reported_id, node.address)]
        return found[0] if len(found) == 1 else None

    def _is_name_taken(self, node: MediaNode, name: str) -> bool:
        return any(other.node_id == name for other in self.nodes if other is not node)
