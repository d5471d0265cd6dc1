# SPDX-License-Identifier: Apache-2.0
"""Decides which sources are banned: those that prove an address is theirs and go on failing from it.

Pure; time is an argument, nothing is read or sent. A failure counts only when its source has shown that it owns the
address: it came over a connection, or answered a challenge that was sent there. So nobody is banned by packets that
others send in his name. Invariants: a source where a user is at home is never reported; memory is bounded whatever
is sent; fewer failures than the limit within the window report nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from signaling.sip.flow import Flow
from signaling.transport.addresses import source_group

K = TypeVar("K")
V = TypeVar("V")

MAX_SOURCES = 50_000
MAX_TRUSTED = 300_000
MAX_CONNECTIONS = 50_000
MAX_NODES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WardenConfig:
    """When a source is banned."""

    failures: int = 50
    """Failures within `window_s` of the first; 0: nobody is banned by himself."""
    window_s: float = 600.0
    unanswered: int = 200
    """Challenges that one connection may leave unanswered before each further one is a failure."""
    trust_s: float = 7200.0
    """How long a source counts as somebody's home after a right password."""


class _Count:
    """The failures of one source since the first of them."""

    __slots__ = ("passwords", "probes", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self.passwords = 0
        self.probes = 0


def nobody(source: str, reason: str) -> None:
    """Take no notice."""


class Warden:
    """Counts the failures of sources.

    Args:
        config: the numbers.
    """

    def __init__(self, config: WardenConfig) -> None:
        self._config = config
        self.on_offender: Callable[[str, str], None] = nobody
        """Called with a source (address, or network address of a /64) that is to be banned, and why."""
        self.on_spared: Callable[[str, str], None] = nobody
        """Called instead when a user is at home there; once for each window."""
        self._counts: dict[str, _Count] = {}
        self._trusted: dict[str, float] = {}
        self._unanswered: dict[int, int] = {}
        self._nodes: dict[str, None] = {}

    def challenged(self, flow: Flow, now: float) -> None:
        """Count a challenge to a request without credentials."""
        if not flow.connection:
            return
        waiting = self._unanswered.get(flow.connection, 0) + 1
        _put(self._unanswered, flow.connection, waiting, MAX_CONNECTIONS)
        if waiting > self._config.unanswered:
            self._fail(flow, now, password=False)

    def failed(self, flow: Flow, now: float, *, proven: bool) -> None:
        """Count wrong credentials.

        Args:
            flow: how they came.
            now: monotonic seconds.
            proven: whether they answer a fresh challenge that was sent to this very address.
        """
        self._answered(flow)
        if proven or flow.connection:
            self._fail(flow, now, password=True)

    def succeeded(self, flow: Flow, now: float) -> None:
        """Remember that a user is at home at the end of `flow`."""
        self._answered(flow)
        self.trust(flow.remote[0], now)

    def trust(self, ip: str, now: float) -> None:
        """Remember that a user is at home at an address."""
        source = source_group(ip)
        _put(self._trusted, source, now + self._config.trust_s, MAX_TRUSTED)

    def spare(self, ip: str) -> None:
        """Never report an address: another node is there, which passes on what phones send to it."""
        _put(self._nodes, source_group(ip), None, MAX_NODES)

    def closed(self, flow: Flow, now: float) -> None:
        """Take the end of a connection; challenges that it leaves unanswered are one failure."""
        if self._unanswered.pop(flow.connection, 0):
            self._fail(flow, now, password=False)

    def forget(self, source: str) -> None:
        """Begin to count a source anew: its ban was lifted."""
        self._counts.pop(source, None)

    # --- Inside -------------------------------------------------------------------------------------------------

    def _answered(self, flow: Flow) -> None:
        waiting = self._unanswered.get(flow.connection)
        if waiting is not None:
            if waiting > 1:
                self._unanswered[flow.connection] = waiting - 1
            else:
                del self._unanswered[flow.connection]

    def _fail(self, flow: Flow, now: float, *, password: bool) -> None:
        limit = self._config.failures
        if not limit:
            return
        source = source_group(flow.remote[0])
        if source in self._nodes:
            return
        count = self._counts.get(source)
        if count is None or now - count.since > self._config.window_s:
            count = _Count(now)
            _put(self._counts, source, count, MAX_SOURCES)
        if password:
            count.passwords += 1
        else:
            count.probes += 1
        if count.passwords + count.probes != limit:
            return
        reason = _in_words(count, now)
        if self._trusted.get(source, 0.0) > now:
            self.on_spared(source, reason)
        else:
            del self._counts[source]
            self.on_offender(source, reason)


def _put(table: dict[K, V], key: K, value: V, limit: int) -> None:
    """Set a key, which so is the youngest; the oldest gives way when there are too many."""
    if key in table:
        del table[key]
    elif len(table) >= limit:
        del table[next(iter(table))]
    table[key] = value


def _in_words(count: _Count, now: float) -> str:
    parts = [
        f"{number} {one if number == 1 else many}"
        for number, one, many in (
            (count.passwords, "failed login", "failed logins"),
            (count.probes, "challenge left unanswered", "challenges left unanswered"),
        )
        if number
    ]
    seconds = max(1, round(now - count.since))
    time = f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} minutes"
    return f"{' and '.join(parts)} within {time}"
