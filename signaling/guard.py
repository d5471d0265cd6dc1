# SPDX-License-Identifier: Apache-2.0
"""Who is served: request rates per source, and failed authentications per source and per user.

Pure: time is an argument, nothing is sent or read. The caller asks `admit` before it parses a message and `may_try`
before it checks credentials, and reports the outcome. What is read of those who never show credentials is bounded by
`strangers`. Responses that are waited for, and phones that have authenticated, always pass.

Invariants: bounded memory whatever is sent; nothing answered depends on whether a user exists; nobody is locked out
by others who guess: a phone that has authenticated goes on from its own path, and its user from the same address,
whatever strangers do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from signaling.limiter import Limiter
from signaling.sip.flow import Flow
from signaling.strangers import MAX_SOURCES, StrangerConfig, Strangers, remember
from signaling.transport.addresses import source_group

DAY_S = 86400.0

MAX_UNKNOWN_IDENTITIES = 50_000
MAX_USERS = 1_000_000
MAX_HOMES = 300_000


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
    """Wrong passwords within any 24 hours for one user: seven tenths from anywhere, the rest from the addresses that
    it is at home at, which are not lost to it when strangers have used up theirs."""
    strangers: StrangerConfig = field(default_factory=StrangerConfig)
    """How much is read of those who never show credentials."""
    trust_s: float = 7200.0
    """How long a user is at home where it authenticated: longer than the longest registration."""


class Guard(Protocol):
    """What the node and the authenticator ask; one process keeps it in memory, several may share one."""

    def admit(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a new message is looked at at all; counts it."""

    def may_try(self, flow: Flow, identity: Identity, now: float) -> bool:
        """Whether credentials of `identity` that came by `flow` are checked."""

    def challenged(self, flow: Flow, now: float) -> None:
        """Count a challenge to a request without credentials."""

    def stray(self, flow: Flow, now: float) -> None:
        """Count a message that was answered or dropped without credentials."""

    def failed(self, flow: Flow, identity: Identity, now: float, *, proven: bool = False) -> None:
        """Count wrong credentials; `proven` ones answer a challenge that was sent to where they came from."""

    def succeeded(self, flow: Flow, identity: Identity, now: float) -> None:
        """Remember that `identity` is at home at the end of `flow`."""


MakeLimiter = Callable[..., Limiter]
"""Makes the limiter called by its first argument; the others are those of `Limiter`."""


def own_limiter(name: str, **numbers: Any) -> Limiter:
    """Return a limiter that holds on this node alone."""
    return Limiter(**numbers)


