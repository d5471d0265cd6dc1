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
        self._random = int.from_bytes(random_bytes(8), "big") >> 2
        self._last_ms = 0
        self._number = 0

    def stamp(self) -> Stamp:
        """Return the id, time and node of an event that happens now."""
        now = self._wall()
        return {"event_id": self._next_id(now), "event_time": now, "node_id": self.node_id}

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
        if milliseconds > self._last_ms:
            self._last_ms = milliseconds
            self._number = 0
        else:
            self._number += 1
            if self._number > 0xFFF:
                self._last_ms += 1
                self._number = 0
        head = f"{self._last_ms:012x}"
        # 62 bits that are random per process and differ per id: two nodes never make the same one.
        self._random = (self._random + 0x9E3779B97F4A7C15) & 0x3FFFFFFFFFFFFFFF
        tail = f"{self._random | 0x8000000000000000:016x}"
        return f"{head[:8]}-{head[8:]}-7{self._number:03x}-{tail[:4]}-{tail[4:]}"
