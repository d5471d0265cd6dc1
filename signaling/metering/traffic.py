# SPDX-License-Identifier: Apache-2.0
"""Counts the SIP messages on the wire by their first bytes, and the time to our 100.

It parses nothing: whatever peers send, the kinds are few. Invariant: counting a message costs two lookups.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from signaling.sip import Flow
from switchboard.metrics.numbers import Histogram, Readings

METHODS = (
    "ACK",
    "BYE",
    "CANCEL",
    "INFO",
    "INVITE",
    "MESSAGE",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UPDATE",
)
OTHER = "other"
_PREFIX = 4
_RESPONSE = b"SIP/"
_CLASS_AT = len(b"SIP/2.0 ")
_KINDS: dict[bytes | int | None, tuple[str, str]] = {
    **{(method + " ")[:_PREFIX].encode(): ("request", method) for method in METHODS},
    **{ord(str(digit)): ("response", f"{digit}xx") for digit in range(1, 7)},
    None: ("request", OTHER),
    0: ("response", OTHER),
}
"""What a message is, by its first bytes or the first digit of its status."""
_TRYING = b"SIP/2.0 100 "


class Traffic:
    """The messages of one node.

    Args:
        trying: gets the time from the reading of a message to the sending of a 100 that it caused, in seconds.
        clock: seconds, finer than the event loop's, which stands still within one of its turns.
    """

    __slots__ = ("_clock", "_in", "_out", "_read_at", "_trying")

    def __init__(self, trying: Histogram, clock: Callable[[], float] = time.perf_counter) -> None:
        self._trying = trying
        self._clock = clock
        self._read_at = 0.0
        self._in = dict.fromkeys(_KINDS, 0)
        self._out = dict.fromkeys(_KINDS, 0)

    def received(self, data: bytes) -> None:
        """Count a message that came; keep-alives count as nothing."""
        self._read_at = self._clock()
        size = len(data)
        if size >= _CLASS_AT:
            counts = self._in
            kind = data[:_PREFIX]
            if kind == _RESPONSE:
                digit = data[_CLASS_AT] if size > _CLASS_AT else 0
                counts[digit if digit in counts else 0] += 1
            else:
                counts[kind if kind in counts else None] += 1

    def sent(self, messages: list[tuple[bytes, Flow]]) -> None:
        """Count messages that go out; those that an input caused follow it at once."""
        counts = self._out
        for data, _ in messages:
            kind = data[:_PREFIX]
            if kind != _RESPONSE:
                counts[kind if kind in counts else None] += 1
                continue
            counts[data[_CLASS_AT]] += 1
            if data.startswith(_TRYING):
                self._trying.observe(self._clock() - self._read_at)

    def read(self) -> Readings:
        """Return the counters."""
        return {
            "switchboard_sip_requests_total": self._counted("request"),
            "switchboard_sip_responses_total": self._counted("response"),
        }

    def _counted(self, wanted: str) -> dict[tuple[str, ...], float]:
        return {
            (way, name): counts[key]
            for way, counts in (("in", self._in), ("out", self._out))
            for key, (what, name) in _KINDS.items()
            if what == wanted
        }
