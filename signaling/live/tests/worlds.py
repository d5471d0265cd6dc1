# SPDX-License-Identifier: Apache-2.0
"""A feed over a real socket, fed by the test, and mirrors that read it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signaling.live.commands import CommandTable
from signaling.live.feed import Feed, FeedConfig
from signaling.live.link import FeedLink
from signaling.live.mirror import Mirror
from signaling.live.tables import REGISTRATIONS, Kind, Row
from switchboard.events import EventBus

NOW = 1_700_000_000.0


def registration(number: int, tenant: str = "account", expires_at: float = NOW) -> Row:
    aor, contact = f"sip:{number}@acme.test", f"sip:{number}@192.0.2.7"
    key = f"{aor}\n{contact}"
    return (key, tenant, aor, contact, f"user-{number}", "ua", "192.0.2.7", 5060, "udp", 1.0, NOW, expires_at)


@dataclass
class ListSource:
    """Registrations in a dictionary, changed by the test."""

    rows: dict[Any, Row] = field(default_factory=dict)
    notes: dict[Any, Row | None] = field(default_factory=dict)
    wake: Callable[[], None] | None = None
    unnoted: list[tuple[Any, ...]] = field(default_factory=list)
    """Messages about what changed without a note."""
    sent: int = 0
    """Rows that were handed to the feed as changes."""

    def put(self, row: Row) -> None:
        self.rows[row[0]] = row
        self._note(row[0], row)

    def drop(self, key: Any) -> None:
        del self.rows[key]
        self._note(key, None)

    def _note(self, key: Any, row: Row | None) -> None:
        if self.wake is not None:
            self.notes[key] = row
            self.wake()

    def everything(self) -> Iterator[tuple[str, Row]]:
        for key in list(self.rows):
            if key in self.rows:
                yield REGISTRATIONS.name, self.rows[key]

    def begin(self, wake: Callable[[], None]) -> None:
        self.wake = wake

    def end(self) -> None:
        self.wake = None
        self.notes = {}

    def changed(self) -> list[tuple[Any, ...]]:
        notes, self.notes = self.notes, {}
        rows = [row for row in notes.values() if row is not None]
        self.sent += len(rows)
        gone = [key for key, row in notes.items() if row is None]
        messages: list[tuple[Any, ...]] = []
        if rows:
            messages.append((Kind.ROWS, REGISTRATIONS.name, rows))
        if gone:
            messages.append((Kind.GONE, REGISTRATIONS.name, gone))
        return messages

    def polled(self) -> list[tuple[Any, ...]]:
        messages, self.unnoted = self.unnoted, []
        return messages


@dataclass
class FeedWorld:
    """A feed and what it reads from."""

    path: Path
    source: ListSource = field(default_factory=ListSource)
    bus: EventBus = field(default_factory=lambda: EventBus("sip-1"))
    commands: CommandTable = field(default_factory=CommandTable)
    boot_id: str = "boot-1"
    config: dict[str, Any] = field(default_factory=dict)

    async def start(self) -> Feed:
        self.feed = Feed(
            self.source,
            self.bus,
            self.commands,
            FeedConfig(path=self.path, **{"collect_s": 0.001, "status_s": 0.05, **self.config}),
            about={"boot_id": self.boot_id},
            status=lambda: {"total_calls": 0},
        )
        await self.feed.start()
        return self.feed

    @asynccontextmanager
    async def reader(self, **options: Any) -> AsyncIterator[tuple[Mirror, FeedLink]]:
        mirror = Mirror(**options)
        link = FeedLink(self.path, mirror)
        link.start()
        try:
            await until(lambda: mirror.complete)
            yield mirror, link
        finally:
            await link.stop()


async def until(condition: Callable[[], object], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - conditions of several objects are awaited, not one event
            await asyncio.sleep(0.001)
