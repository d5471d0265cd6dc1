# SPDX-License-Identifier: Apache-2.0
"""Whole messages out of a byte stream: TCP and TLS (RFC 3261 18.3, keep-alives of RFC 5626 3.5.1).

One framer per connection. It shares `lines` with the parser, so that both see the same head. Invariant: it
never holds more than one message's limit of bytes beyond what one `feed` brought, and never searches a byte
twice for the end of a head, so that slow senders cost no more than fast ones.
"""

from __future__ import annotations

import re

from signaling.sip.errors import ParseError, RemoteProtocolError
from signaling.sip.grammar import bad_request, parse_uint
from signaling.sip.lines import find_head_end, split_lines, unfold
from signaling.sip.parser import DEFAULT_LIMITS, ParseLimits, salvage_request

KEEP_ALIVE = b"\r\n\r\n"
"""The ping of RFC 5626 3.5.1, returned by `feed` as an item of its own; the answer is PONG."""
PONG = b"\r\n"

_CONTENT_LENGTH = re.compile(r"(?:content-length|l)[ \t]*+:", re.IGNORECASE | re.ASCII)


class StreamFramer:
    """Cuts a stream into messages. After a ParseError the stream has lost its place: close the connection."""

    __slots__ = ("_buffer", "_error", "_limits", "_needed", "_searched")

    def __init__(self, limits: ParseLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._needed = 0
        self._error: ParseError | None = None

    @property
    def error(self) -> ParseError | None:
        """The fault met after the messages already returned, which the next `feed` raises; None when sound."""
        return self._error

    @property
    def buffered_bytes(self) -> int:
        """Bytes of an unfinished message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes from the peer; return the whole messages and KEEP_ALIVE items they complete.

        Raises ParseError when Content-Length is missing or bad (400) or a limit is exceeded (513). Whole
        messages before the fault are returned first: then `error` is set and the next call raises it.
        """
        if self._error is not None:
            raise self._error
        self._buffer += data
        items: list[bytes] = []
        try:
            while (item := self._next_item()) is not None:
                items.append(item)
        except RemoteProtocolError as error:
            self._error = ParseError(error.status_hint, error.reason, salvage_request(bytes(self._buffer)))
            self._buffer.clear()
            if not items:
                raise self._error from None
        return items

    def _next_item(self) -> bytes | None:
        if not self._needed:
            if self._skip_line_ends():
                return KEEP_ALIVE
            self._needed = self._message_length()
        if not self._needed or len(self._buffer) < self._needed:
            return None
        message = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        self._needed = self._searched = 0
        return message

    def _skip_line_ends(self) -> bool:
        """Drop line ends before a message; return True for each double CRLF, which is a ping."""
        buffer = self._buffer
        if buffer.startswith(KEEP_ALIVE):
            del buffer[:4]
            return True
        if buffer in _PING_STARTS:
            return False
        skipped = len(buffer) - len(buffer.lstrip(b"\r\n"))
        if skipped:
            del buffer[:skipped]
        return False

    def _message_length(self) -> int:
        """Return the length of the message at the start of the buffer, 0 when its head is not complete."""
        buffer, limit = self._buffer, self._limits.max_message_bytes
        if not buffer or buffer in _PING_STARTS:
            return 0
        head_end, body_start = find_head_end(buffer, self._searched)
        if head_end < 0:
            if len(buffer) > limit:
                raise RemoteProtocolError(513, "message too large")
            self._searched = max(0, len(buffer) - 2)
            return 0
        length = body_start + _content_length(bytes(buffer[:head_end]), limit)
        if length > limit:
            raise RemoteProtocolError(513, "message too large")
        return length


_FOLD_STARTS = frozenset({" ", "\t"})
_LENGTH_STARTS = frozenset("cClL")
_PING_STARTS = (b"\r", b"\r\n", b"\r\n\r")


def _content_length(head: bytes, limit: int) -> int:
    """Return the one Content-Length of a head; raise RemoteProtocolError(400) when absent, repeated or bad."""
    lines = split_lines(head)
    if any(line[:1] in _FOLD_STARTS for line in lines):
        lines = unfold(lines)
    matches = [
        line[match.end() :]
        for line in lines
        if line[:1] in _LENGTH_STARTS and (match := _CONTENT_LENGTH.match(line)) is not None
    ]
    if len(matches) != 1:
        raise bad_request("Content-Length is missing" if not matches else "Content-Length is repeated")
    digits = matches[0].strip(" \t")
    if digits.isascii() and digits.isdigit() and len(digits.lstrip("0")) > len(str(limit)):
        raise RemoteProtocolError(513, "message too large")
    return parse_uint(digits, 10 ** len(str(limit)), "Content-Length")
