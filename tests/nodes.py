# SPDX-License-Identifier: Apache-2.0
"""Several signaling nodes of one installation: one database, one secret, one Redis; each with an RTP manager."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.redis_server import RedisServer
from tests.stack import Stack


class Node(Stack):
    """One of the nodes; the first has the database, the others open the same file."""

    redis: RedisServer
    name: str

    def share_database(self, first: Stack) -> None:
        """Use the database of the first node, which must not run yet."""
        for path in self.var.glob("switchboard.sqlite3*"):
            path.unlink()
        self.database.symlink_to(first.database)


@contextmanager
def running_nodes(
    directory: Path, template: Path, redis: RedisServer, count: int = 2, **env: str
) -> Iterator[list[Node]]:
    """Start nodes named ``node-1``, ``node-2`` … that share a Redis, and stop them at the end of the block."""
    with ExitStack() as exits:
        nodes: list[Node] = []
        for number in range(1, count + 1):
            variables = {"REDIS_ADDR": redis.address, "SIGNALING_NODE_ID": f"node-{number}", **env}
            node = Node(directory / f"node-{number}", template, env=variables)
            node.redis, node.name = redis, variables["SIGNALING_NODE_ID"]
            exits.callback(node.stop)
            if nodes:
                node.share_database(nodes[0])
            nodes.append(node)
        for node in nodes:
            node.start()
        yield nodes
