# SPDX-License-Identifier: Apache-2.0
"""The people of every tenancy test: who they are to the accounts Alpha and Beta, and what each may do there.

Alice is admin, Bob operator and Vera read-only in Alpha; Charlie is admin in Beta; Nobody logs in and belongs to
no account; Root is platform admin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User as Login

from accounts.access import ApiToken, Membership
from accounts.choices import Permission, Role, Scope
from accounts.models import Account
from accounts.tests.factories import make_account
from accounts.tokens import issue

MEMBERS: Final[Mapping[str, tuple[str, Role]]] = {
    "alice": ("alpha", Role.ADMIN),
    "bob": ("alpha", Role.OPERATOR),
    "vera": ("alpha", Role.VIEWER),
    "charlie": ("beta", Role.ADMIN),
}
NAMES: Final = (*MEMBERS, "nobody", "root")

LIVE: Final = frozenset({Permission.VIEW_LIVE, Permission.VIEW_CDRS})
MAY: Final[Mapping[str, frozenset[Permission]]] = {
    "alice": frozenset(Permission) - {Permission.PLATFORM},
    "bob": LIVE | {Permission.HANG_UP, Permission.RECORD, Permission.LISTEN},
    "vera": LIVE | {Permission.VIEW_CONFIG},
    "charlie": frozenset(Permission) - {Permission.PLATFORM},
    "nobody": frozenset(),
    "root": frozenset(Permission),
}
"""What each may do in an account of theirs, said once more here, so that a change of the policy shows in tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Two accounts and the logins around them."""

    alpha: Account
    beta: Account
    logins: Mapping[str, Login]

    def __getitem__(self, name: str) -> Login:
        """Return a login as a fresh object, so that no answer of an earlier question sticks to it."""
        return Login.objects.get(username=name)

    def account_of(self, name: str) -> Account | None:
        """Return the account that somebody is a member of."""
        member = MEMBERS.get(name)
        return None if member is None else {"alpha": self.alpha, "beta": self.beta}[member[0]]

    def token(self, name: str, *scopes: Scope, account: Account | None = None) -> str:
        """Return a new token of somebody, with every scope when none is named."""
        return self.token_row(name, *scopes, account=account)[1]

    def token_row(self, name: str, *scopes: Scope, account: Account | None = None) -> tuple[ApiToken, str]:
        """Return a new token as row and text."""
        return issue(self[name], name=f"test of {name}", scopes=scopes or tuple(Scope), account=account)


def make_people() -> People:
    """Return both accounts and all logins, stored."""
    alpha, beta = make_account("alpha.example"), make_account("beta.example")
    accounts = {"alpha": alpha, "beta": beta}
    logins = {}
    for name in NAMES:
        logins[name] = Login.objects.create(username=name, is_staff=True, is_superuser=name == "root")
        if name in MEMBERS:
            account, role = MEMBERS[name]
            Membership.objects.create(user=logins[name], account=accounts[account], role=role)
    return People(alpha=alpha, beta=beta, logins=logins)
