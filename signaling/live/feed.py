# SPDX-License-Identifier: Apache-2.0
"""The feed of the live state: a Unix socket on which the SIP process tells what is and what changes.

Notes of changes and events are collected for a moment and packed once for all readers. A reader may sleep: then it
gets the status and the RTP managers alone, until it asks for a new picture. Invariants: without a reader that is awake
nothing is collected; the last row that a reader gets of a thing is that thing as it is; nothing that a reader does or
does not do makes a call wait.
"""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgpack
import structlog

from signaling.live.commands import CommandTable
from signaling.live.paths import socket_address
from signaling.live.reader import FeedReader
from signaling.live.source import LiveSource
from signaling.live.tables import RTPMANAGERS, SLEEP, VERSION, WAKE, Kind, Row
from switchboard.events import Event, EventBus
from switchboard.events.catalogue import values_of

log = structlog.get_logger("switchboard.live")


FRAME = 500
"""Messages that are packed together: a reader can begin before all of a large burst is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedConfig:
    """Bounds of the feed."""

    path: Path
    """The socket; made with mode 600."""
    max_readers: int = 8
    max_unread_bytes: int = 16 * 1024 * 1024
    """A reader with more than this unread is dropped."""
    collect_s: float = 0.05
    """How long changes are collected before they are sent."""
    status_s: float = 1.0
    """How often the status is sent."""


class Feed:
    """Serves the feed.

    Args:
        source: where rows come from.
        bus: where events come from.
        commands: what readers may ask for.
        config: bounds.
        about: sent to each reader first, with the feed's version.
        status: returns what is sent once a second.
    """

    def __init__(
        self,
        source: LiveSource,
        bus: EventBus,
        commands: CommandTable,
        config: FeedConfig,
        *,
        about: dict[str, Any],
        status: Callable[[], dict[str, Any]],
    ) -> None:
        self.dropped = 0
        """Readers that did not keep up."""
        self._source = source
        self._bus = bus
        self._commands = commands
        self._config = config
        self._about = about
        self._status = status
        self._loop = asyncio.get_running_loop()
        self._packer = msgpack.Packer(use_bin_type=True, autoreset=True)
        self._readers: dict[FeedReader, None] = {}
        self._awake: dict[FeedReader, None] = {}
        self._events: list[tuple[Any, ...]] = []
        self._flush_timer: asyncio.TimerHandle | None = None
        self._status_timer: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] | None = None
        self._server: asyncio.AbstractServer | None = None

    # --- Life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the socket.

        Raises:
            OSError: it cannot be made.
        """
        listener = _bind(self._config.path)
        self._server = await self._loop.create_unix_server(lambda: FeedReader(self), sock=listener)

    async def stop(self) -> None:
        """Tell the readers what is still to be told, and close."""
        if self._server is None:
            return
        self._server.close()
        self.flush()
        for reader in list(self._readers):
            reader.close()
        self._config.path.unlink(missing_ok=True)

    @property
    def readers(self) -> int:
        """How many read now."""
        return len(self._readers)

    def flush(self) -> None:
        """Send what was collected: rows first, so that a picture is never older than the events."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        messages, events = self._source.changed(), self._events
        if events:
            self._events = []
            messages += events
        if messages:
            self._broadcast(messages, self._awake)

    # --- For readers ----------------------------------------------------------------------------------------------

    def join(self, reader: FeedReader) -> bool:
        """Take a reader in and greet it; False when there are too many."""
        if len(self._readers) >= self._config.max_readers:
            return False
        self._readers[reader] = None
        self._watch(reader)
        if self._status_timer is None:
            self._tell_status()
        self.send(reader, [(Kind.HELLO, VERSION, self._about), (Kind.STATUS, self._status())])
        return True

    def leave(self, reader: FeedReader) -> None:
        """Forget a reader; with the last one that is awake the collecting ends."""
        self._readers.pop(reader, None)
        self._unwatch(reader)
        if not self._readers and self._status_timer is not None:
            self._status_timer.cancel()
            self._status_timer = None

    def sleep(self, reader: FeedReader) -> None:
        """Tell a reader no more than that the process is there, and which RTP managers are."""
        self._unwatch(reader)
        reader.stop_painting()
        here = takewhile(lambda entry: entry[0] == RTPMANAGERS.name, self._source.everything())
        self.send(reader, [(Kind.ROWS, RTPMANAGERS.name, [row for _, row in here]), (Kind.READY,)])

    def wake(self, reader: FeedReader, done: Callable[[], None]) -> None:
        """Tell a reader everything again, and from now on what changes; ``done`` is called when it has been told."""
        if reader in self._awake:
            done()
            return
        self._watch(reader)
        self.send(reader, [(Kind.AGAIN,)])
        reader.paint(self.picture(), done)

    def picture(self) -> Iterator[tuple[str, Row]]:
        """Return everything that is, as (table, row), made while it is read."""
        return self._source.everything()

    def send(self, reader: FeedReader, messages: list[tuple[Any, ...]]) -> None:
        """Send messages to one reader."""
        reader.write(self._pack(messages), self._config.max_unread_bytes)

    def command(self, reader: FeedReader, number: int, name: str, arguments: dict[str, Any]) -> None:
        """Run a command of a reader."""

        def answer(succeeded: bool, result: dict[str, Any]) -> None:
            # What the command changed is told before its answer, the RTP managers that it drained included.
            self._broadcast(self._source.polled(), self._readers)
            self.flush()
            self.send(reader, [(Kind.ANSWER, number, succeeded, result)])

        if name == SLEEP:
            self.sleep(reader)
            answer(True, {})
        elif name == WAKE:
            self.wake(reader, lambda: answer(True, {}))
        else:
            self._commands.execute(name, arguments, answer)

    # --- Inside ---------------------------------------------------------------------------------------------------

    def _watch(self, reader: FeedReader) -> None:
        if not self._awake:
            self._unsubscribe = self._bus.subscribe(self._on_event)
            self._source.begin(self._wake)
        self._awake[reader] = None

    def _unwatch(self, reader: FeedReader) -> None:
        if reader not in self._awake:
            return
        del self._awake[reader]
        if self._awake:
            return
        self._source.end()
        if self._unsubscribe is not None:
            self._unsubscribe()
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._flush_timer = self._unsubscribe = None
        self._events = []

    def _on_event(self, event: Event) -> None:
        self._events.append((Kind.EVENT, event.event_type, values_of(event)))
        self._wake()

    def _wake(self) -> None:
        if self._flush_timer is None:
            self._flush_timer = self._loop.call_later(self._config.collect_s, self.flush)

    def _tell_status(self) -> None:
        self._status_timer = self._loop.call_later(self._config.status_s, self._tell_status)
        now = self._loop.time()
        for reader in list(self._readers):
            reader.check(now)
        self._broadcast([(Kind.STATUS, self._status()), *self._source.polled()], self._readers)

    def _broadcast(self, messages: list[tuple[Any, ...]], readers: Iterable[FeedReader]) -> None:
        for first in range(0, len(messages), FRAME):
            data = self._pack(messages[first : first + FRAME])
            for reader in list(readers):
                reader.write(data, self._config.max_unread_bytes)

    def _pack(self, messages: list[tuple[Any, ...]]) -> bytes:
        return bytes(self._packer.pack(messages))


def _bind(path: Path) -> socket.socket:
    """Return a listening socket at ``path`` that this user alone can connect to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()  # of a process that was killed: the journal's lock keeps a second one away
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with socket_address(path) as address:
            listener.bind(address)
        path.chmod(0o600)  # before anybody can connect: nothing listens yet
        listener.listen(16)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
