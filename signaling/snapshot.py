# SPDX-License-Identifier: Apache-2.0
"""One state of the configuration, indexed for look-ups; never changed, only replaced.

Invariant: building it may take long and happens in a thread; reading it is a dictionary access.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from dialplan.engine import Dialplan, DialplanError, Route, compile_route, parse_route
from signaling.configuration import AccountInfo, PromptRow, RouteRow, UserInfo

logger = logging.getLogger(__name__)


class Snapshot:
    """Accounts, users and routes with their indexes. Build it with `empty` and `replace`."""

    __slots__ = (
        "_dialplans",
        "_routes",
        "accounts",
        "by_domain",
        "by_extension",
        "by_username",
        "default_account",
        "default_domain",
        "prompts",
        "users",
    )

    def __init__(self) -> None:
        self.default_domain = ""
        self.accounts: dict[str, AccountInfo] = {}
        self.by_domain: dict[str, AccountInfo] = {}
        self.default_account: AccountInfo | None = None
        self.users: dict[str, UserInfo] = {}
        self.by_username: dict[tuple[str, str], UserInfo] = {}
        self.by_extension: dict[tuple[str, str], UserInfo] = {}
        self.prompts: dict[tuple[str | None, str], str] = {}
        self._routes: Mapping[str | None, list[Route]] = {}
        self._dialplans: dict[str, Dialplan] = {}

    @classmethod
    def empty(cls, default_domain: str) -> Snapshot:
        """Return a snapshot with nothing in it."""
        snapshot = cls()
        snapshot.default_domain = default_domain
        return snapshot

    def replace(
        self,
        *,
        accounts: Sequence[AccountInfo] | None = None,
        users: Sequence[UserInfo] | None = None,
        routes: Sequence[RouteRow] | None = None,
        prompts: Sequence[PromptRow] | None = None,
    ) -> Snapshot:
        """Return a snapshot with the given topics replaced; the others are shared with this one."""
        new = Snapshot.empty(self.default_domain)
        new._take_accounts(list(self.accounts.values()) if accounts is None else accounts)
        if users is None:
            new.users, new.by_username, new.by_extension = self.users, self.by_username, self.by_extension
        else:
            new.users = {user.id: user for user in users}
            new.by_username = {(user.account_id, user.username): user for user in users}
            new.by_extension = {(user.account_id, user.extension): user for user in users}
        if prompts is None:
            new.prompts = self.prompts
        else:
            new.prompts = {(prompt.account_id, prompt.name): prompt.reference for prompt in prompts}
        if routes is None:
            new._routes, new._dialplans = self._routes, self._dialplans
        else:
            new._routes = _compile(routes)
        return new

    def dialplan(self, account_id: str) -> Dialplan:
        """Return the dialplan of an account; compiled at the first call."""
        dialplan = self._dialplans.get(account_id)
        if dialplan is None:
            dialplan = Dialplan([*self._routes.get(account_id, ()), *self._routes.get(None, ())])
            if account_id in self.accounts:
                self._dialplans[account_id] = dialplan
        return dialplan

    def _take_accounts(self, accounts: Sequence[AccountInfo]) -> None:
        """Index the accounts; without one of the default domain the oldest serves unknown hosts."""
        self.accounts = {account.id: account for account in accounts}
        self.by_domain = {account.domain: account for account in accounts}
        self.default_account = self.by_domain.get(self.default_domain) or next(iter(accounts), None)


def _compile(rows: Sequence[RouteRow]) -> Mapping[str | None, list[Route]]:
    """Return the routes by account; one that cannot be compiled is logged and left out."""
    routes: defaultdict[str | None, list[Route]] = defaultdict(list)
    for row in rows:
        try:
            document = parse_route(row.document)
        except DialplanError as error:
            logger.error("Route %s is skipped: %s", row.id, "; ".join(map(str, error.errors)))
            continue
        routes[row.account_id].append(compile_route(document, shared=row.account_id is None))
    return dict(routes)