class MemoryGuard:
    """The guard of one process.

    Args:
        config: the numbers.
        limiter: makes the limiters that other nodes hold as well: ``requests``, ``failures``, ``guesses``.
    """

    def __init__(self, config: GuardConfig, limiter: MakeLimiter = own_limiter) -> None:
        self._trust_s = config.trust_s
        self.on_refused: Callable[[str, Identity], None] | None = None
        """Called when a user is refused unchecked, with the address: another node may know it as its home."""
        per_second = config.requests_per_second_per_source
        self._requests = limiter("requests", burst=per_second, per_s=per_second, max_keys=MAX_SOURCES)
        failures = config.auth_failures_per_minute
        self._source_failures = limiter("failures", burst=failures, per_s=failures / 60, max_keys=MAX_SOURCES)
        self._path_failures = Limiter(burst=failures, per_s=failures / 60, max_keys=MAX_SOURCES)
        at_home = max(1, config.password_guesses_per_day * 3 // 10)
        elsewhere = _over_a_day(config.password_guesses_per_day - at_home)
        self._guesses_at_users = limiter("guesses", **elsewhere, max_keys=MAX_USERS)
        self._guesses_at_nobody = Limiter(**elsewhere, max_keys=MAX_UNKNOWN_IDENTITIES)
        self._guesses_at_home = Limiter(**_over_a_day(at_home), max_keys=MAX_USERS)
        self.strangers = Strangers(config.strangers)
        self._homes: dict[tuple[Hashable, str], float] = {}

    def admit(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a new message is looked at at all; counts it. Costs about a microsecond."""
        source = source_group(flow.remote[0])
        return self._requests.take(source, now) and self.strangers.reads(data, flow, source, now)

    def may_try(self, flow: Flow, identity: Identity, now: float) -> bool:
        """Whether credentials of `identity` that came by `flow` are checked.

        By the very path that the user authenticated on before, only failures on that path count; from the same
        address, only guesses made from there; from elsewhere, the address's failures and everybody's guesses.
        """
        if self._is_home(flow.remote, identity, now):
            return self._path_failures.has(_path(flow, identity), now)
        if self._is_home(flow.remote[0], identity, now):
            return self._guesses_at_home.has(identity.key, now)
        source = source_group(flow.remote[0])
        if self._source_failures.has(source, now) and self._guesses(identity).has(identity.key, now):
            return True
        self.strangers.offend(flow, source, now)
        if identity.exists and self.on_refused is not None:
            self.on_refused(flow.remote[0], identity)
        return False

    def at_home(self, ip: str, identity: Identity, now: float) -> None:
        """Remember that `identity` is at home at an address, as another node knows it."""
        remember(self._homes, (ip, identity.key), now, self._trust_s, MAX_HOMES)

    def challenged(self, flow: Flow, now: float) -> None:
        """Count a challenge to a request without credentials; success gives it back."""
        self.strangers.offend(flow, source_group(flow.remote[0]), now)

    def stray(self, flow: Flow, now: float) -> None:
        """Count a message that was answered or dropped without credentials, and that nobody waited for."""
        self.strangers.stray(flow, source_group(flow.remote[0]), now)

    def failed(self, flow: Flow, identity: Identity, now: float, *, proven: bool = False) -> None:
        """Count wrong credentials of `identity` that came by `flow`; the challenge they answer counts no more."""
        source = source_group(flow.remote[0])
        self.strangers.forgive(flow, source, now)
        if self._is_home(flow.remote, identity, now):
            self._path_failures.take(_path(flow, identity), now)
        if self._is_home(flow.remote[0], identity, now):
            self._guesses_at_home.take(identity.key, now)
        else:
            self._source_failures.take(source, now)
            self._guesses(identity).take(identity.key, now)

    def succeeded(self, flow: Flow, identity: Identity, now: float) -> None:
        """Remember for `trust_s` that `identity` is at home at the end of `flow`; also for stored bindings."""
        for place in (flow.remote, flow.remote[0]):
            remember(self._homes, (place, identity.key), now, self._trust_s, MAX_HOMES)
        source = source_group(flow.remote[0])
        self.strangers.forgive(flow, source, now)
        self.strangers.trust(flow, source, now, self._trust_s)

    def answered(self, flow: Flow, now: float) -> None:
        """Remember that a call was answered at the end of `flow`: who is called there need not have authenticated."""
        self.strangers.trust(flow, source_group(flow.remote[0]), now, self._trust_s)

    def trusts(self, ip: str, now: float) -> bool:
        """Whether somebody at an address has authenticated, or answered a call there, not long ago."""
        return self.strangers.trusts(source_group(ip), now)

    def tidy(self, now: float) -> None:
        """Give back the memory that a flood has left; call it once in a while."""
        self.strangers.tidy(now)
        for limiter in (self._requests, self._source_failures, self._path_failures):
            limiter.tidy(now)

    def _guesses(self, identity: Identity) -> Limiter:
        return self._guesses_at_users if identity.exists else self._guesses_at_nobody

    def _is_home(self, place: Hashable, identity: Identity, now: float) -> bool:
        return self._homes.get((place, identity.key), 0.0) > now


def _over_a_day(most: int) -> dict[str, float]:
    """Return the numbers of a limiter that lets at most ``most`` pass within any 24 hours.

    Nine tenths at once and the rest over the day, so that an owner who is nowhere at home waits minutes and not a
    day after an attack has ended.
    """
    later = max(1, most // 10)
    return {"burst": max(1, most - later), "per_s": later / DAY_S}


def _path(flow: Flow, identity: Identity) -> str:
    return f"{flow.remote[0]} {flow.remote[1]} {identity.key}"
