# SPDX-License-Identifier: Apache-2.0
"""Who is served: request rates per source, and failed authentications per source and per user.

Pure: time is an argument, nothing is sent or read. The caller asks `admit` before it parses a message and `may_try`
before it checks credentials, and reports the outcome. A path (address and port) that keeps sending what is refused
without a check, or never answers a challenge, is shut in: all but a trickle of what it sends is dropped unread, and
so is all from its address when many paths of it do. Responses, and phones that have authenticated, always pass.

Invariants: bounded memory whatever is sent; nothing answered depends on whether a user exists; nobody is locked out
by others who guess: a phone that has authenticated goes on from its own path, and its user from the same address,
whatever strangers do.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

from signaling.limiter import Limiter
from signaling.sip.flow import Flow
from signaling.transport.addresses import source_group

K = TypeVar("K")

DAY_S = 86400.0

MAX_SOURCES = 50_000
MAX_UNKNOWN_IDENTITIES = 50_000
MAX_USERS = 1_000_000
MAX_HOMES = 300_000

SHUT_IN_S = 0.5
"""How long a path or address stays shut in after its last offence. Its allowance is used up then, so that the next
offence shuts it in again: a flood is let in no faster than the allowance comes back."""
TRICKLE_PER_S = 10
"""Messages a second read from a path or address that is shut in: enough for a phone there to authenticate."""

_RESPONSE = b"SIP/2.0 "


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
    refusals_per_path: int = 200
    """Challenges left unanswered and requests refused without a check, by one path at once; a tenth comes back each
    second. As many phones may restart at once behind one path, a proxy for example."""
    refusals_per_address: int = 2000
    """The same for an address with all its ports; a fortieth comes back each second."""
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

    def failed(self, flow: Flow, identity: Identity, now: float) -> None:
        """Count wrong credentials."""

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
        # Nine tenths at once and the rest over the day: never more than the whole within any 24 hours, and an owner
        # who is nowhere at home waits minutes and not a day after an attack has ended.
        guesses = config.password_guesses_per_day
        later = max(1, guesses // 10)
        at_once, per_s = max(1, guesses - later), later / DAY_S
        self._guesses_at_users = limiter("guesses", burst=at_once, per_s=per_s, max_keys=MAX_USERS)
        self._guesses_at_nobody = Limiter(burst=at_once, per_s=per_s, max_keys=MAX_UNKNOWN_IDENTITIES)
        self._guesses_at_home = Limiter(burst=at_once, per_s=per_s, max_keys=MAX_USERS)
        path, address = config.refusals_per_path, config.refusals_per_address
        self._path_refusals = Limiter(burst=path, per_s=path / 10, max_keys=MAX_SOURCES)
        self._address_refusals = Limiter(burst=address, per_s=address / 40, max_keys=MAX_SOURCES)
        self._trickle = Limiter(burst=TRICKLE_PER_S, per_s=TRICKLE_PER_S, max_keys=MAX_SOURCES)
        self._homes: dict[tuple[Hashable, str], float] = {}
        self._home_paths: dict[tuple[str, int], float] = {}
        self._shut_in: dict[Hashable, float] = {}

    def admit(self, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a new message is looked at at all; counts it. Costs about a microsecond."""
        source = source_group(flow.remote[0])
        if not self._requests.take(source, now):
            return False
        shut_in = self._shut_in
        if not shut_in:
            return True
        oldest = next(iter(shut_in))
        if shut_in[oldest] <= now:
            del shut_in[oldest]
        for place in (flow.remote, source):
            if shut_in.get(place, 0.0) > now and not self._passes(place, data, flow, now):
                return False
        return True

    def _passes(self, place: Hashable, data: bytes, flow: Flow, now: float) -> bool:
        """Whether a message is read although its path or address is shut in."""
        return (
            data.startswith(_RESPONSE)
            or self._home_paths.get(flow.remote, 0.0) > now
            or self._trickle.take(place, now)
        )

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
        self._offend(flow, now)
        if identity.exists and self.on_refused is not None:
            self.on_refused(flow.remote[0], identity)
        return False

    def at_home(self, ip: str, identity: Identity, now: float) -> None:
        """Remember that `identity` is at home at an address, as another node knows it."""
        _remember(self._homes, (ip, identity.key), now, self._trust_s, MAX_HOMES)

    def challenged(self, flow: Flow, now: float) -> None:
        """Count a challenge to a request without credentials; success gives it back."""
        self._offend(flow, now)

    def failed(self, flow: Flow, identity: Identity, now: float) -> None:
        """Count wrong credentials of `identity` that came by `flow`; the challenge they answer counts no more."""
        self._forgive(flow)
        if self._is_home(flow.remote, identity, now):
            self._path_failures.take(_path(flow, identity), now)
        if self._is_home(flow.remote[0], identity, now):
            self._guesses_at_home.take(identity.key, now)
        else:
            self._source_failures.take(source_group(flow.remote[0]), now)
            self._guesses(identity).take(identity.key, now)

    def succeeded(self, flow: Flow, identity: Identity, now: float) -> None:
        """Remember for `trust_s` that `identity` is at home at the end of `flow`; also for stored bindings."""
        for place in (flow.remote, flow.remote[0]):
            _remember(self._homes, (place, identity.key), now, self._trust_s, MAX_HOMES)
        _remember(self._home_paths, flow.remote, now, self._trust_s, MAX_HOMES)
        self._forgive(flow)

    def _forgive(self, flow: Flow) -> None:
        self._path_refusals.give_back(flow.remote)
        self._address_refusals.give_back(source_group(flow.remote[0]))

    def _offend(self, flow: Flow, now: float) -> None:
        source = source_group(flow.remote[0])
        if not self._path_refusals.take(flow.remote, now):
            _remember(self._shut_in, flow.remote, now, SHUT_IN_S, MAX_SOURCES)
        if not self._address_refusals.take(source, now):
            _remember(self._shut_in, source, now, SHUT_IN_S, MAX_SOURCES)

    def _guesses(self, identity: Identity) -> Limiter:
        return self._guesses_at_users if identity.exists else self._guesses_at_nobody

    def _is_home(self, place: Hashable, identity: Identity, now: float) -> bool:
        return self._homes.get((place, identity.key), 0.0) > now


def _remember(table: dict[K, float], key: K, now: float, time_s: float, limit: int) -> None:
    """Set `key` for a time that is always the same for this table, whose first entries so are the oldest."""
    table.pop(key, None)
    for _ in range(2):
        oldest = next(iter(table), None)
        if oldest is not None and (table[oldest] <= now or len(table) >= limit):
            del table[oldest]
    table[key] = now + time_s


def _path(flow: Flow, identity: Identity) -> str:
    return f"{flow.remote[0]} {flow.remote[1]} {identity.key}"
