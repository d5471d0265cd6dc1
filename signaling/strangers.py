# SPDX-License-Identifier: Apache-2.0
"""How much is read of those who are not known: a flood of theirs costs next to nothing, and no phone its service.

An *offence* is a message that is answered or dropped without credentials: a challenge that stays unanswered, a
request into a dialog that is not there, a malformed message, a response that nobody waits for. Three allowances bound
them, each with its consequence when it is used up:

* of a path (address and port): it is *shut in*, and all but a trickle from there is dropped unread;
* of an address with all its ports: the same, but for paths of it that have hardly sent anything;
* of all strangers together: first each offence weighs ten times on its path and address, then nothing more is read
  from addresses where nobody is at home, until some of it has come back.

Pure: time is an argument. Invariants: memory is bounded, and given back when a flood is over; a path that is trusted
and a response that is awaited always pass.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from signaling.limiter import Limiter
from signaling.sip.flow import Flow

Address = tuple[str, int]
K = TypeVar("K")

MAX_SOURCES = 20_000
"""Paths and addresses that are counted at once, in each of two generations."""
MAX_TRUSTED = 300_000

SHUT_IN_S = 0.5
"""How long a path or address stays shut in after its last offence. Its allowance is used up then, so that the next
offence shuts it in again: a flood is let in no faster than the allowance comes back."""
CROWDED_S = 0.05
"""How long strangers wait when all of them together have used up what there is."""
TRICKLE_PER_PATH = 10
"""Messages a second read from a path that is shut in: enough for a phone there to authenticate."""
TRICKLE_PER_ADDRESS = 20
"""Messages a second read from the other paths of an address that is shut in."""
HARDLY = 6
"""Messages that such a path may have sent not long ago: a call takes three to authenticate."""
WEIGHT = 10
"""What an offence counts while all strangers together offend faster than `StrangerConfig.per_second`."""
CROWD = 4
"""How many times `StrangerConfig.per_second` is read of all strangers together at most."""

_RESPONSE = b"SIP/2.0 "
_EVERYBODY = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerConfig:
    """The allowances."""

    per_path: int = 200
    """Offences of one path at once; a tenth comes back each second. As many phones may restart at once behind one
    path, a proxy for example."""
    per_address: int = 2000
    """The same for an address with all its ports; a fortieth comes back each second."""
    per_second: int = 1000
    """Offences a second of all strangers together that do no harm: about a twentieth of a core."""


class Strangers:
    """Counts offences and decides what is read.

    Args:
        config: the allowances.
        awaited: tells of a message that looks like a response whether a request of this node waits for it.
    """

    def __init__(
        self, config: StrangerConfig, awaited: Callable[[bytes], bool] = lambda response: True
    ) -> None:
        self.awaited = awaited
        path, address, everybody = config.per_path, config.per_address, config.per_second
        self._paths = Limiter(burst=path, per_s=path / 10, max_keys=MAX_SOURCES)
        self._addresses = Limiter(burst=address, per_s=address / 40, max_keys=MAX_SOURCES)
        self._everybody = Limiter(burst=everybody, per_s=everybody, max_keys=1)
        self._crowd = Limiter(burst=everybody, per_s=CROWD * everybody, max_keys=1)
        self._path_trickle = Limiter(burst=TRICKLE_PER_PATH, per_s=TRICKLE_PER_PATH, max_keys=MAX_SOURCES)
        self._address_trickle = Limiter(
            burst=TRICKLE_PER_ADDRESS, per_s=TRICKLE_PER_ADDRESS, max_keys=MAX_SOURCES
        )
        self._trusted: dict[Hashable, float] = {}
        self._shut_in: dict[Hashable, float] = {}
        self._weighty_until = 0.0
        self._crowded_until = 0.0

    def reads(self, data: bytes, flow: Flow, source: str, now: float) -> bool:
        """Whether a message is looked at; costs nothing to speak of while nobody offends.

        Args:
            data: the message.
            flow: how it came.
            source: its address, or what counts as one (`addresses.source_group`).
            now: monotonic seconds.
        """
        shut_in = self._shut_in
        if not shut_in and now >= self._crowded_until:
            return True
        path = flow.remote
        if self._trusted.get(path, 0.0) > now or (data.startswith(_RESPONSE) and self.awaited(data)):
            return True
        if now < self._crowded_until and self._trusted.get(source, 0.0) <= now:
            return False
        forget_expired(shut_in, now)
        if shut_in.get(path, 0.0) > now:
            return self._path_trickle.take(path, now)
        if shut_in.get(source, 0.0) > now:
            return self._has_hardly_sent(path, now) and self._address_trickle.take(source, now)
        return True

    def offend(self, flow: Flow, source: str, now: float) -> None:
        """Count an offence that few commit: a challenge left unanswered, credentials that are not checked."""
        self._count(flow, source, now, crowded=self._is_crowd(now))

    def stray(self, flow: Flow, source: str, now: float) -> None:
        """Count what is no offence while there is room for it: a monitor asks OPTIONS, a late BYE finds nothing."""
        if self._trusted.get(flow.remote, 0.0) <= now and self._is_crowd(now):
            self._count(flow, source, now, crowded=True)

    def forgive(self, flow: Flow, source: str, now: float) -> None:
        """Take an offence back: the challenge was answered after all."""
        weight = self._weight(now)
        self._paths.give_back(flow.remote, weight)
        self._addresses.give_back(source, weight)
        self._everybody.give_back(_EVERYBODY)
        self._crowd.give_back(_EVERYBODY)

    def trust(self, flow: Flow, source: str, now: float, time_s: float) -> None:
        """Read everything from a path for a time that is always the same, and do not shut strangers of its address out."""
        remember(self._trusted, flow.remote, now, time_s, MAX_TRUSTED)
        remember(self._trusted, source, now, time_s, MAX_TRUSTED)

    def trusts(self, source: str, now: float) -> bool:
        """Whether a path of an address is trusted."""
        return self._trusted.get(source, 0.0) > now

    def tidy(self, now: float) -> None:
        """Give back the memory of those who have not offended for long; once in a while."""
        for limiter in (self._paths, self._addresses, self._path_trickle, self._address_trickle):
            limiter.tidy(now)
        while forget_expired(self._shut_in, now):
            continue

    def _has_hardly_sent(self, path: Address, now: float) -> bool:
        """Count a message of an address that is shut in; whether its path has sent too few to be part of a flood."""
        return self._paths.take(path, now, WEIGHT) and self._paths.missing(path, now) <= HARDLY * WEIGHT

    def _is_crowd(self, now: float) -> bool:
        """Count an offence of all strangers together; whether there are too many."""
        if not self._crowd.take(_EVERYBODY, now):
            self._crowded_until = now + CROWDED_S
        if self._everybody.take(_EVERYBODY, now):
            return False
        self._weighty_until = now + SHUT_IN_S
        return True

    def _count(self, flow: Flow, source: str, now: float, *, crowded: bool) -> None:
        weight = WEIGHT if crowded else 1
        if not self._paths.take(flow.remote, now, weight):
            remember(self._shut_in, flow.remote, now, SHUT_IN_S, MAX_SOURCES)
        if not self._addresses.take(source, now, weight):
            remember(self._shut_in, source, now, SHUT_IN_S, MAX_SOURCES)

    def _weight(self, now: float) -> int:
        return WEIGHT if now < self._weighty_until else 1


def remember(table: dict[K, float], key: K, now: float, time_s: float, limit: int) -> None:
    """Set `key` for a time that is always the same for this table, whose first entries so are the oldest."""
    table.pop(key, None)
    for _ in range(2):
        oldest = next(iter(table), None)
        if oldest is not None and (table[oldest] <= now or len(table) >= limit):
            del table[oldest]
    table[key] = now + time_s


def forget_expired(table: dict[K, float], now: float) -> bool:
    """Take the oldest entry out of a table of `remember` if its time is over; whether it was."""
    oldest = next(iter(table), None)
    if oldest is None or table[oldest] > now:
        return False
    del table[oldest]
    return True
