# SPDX-License-Identifier: Apache-2.0
"""The mirror of the live state, at the reading end of the feed.

Applied to on one event loop; read from any thread, because rows are replaced whole and never changed. Invariant: a
table is shown only when the feed has told all of it, so nobody sees half a picture.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from signaling.live.subscription import DEFAULT_QUEUE, EventDict, Subscription
from signaling.live.tables import TABLES, VERSION, Kind, Row, Table
from switchboard.events.catalogue import json_of, rfc3339

MAX_EVENTS = 10_000
"""Events kept for readers that come back."""
STATUS_LATE_S = 5.0
"""Without a status for this long the SIP process counts as hanging."""

Tenants = frozenset[str] | None
"""Accounts that somebody may see; None: every account, and what belongs to none."""


class FeedMismatch(Exception):
    """The other end of the feed speaks another version."""


class Mirror:
    """What is alive on a signaling node.

    Args:
        clock: monotonic seconds.
        wall: seconds since the epoch.
        max_events: how many events are kept.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        max_events: int = MAX_EVENTS,
    ) -> None:
        self.about: dict[str, Any] = {}
        """What the SIP process said about itself."""
        self.status: dict[str, Any] = {}
        """Its last status."""
        self.complete = False
        """Whether the tables hold everything."""
        self.asleep = False
        """Whether only the status and the RTP managers are kept up to date, as nobody looks."""
        self._clock, self._wall = clock, wall
        self._status_at = float("-inf")
        self._tables: dict[str, dict[Any, LiveRow]] = {name: {} for name in TABLES}
        self._next: dict[str, dict[Any, LiveRow]] = self._tables
        self._events: deque[tuple[int, EventDict]] = deque()
        self._number_of: dict[str, int] = {}
        self._last_number = 0
        self._max_events = max_events
        self._subscriptions: dict[Subscription, None] = {}

    # --- From the feed --------------------------------------------------------------------------------------------

    def apply(self, message: Row | list[Any]) -> None:
        """Take one message of the feed; answers to commands are not for the mirror.

        Raises:
            FeedMismatch: the feed has another version.
        """
        kind = message[0]
        if kind == Kind.ROWS:
            table = TABLES[message[1]]
            rows = self._next[table.name]
            for row in message[2]:
                rows[row[0]] = as_dict(table, row)
        elif kind == Kind.GONE:
            rows = self._next[message[1]]
            for key in message[2]:
                rows.pop(key, None)
        elif kind == Kind.EVENT:
            self._take_event(json_of(message[1], message[2]))
        elif kind == Kind.STATUS:
            self.status, self._status_at = message[1], self._clock()
        elif kind == Kind.READY:
            self._tables, self.complete = self._next, True
        elif kind == Kind.AGAIN:
            self._next = {name: {} for name in TABLES}
        elif kind == Kind.HELLO:
            self._begin(message[1], message[2])

    def lost(self) -> None:
        """Note that the feed has ended: nothing is shown until a new one has told everything."""
        self.complete = False
        self._next = {name: {} for name in TABLES}

    def sleep(self) -> None:
        """Note that what happens from now on is missed: nobody can go on after the events that are known."""
        self.asleep = True
        self._events.clear()
        self._number_of.clear()

    def _begin(self, version: int, about: dict[str, Any]) -> None:
        if version != VERSION:
            raise FeedMismatch(f"the feed has version {version}, this reader {VERSION}")
        self.asleep = False
        known = self.about.get("boot_id")
        self.about = about
        self.lost()
        if known is not None:
            restarted = known != about.get("boot_id")
            self._notify(
                gap("the signaling process was started anew" if restarted else "the feed was interrupted")
            )

    # --- For readers ----------------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether the picture is complete and the SIP process shows signs of life."""
        return self.complete and self._clock() - self._status_at < STATUS_LATE_S

    @property
    def status_age_s(self) -> float:
        """Seconds since the SIP process last showed a sign of life."""
        return self._clock() - self._status_at

    def rows(self, table: Table, tenants: Tenants = None) -> list[LiveRow]:
        """Return the rows that somebody may see, in no order but that of their making."""
        rows = list(self._tables[table.name].values())
        if tenants is None or "tenant_id" not in table.fields:
            return rows
        return [row for row in rows if row["tenant_id"] in tenants]

    def count(self, table: Table) -> int:
        """Return how many rows there are."""
        return len(self._tables[table.name])

    def row(self, table: Table, key: Any, tenants: Tenants = None) -> LiveRow | None:
        """Return one row by its key; None when there is none, or not for these tenants."""
        row = self._tables[table.name].get(key)
        if row is None or (tenants is not None and row.get("tenant_id") not in tenants):
            return None
        return row

    def subscribe(
        self,
        accepts: Callable[[EventDict], bool],
        last_id: str | None = None,
        max_queued: int = DEFAULT_QUEUE,
    ) -> Subscription:
        """Return a new subscription to the events; on the loop only.

        Args:
            accepts: tells whether an event is for this reader.
            last_id: the last event that it has got; those after it come first. When it is not known any more, a
                ``stream.gap`` comes first.
            max_queued: most events that may wait for it.
        """
        backlog: list[EventDict] = []
        if last_id:
            missed = self.events_after(last_id)
            backlog = (
                [gap("the last event is not known any more")]
                if missed is None
                else list(filter(accepts, missed))
            )
        subscription = Subscription(accepts, backlog, max_queued)
        self._subscriptions[subscription] = None
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a subscription."""
        self._subscriptions.pop(subscription, None)

    def events_after(self, last_id: str) -> list[EventDict] | None:
        """Return the kept events after the one with this id; None when that one is not kept."""
        number = self._number_of.get(last_id)
        if number is None:
            return None
        skip = number - self._events[0][0] + 1
        return [event for index, (_, event) in enumerate(self._events) if index >= skip]

    def _take_event(self, event: EventDict) -> None:
        self._last_number += 1
        self._events.append((self._last_number, event))
        self._number_of[event["event_id"]] = self._last_number
        if len(self._events) > self._max_events:
            _, oldest = self._events.popleft()
            self._number_of.pop(oldest["event_id"], None)
        self._notify(event)

    def _notify(self, event: EventDict) -> None:
        for subscription in self._subscriptions:
            subscription.offer(event)


GAP = "stream.gap"
"""Type of the notice that events may have been missed; it is about the stream, so it is in no catalogue."""


def gap(reason: str) -> EventDict:
    """Return the notice that events may have been missed: the reader should look at the lists again."""
    return {
        "event_type": GAP,
        "event_id": "",
        "event_time": rfc3339(time.time()),
        "tenant_id": None,
        "reason": reason,
    }


class LiveRow(dict[str, Any]):
    """A row of a table by the names of its fields; never changed, only replaced."""

    __slots__ = ("moment", "text")

    moment: float | None
    """`Table.moment` of this row, in seconds since the epoch."""
    text: str
    """Kept by whoever turns rows into text; empty before."""


def as_dict(table: Table, row: Iterable[Any]) -> LiveRow:
    """Return a row as REST shows it."""
    shown = LiveRow(zip(table.fields, row, strict=True))
    shown.moment = shown[table.moment] if table.moment else None
    shown.text = ""
    for name in table.times:
        if shown[name] is not None:
            shown[name] = rfc3339(shown[name])
    return shown
