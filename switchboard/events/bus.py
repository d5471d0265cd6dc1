# SPDX-License-Identifier: Apache-2.0
"""The event bus of one process: whoever has news publishes, whoever wants it subscribes.

A port with adapters: the feed to the live API, and brokers. Publishing calls the subscribers at once, so they must
only take note. Invariant: publishing never raises and never waits; without a subscriber it costs an attribute.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypedDict

import structlog

from switchboard.events.catalogue import Event

log = structlog.get_logger("switchboard.events")

Subscriber = Callable[[Event], None]


class Stamp(TypedDict):
    """What the bus itself puts into an event."""

    event_id: str
    event_time: float
    node_id: str


class EventBus:
    """Hands each event to every subscriber.

    Args:
        node_id: name of this node in events.
        wall: seconds since the epoch.
        random_bytes: source of the random part of event ids.
    """

    def __init__(
        self,
        node_id: str = "",
        *,
        wall: Callable[[], float] = time.time,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.node_id = node_id
        self.active = False
        """Whether anybody listens: an event that nobody gets need not be made."""
        self.failed = 0
        """Deliveries that raised."""
        self._wall = wall
        self._subscribers: tuple[Subscriber, ...] = ()
        # 62 bits that are random per process: two nodes never make the same id.
        random = f"{int.from_bytes(random_bytes(8), 'big') >> 2 | 1 << 63:016x}"
        self._tail = f"{random[:4]}-{random[4:]}"
        self._head = ""
        self._last_ms = 0
        self._number = 0

    def stamp(self) -> Stamp:
        """Return the id, time and node of an event that happens now."""
        now = self._wall()
        return {"event_id": self._next_id(now), "event_time": now, "node_id": self.node_id}

    def new_id(self) -> str:
        """Return an id for what events tell of: a UUID that no node has given or gives again."""
        return self._next_id(self._wall())

    def publish(self, event: Event) -> None:
        """Give an event to every subscriber; one that raises is logged and the others get theirs."""
        for subscriber in self._subscribers:
            try:
                subscriber(event)
            except Exception:  # a subscriber's mistake must not end the call that has news
                self.failed += 1
                log.exception("event.subscriber_failed", event_type=event.event_type)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have ``subscriber`` called with each event; return what ends that. It must not block."""
        self._subscribers = (*self._subscribers, subscriber)
        self.active = True

        def unsubscribe() -> None:
            self._subscribers = tuple(each for each in self._subscribers if each is not subscriber)
            self.active = bool(self._subscribers)

        return unsubscribe

    def _next_id(self, now: float) -> str:
        """Return a UUID version 7 (RFC 9562 5.7) that is above every one before, also when the clock steps back."""
        milliseconds = int(now * 1000)
        self._number += 1
        if milliseconds > self._last_ms or self._number > 0xFFF:
            self._last_ms = max(milliseconds, self._last_ms + 1)
            self._number = 0
            head = f"{self._last_ms:012x}"
            self._head = f"{head[:8]}-{head[8:]}"
        return f"{self._head}-7{self._number:03x}-{self._tail}"
