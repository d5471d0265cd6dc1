# SPDX-License-Identifier: Apache-2.0
"""One reader of the feed, at the end of the SIP process.

Writes what it is given and takes commands. Invariant: what waits for a reader is bounded in bytes and in time; one
that does not keep up is dropped with a reason in the log and may come back for a new picture.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import msgpack
import structlog

from signaling.live.tables import Kind, Row

if TYPE_CHECKING:
    from signaling.live.feed import Feed

log = structlog.get_logger("switchboard.live")

ROWS_PER_CHUNK = 50
"""Rows of the first picture that are made in one turn of the loop: about a tenth of a millisecond."""
MAX_COMMAND_BYTES = 256 * 1024
STALLED_S = 10.0
"""A reader that takes nothing for this long is gone in all but name."""


class FeedReader(asyncio.Protocol):
    """A connection of the feed.

    Args:
        feed: what it reads from.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._unpacker = msgpack.Unpacker(max_buffer_size=MAX_COMMAND_BYTES, raw=False)
        self._picture: Iterator[tuple[str, Row]] | None = None
        self._painted: Callable[[], None] | None = None
        self._paused_at: float | None = None

    # --- From the socket ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with what is; changes follow in between, and win."""
        self._transport = cast("asyncio.Transport", transport)
        if not self._feed.join(self):
            self.drop("too many readers")
            return
        self.paint(self._feed.picture())

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the reader."""
        self._transport = None
        self._picture = self._painted = None
        self._feed.leave(self)

    def data_received(self, data: bytes) -> None:
        """Take commands: id, name, arguments."""
        try:
            self._unpacker.feed(data)
            for number, name, arguments in self._unpacker:
                self._feed.command(self, int(number), str(name), dict(arguments))
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            self.drop(f"not a command: {error}")

    def pause_writing(self) -> None:
        """Note that the reader is behind."""
        self._paused_at = self._loop.time()

    def resume_writing(self) -> None:
        """Go on with the picture."""
        self._paused_at = None
        if self._picture is not None:
            self._loop.call_soon(self._paint)

    # --- From the feed --------------------------------------------------------------------------------------------

    def write(self, data: bytes, limit_bytes: int) -> None:
        """Send packed messages; a reader with too much unread is dropped."""
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size() > limit_bytes:
            self.drop(f"more than {limit_bytes} bytes unread")
            return
        transport.write(data)

    def paint(self, picture: Iterator[tuple[str, Row]], painted: Callable[[], None] | None = None) -> None:
        """Send a picture in pieces; ``painted`` is called after the last one."""
        self._picture, self._painted = picture, painted
        self._loop.call_soon(self._paint)

    def stop_painting(self) -> None:
        """Send no more of the picture; whoever waits for it is told that this is all."""
        self._picture = None
        painted, self._painted = self._painted, None
        if painted is not None:
            painted()

    def check(self, now: float) -> None:
        """Drop the reader when it has taken nothing for long."""
        if self._paused_at is not None and now - self._paused_at > STALLED_S:
            self.drop(f"took nothing for {STALLED_S:.0f} s")

    def close(self) -> None:
        """End the connection after what was written."""
        if self._transport is not None:
            self._transport.close()

    def drop(self, reason: str) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._feed.dropped += 1
            log.warning("live.reader_dropped", reason=reason)
            transport, self._transport = self._transport, None
            transport.abort()

    # --- The picture ----------------------------------------------------------------------------------------------

    def _paint(self) -> None:
        """Send a piece of the picture and come back for the next."""
        if self._picture is None or self._transport is None or self._paused_at is not None:
            return
        messages: list[tuple[Any, ...]] = []
        rows: list[Row] = []
        table = ""
        for name, row in self._picture:
            if name != table and rows:
                messages.append((Kind.ROWS, table, rows))
                rows = []
            table = name
            rows.append(row)
            if len(rows) >= ROWS_PER_CHUNK:
                break
        else:
            self._picture = None
        if rows:
            messages.append((Kind.ROWS, table, rows))
        if self._picture is None:
            messages.append((Kind.READY,))
        self._feed.send(self, messages)
        if self._picture is None:
            self.stop_painting()
        else:
            self._loop.call_soon(self._paint)
