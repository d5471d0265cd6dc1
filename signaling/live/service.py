# SPDX-License-Identifier: Apache-2.0
"""The live state of one signaling node put together: source, feed, commands, status.

Knows every part and decides nothing. Invariant: SIP is served whether or not anything in here works.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

from signaling.calls.manager import CallManager
from signaling.changes import Changes
from signaling.live.commands import CommandTable
from signaling.live.feed import Feed, FeedConfig
from signaling.live.source import NodeSource
from signaling.location import Location
from signaling.node import SipNode
from switchboard.events import EventBus

log = structlog.get_logger("switchboard.live")


class Journal(Protocol):
    """What the status tells of the CDR journal."""

    @property
    def problem(self) -> str | None: ...

    @property
    def lost(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveConfig:
    """What the live state can be told."""

    socket: Path
    max_readers: int
    max_unread_bytes: int

    @classmethod
    def from_settings(cls, settings: Any) -> LiveConfig:
        """Return what the settings say."""
        return cls(
            socket=settings.LIVE_SOCKET,
            max_readers=settings.LIVE_MAX_READERS,
            max_unread_bytes=settings.LIVE_MAX_UNREAD_BYTES,
        )


class LiveService:
    """The feed of a node and the commands that it takes.

    Args:
        config: bounds and path.
        bus: events.
        changes: notes of what changed.
        location: bindings.
        calls: running calls.
        node: legs.
        rtpmanagers: the pool's nodes.
        journal: whose problems the status tells.
        degradations: tells what is away though the node goes on without it, with the reason.
    """

    def __init__(
        self,
        config: LiveConfig,
        *,
        bus: EventBus,
        changes: Changes,
        location: Location,
        calls: CallManager,
        node: SipNode,
        rtpmanagers: Iterable[Any],
        journal: Journal,
        degradations: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self.commands = CommandTable()
        self._changes = changes
        self._calls = calls
        self._journal = journal
        self._degradations = degradations
        self._started = time.time()
        source = NodeSource(
            changes,
            location,
            calls=lambda: calls.calls,
            legs=lambda: node.legs,
            nodes=rtpmanagers,
            now=node.loop.time,
        )
        self.feed = Feed(
            source,
            bus,
            self.commands,
            FeedConfig(
                path=config.socket,
                max_readers=config.max_readers,
                max_unread_bytes=config.max_unread_bytes,
            ),
            about={"node_id": bus.node_id, "boot_id": uuid.uuid4().hex, "started_at": self._started},
            status=self.status,
        )
        self._is_open = False
        self.starting = True
        """Whether SIP is not served yet."""

    async def start(self) -> None:
        """Open the feed; without it the node serves SIP all the same."""
        try:
            await self.feed.start()
        except OSError as error:
            log.error("live.no_socket", error=str(error))
        else:
            self._is_open = True

    async def stop(self) -> None:
        """Close the feed."""
        if self._is_open:
            await self.feed.stop()

    def status(self) -> dict[str, Any]:
        """Return what readers are told once a second."""
        return {
            "uptime_seconds": round(time.time() - self._started, 3),
            "total_calls": self._calls.total,
            "total_sessions": self._changes.total_sessions,
            "starting": self.starting,
            "stopping": self._calls.closing,
            "degraded": self._degradations(),
            "journal_problem": self._journal.problem,
            "cdrs_lost": self._journal.lost,
            "readers_dropped": self.feed.dropped,
        }
