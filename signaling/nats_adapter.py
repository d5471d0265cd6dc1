# SPDX-License-Identifier: Apache-2.0
"""What a signaling node has to do with NATS: one connection, which events and call records share.

Invariant: without a NATS_URL none of it is made, and the library is not even loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from switchboard.events import EventBus

if TYPE_CHECKING:
    from switchboard.events.nats_publisher import NatsPublisher
    from switchboard.nats_link import NatsLink


class NatsAdapter:
    """The connection, and the publisher of the bus's events.

    Args:
        url: of the server.
        bus: whose events are published.
        events_waiting: most events that wait for the server.
    """

    def __init__(self, url: str, bus: EventBus, events_waiting: int) -> None:
        from switchboard.events.nats_publisher import NatsPublisher
        from switchboard.nats_link import NatsLink

        self.link: NatsLink = NatsLink(url, f"switchboard signaling {bus.node_id}")
        self.publisher: NatsPublisher = NatsPublisher(self.link, limit=events_waiting)
        self._bus = bus
        self._unsubscribe: Callable[[], None] | None = None

    def problem(self) -> str | None:
        """Return one sentence on why NATS cannot be used, or None."""
        return self.link.problem

    def start(self) -> None:
        """Begin to connect and to publish; waits for nothing."""
        self.publisher.start()
        self._unsubscribe = self._bus.subscribe(self.publisher.publish)

    def stop(self) -> None:
        """Publish what is left if the server takes it at once, and disconnect; blocks for a few seconds at most."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self.publisher.stop()
        self.link.close()


def open_nats(url: str, bus: EventBus, events_waiting: int) -> NatsAdapter | None:
    """Return the node's part in NATS, not started yet; None without a URL."""
    return NatsAdapter(url, bus, events_waiting) if url else None
