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
_METHOD_OF = {(method + " ")[:_PREFIX].encode(): method for method in METHODS}
_CLASS_OF = {ord(str(digit)): f"{digit}xx" for digit in range(1, 7)}
_RESPONSE = b"SIP/2.0 "
_CLASS_AT = len(_RESPONSE)
_TRYING = b"SIP/2.0 100 "


class Traffic:
    """The messages of one node.

    Args:
        trying: gets the time from the reading of a message to the sending of a 100 that it caused, in seconds.
        clock: seconds, finer than the event loop's, which stands still within one of its turns.
    """

    __slots__ = ("_clock", "_read_at", "_requests", "_responses", "_trying")

    def __init__(self, trying: Histogram, clock: Callable[[], float] = time.perf_counter) -> None:
        self._trying = trying
        self._clock = clock
        self._read_at = 0.0
        self._requests = {way: dict.fromkeys((*METHODS, OTHER), 0) for way in ("in", "out")}
        self._responses = {way: dict.fromkeys((*_CLASS_OF.values(), OTHER), 0) for way in ("in", "out")}

    def received(self, data: bytes) -> None:
        """Count a message that came; keep-alives count as nothing."""
        self._read_at = self._clock()
        if len(data) >= _CLASS_AT:
            self._count(data, "in")

    def sent(self, messages: list[tuple[bytes, Flow]]) -> None:
        """Count messages that go out; those that an input caused follow it at once."""
        for data, _ in messages:
            self._count(data, "out")
            if data.startswith(_TRYING):
                self._trying.observe(self._clock() - self._read_at)

    def read(self) -> Readings:
        """Return the counters."""
        return {
            "switchboard_sip_requests_total": _flat(self._requests),
            "switchboard_sip_responses_total": _flat(self._responses),
        }

    def _count(self, data: bytes, way: str) -> None:
        if data.startswith(_RESPONSE):
            self._responses[way][
                _CLASS_OF.get(data[_CLASS_AT], OTHER) if len(data) > _CLASS_AT else OTHER
            ] += 1
        else:
            self._requests[way][_METHOD_OF.get(data[:_PREFIX], OTHER)] += 1


def _flat(counters: dict[str, dict[str, int]]) -> dict[tuple[str, ...], float]:
    return {(way, name): count for way, counts in counters.items() for name, count in counts.items()}
