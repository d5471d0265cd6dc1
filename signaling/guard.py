# SPDX-License-Identifier: Apache-2.0
"""Who is served: request rates per source, and failed authentications per source and per user.

Pure: time is an argument, nothing is sent or read. The caller asks `admit` before it parses a message and `may_try`
before it checks credentials, and reports the outcome. Invariants: bounded memory whatever is sent; nothing answered
depends on whether a user exists; nobody is locked out by others who guess: a phone that has authenticated goes on
from its own path, and its user from the same address, whatever strangers do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from signaling.limiter import Limiter
from signaling.sip.flow import Flow
from signaling.transport.addresses import source_group

DAY_S = 86400.0

MAX_SOURCES = 100_000
MAX_UNKNOWN_IDENTITIES = 100_000
MAX_USERS = 1_000_000
MAX_HOMES = 1_000_000


class Identity(NamedTuple):
    """Who the credentials claim to be."""

    key: str
    """Text that is unique among all accounts."""
    exists: bool
    """Whether there is such a user. Only chooses where the count is kept, so that guesses at made-up names
    cannot push out the count of a real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardConfig:
    """The numbers of the guard."""

    requests_per_second_per_source: int = 5000
    """New requests a second served for one address; the burst is one second's worth."""
    auth_failures_per_minute: int = 30
    """Failed authentications a minute from one address before it is refused without a check."""
    password_guesses_per_day: int = 1000
    """Wrong passwords within any 24 hours for one user, from addresses that it is not at home at."""
    trust_s: float = 7200.0
    """How long a user is at home where it authenticated: longer than the longest registration."""


class Guard(Protocol):
    """What the node and the authenticator ask; one process keeps it in memory, several may share one."""

    def admit(self, source_ip: str, now: float) -> bool:
        """Whether a new message from an address is looked at at all; counts it."""

    def may_try(self, flow: Flow, identity: Identity, now: float) -> bool:
        """Whether credentials of `identity` that came by `flow` are checked."""

    def failed(self, flow: Flow, identity: Identity, now: float) -> None:
        """Count wrong credentials."""

    def succeeded(self, flow: Flow, identity: Identity, now: float) -> None:
        """Remember that `identity` is at home at the end of `flow`."""


class MemoryGuard:
    """The guard of one process."""

    def __init__(self, config: GuardConfig) -> None:
        self._trust_s = config.trust_s
        per_second = config.requests_per_second_per_source
        self._requests = Limiter(burst=per_second, per_s=per_second, max_keys=MAX_SOURCES)
        failures = config.auth_failures_per_minute
        self._source_failures = Limiter(burst=failures, per_s=failures / 60, max_keys=MAX_SOURCES)
        self._path_failures = Limiter(burst=failures, per_s=failures / 60, max_keys=MAX_SOURCES)
        # Half at once and half over the day: never more than the whole within any 24 hours.
        guesses = config.password_guesses_per_day
        at_once = (guesses + 1) // 2
        per_s = max(guesses - at_once, 0.001) / DAY_S
        self._guesses_at_users = Limiter(burst=at_once, per_s=per_s, max_keys=MAX_USERS)
        self._guesses_at_nobody = Limiter(burst=at_once, per_s=per_s, max_keys=MAX_UNKNOWN_IDENTITIES)
        self._guesses_at_home = Limiter(burst=at_once, per_s=per_s, max_keys=MAX_USERS)
        self._homes: dict[tuple[object, str], float] = {}

    def admit(self, source_ip: str, now: float) -> bool:
        """Whether a new message from an address is looked at at all; counts it."""
        return self._requests.take(source_group(source_ip), now)

    def may_try(self, flow: Flow, identity: Identity, now: float) -> bool:
        """Whether credentials of `identity` that came by `flow` are checked.

        By the very path that the user authenticated on before, only failures on that path count; from the same
        address, only guesses made from there; from elsewhere, the address's failures and everybody's guesses.
        """
        if self._is_home(flow.remote, identity, now):
            return self._path_failures.has(_path(flow, identity), now)
        if self._is_home(flow.remote[0], identity, now):
            return self._guesses_at_home.has(identity.key, now)
        if not self._source_failures.has(source_group(flow.remote[0]), now):
            return False
        return self._guesses(identity).has(identity.key, now)

    def failed(self, flow: Flow, identity: Identity, now: float) -> None:
        """Count wrong credentials of `identity` that came by `flow`."""
        if self._is_home(flow.remote, identity, now):
            self._path_failures.take(_path(flow, identity), now)
        if self._is_home(flow.remote[0], identity, now):
            self._guesses_at_home.take(identity.key, now)
        else:
            self._source_failures.take(source_group(flow.remote[0]), now)
            self._guesses(identity).take(identity.key, now)

    def succeeded(self, flow: Flow, identity: Identity, now: float) -> None:
        """Remember for `trust_s` that `identity` is at home at the end of `flow`; also for stored bindings."""
        until = now + self._trust_s
        for place in (flow.remote, flow.remote[0]):
            key = (place, identity.key)
            self._homes.pop(key, None)
            if len(self._homes) >= MAX_HOMES:
                del self._homes[next(iter(self._homes))]
            self._homes[key] = until

    def _guesses(self, identity: Identity) -> Limiter:
        return self._guesses_at_users if identity.exists else self._guesses_at_nobody

    def _is_home(self, place: object, identity: Identity, now: float) -> bool:
        return self._homes.get((place, identity.key), 0.0) > now


def _path(flow: Flow, identity: Identity) -> str:
    return f"{flow.remote[0]} {flow.remote[1]} {identity.key}"
