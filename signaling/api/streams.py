# SPDX-License-Identifier: Apache-2.0
"""A reader of the event stream, whatever carries it: what it wants, what it may see, what it gets.

Invariant: no event is handed out but to somebody who may see its account at that moment, within `RECHECK_S`.
"""

from __future__ import annotations

import contextlib
import difflib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from channels.db import database_sync_to_async
from django.db import DatabaseError

from accounts.choices import Permission
from accounts.tenancy import NOBODY, Access
from accounts.tokens import TokenRefused
from signaling.api.filters import NO_SUCH_ACCOUNT
from signaling.api.runtime import Runtime
from signaling.live.commands import CommandRefused
from signaling.live.mirror import GAP, Tenants
from signaling.live.subscription import Dropped, EventDict
from switchboard.events import CATALOGUE

RECHECK_S = 1.0
"""How old the answer to "may it see this?" may be. Tokens are verified anew each time; see `accounts.tokens`."""
KEEP_ALIVE_S = 15.0
"""Longest silence of a stream: something is sent then, so that both ends notice a broken connection."""
PARAMETERS = ("types", "account", "last_event_id")
MAX_PATTERNS = 50
MAX_ID_CHARS = 64

AskAccess = Callable[[], Access]
"""Says what a reader may do; may ask the database, and raises `TokenRefused` when it may do nothing any more."""


class BadWish(ValueError):
    """What a reader wants cannot be understood: (parameter, what is wrong)."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(problem)
        self.parameter = parameter
        self.problem = problem


class TooManyStreams(Exception):
    """This node serves as many readers as it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a reader wants."""

    patterns: tuple[str, ...] = ()
    """Event types, with ``*`` for any text; none: all."""
    accounts: Tenants = None
    """Accounts to narrow to; None: all that may be seen."""
    last_id: str = ""
    """The last event that it got."""

    def wants(self, event: EventDict) -> bool:
        """Whether an event is wanted; a notice about the stream itself always is."""
        event_type = event["event_type"]
        if event_type == GAP:
            return True
        if self.patterns and not any(fnmatchcase(event_type, pattern) for pattern in self.patterns):
            return False
        return self.accounts is None or event["tenant_id"] in self.accounts


def read_wish(parameters: Mapping[str, str], last_id: str, find: Callable[[str], str | None]) -> Wish:
    """Return what query parameters ask for.

    Args:
        parameters: ``types`` (comma-separated), ``account``, ``last_event_id``.
        last_id: of the Last-Event-ID header; it wins over the parameter.
        find: returns the id of the account of an id or domain, None when it may not be seen or is not there; may ask
            the database.

    Raises:
        BadWish: a parameter is unknown, or cannot be understood.
    """
    for name, value in parameters.items():
        if name not in PARAMETERS:
            near = difflib.get_close_matches(name, PARAMETERS, n=1)
            raise BadWish(
                name[:100], f"Unknown parameter; is {near[0]} meant?" if near else "Unknown parameter."
            )
        if not value:
            raise BadWish(name, "Must not be empty; leave it out to ask for nothing.")
    patterns = tuple(
        part for part in (text.strip() for text in parameters.get("types", "").split(",")) if part
    )
    if len(patterns) > MAX_PATTERNS:
        raise BadWish("types", f"Use at most {MAX_PATTERNS}.")
    for pattern in patterns:
        if "[" in pattern or not any(fnmatchcase(name, pattern) for name in CATALOGUE):
            raise BadWish("types", f"No event is called {pattern[:100]}.")
    resume = last_id or parameters.get("last_event_id", "")
    if len(resume) > MAX_ID_CHARS:
        raise BadWish("last_event_id", "This is the id of no event.")
    account = parameters.get("account", "")
    account_id = find(account) if account else None
    if account and account_id is None:
        raise BadWish("account", NO_SUCH_ACCOUNT)
    accounts = None if account_id is None else frozenset({account_id})
    return Wish(patterns=patterns, accounts=accounts, last_id=resume)


class EventStream:
    """One reader.

    Args:
        runtime: where events come from.
        wish: what it wants.
        ask_access: what it may do, asked again and again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        runtime: Runtime,
        wish: Wish,
        ask_access: AskAccess,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._wish = wish
        self._ask_access = ask_access
        self._clock = clock
        self._access = NOBODY
        self._asked_at = float("-inf")

    async def events(self) -> AsyncIterator[EventDict | None]:
        """Yield its events; None when there was none for `KEEP_ALIVE_S`.

        Raises:
            Dropped: it is too slow, or may see nothing any more.
            TooManyStreams: before the first event.
        """
        runtime = self._runtime
        if len(runtime.streams) >= runtime.max_streams:
            raise TooManyStreams
        runtime.streams.add(self)
        subscription = None
        try:
            await self._check_access()
            await self._wake()
            subscription = runtime.mirror.subscribe(self.accepts, self._wish.last_id, runtime.max_queued)
            while True:
                event = await subscription.next(KEEP_ALIVE_S)
                await self._check_access()
                if event is None or self.accepts(event):
                    yield event
        finally:
            runtime.streams.discard(self)
            if subscription is not None:
                runtime.mirror.unsubscribe(subscription)

    def accepts(self, event: EventDict) -> bool:
        """Whether the reader wants an event and may see it."""
        return self._wish.wants(event) and self._may_see(event)

    def _may_see(self, event: EventDict) -> bool:
        if event["event_type"] == GAP:
            return True
        tenant_id = event["tenant_id"]
        if tenant_id is None:
            return self._access.accounts_with(Permission.VIEW_LIVE) is None
        return self._access.may(Permission.VIEW_LIVE, tenant_id)

    async def _wake(self) -> None:
        if self._runtime.watch is not None:
            # Without the SIP process there is a stream all the same: its events begin when that is back.
            with contextlib.suppress(CommandRefused):
                await self._runtime.watch.wake()

    async def _check_access(self) -> None:
        now = self._clock()
        if now - self._asked_at < RECHECK_S:
            return
        try:
            # Gives the connection to the database back at once: a stream lives long and asks seldom.
            access = await database_sync_to_async(self._ask_access)()
        except TokenRefused as error:
            raise Dropped(str(error)) from error
        except DatabaseError:
            access = self._access
        if not access.may(Permission.VIEW_LIVE):
            raise Dropped("You may not see live events any more.")
        self._access, self._asked_at = access, now
