# SPDX-License-Identifier: Apache-2.0
"""Which accounts a person or token reaches, and what it may do there. Admin, REST, live pages and exports ask here.

`Access` is the answer for one person; everything else reads it. It is read from the database once per user object,
so once per request. A long-lived connection must not keep a user object's answer: it asks `current_access` again
for every event, which costs one query a second at most. Invariant: a user object that came with a token answers for
the token, so that no caller can forget to narrow it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.contrib.auth import get_user_model
from django.db.models import Model, Q, QuerySet

from accounts.access import Membership
from accounts.choices import ROLE_PERMISSIONS, SCOPE_PERMISSIONS, Permission, Role, Scope

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    AnyUser = AbstractBaseUser | AnonymousUser

__all__ = [
    "NOBODY",
    "Access",
    "Permission",
    "Role",
    "Scope",
    "access_of",
    "account_id_of",
    "current_access",
    "may",
    "role_of",
    "scope",
    "tenant_ids",
    "tenant_ids_of",
]

ModelT = TypeVar("ModelT", bound=Model)
_ATTRIBUTE = "_switchboard_access"
_ALL = frozenset(Permission)
_MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What one person, or one token of a person, may do where."""

    platform: bool = False
    """Whether it reaches every account, and what belongs to none."""
    roles: Mapping[str, Role]
    """Account id → role; empty for a platform admin."""
    allowed: frozenset[Permission] = _ALL
    """What the scopes of a token leave; everything without a token."""

    @property
    def tenant_ids(self) -> frozenset[str] | None:
        """The ids of the accounts that are reached in any role; None means every account."""
        return None if self.platform else frozenset(self.roles)

    def role_in(self, account_id: object) -> Role | None:
        """Return the role in an account; a platform admin is an admin everywhere."""
        return Role.ADMIN if self.platform else self.roles.get(str(account_id))

    def may(self, permission: Permission, account_id: object = None) -> bool:
        """Return whether `permission` is given in an account; without one, in at least one account."""
        if permission not in self.allowed:
            return False
        if self.platform:
            return True
        roles = self.roles.values() if account_id is None else (self.roles.get(str(account_id)),)
        return any(role is not None and permission in ROLE_PERMISSIONS[role] for role in roles)

    def accounts_with(self, permission: Permission) -> frozenset[str] | None:
        """Return the ids of the accounts in which `permission` is given; None means every account."""
        if self.platform and permission in self.allowed:
            return None
        return frozenset(account for account in self.roles if self.may(permission, account))

    def narrowed(self, account_id: object, scopes: Iterable[str]) -> Access:
        """Return what is left of it for a token: in one account (None: in all of them), for some scopes."""
        given = (SCOPE_PERMISSIONS[Scope(name)] for name in scopes if name in Scope.values)
        allowed = self.allowed & frozenset().union(*given)
        if account_id is None:
            return replace(self, allowed=allowed)
        role = self.role_in(account_id)
        return Access(roles={str(account_id): role} if role else {}, allowed=allowed)


NOBODY = Access(roles={})


def access_of(user: AnyUser) -> Access:
    """Return what a user may do; asks the database once for each user object."""
    kept = getattr(user, _ATTRIBUTE, None)
    if kept is None:
        kept = _read(user)
        attach(user, kept)
    return cast("Access", kept)


def attach(user: AnyUser, access: Access) -> None:
    """Make `access` the answer for this user object, as the verification of a token does."""
    setattr(user, _ATTRIBUTE, access)


def access_from(user: AnyUser, memberships: Iterable[tuple[Any, str]]) -> Access:
    """Return what a user with these memberships (account id, role) may do."""
    if not user.is_authenticated or not user.is_active:
        return NOBODY
    if getattr(user, "is_superuser", False):
        return Access(platform=True, roles={})
    return Access(roles={str(account): Role(role) for account, role in memberships if role in Role.values})


def tenant_ids(user: AnyUser) -> frozenset[str] | None:
    """Return the ids of the accounts that a user reaches; None means every account."""
    return access_of(user).tenant_ids


def tenant_ids_of(request: Any) -> frozenset[str] | None:
    """Return the ids of the accounts that a request reaches, by its login or token; None means every account."""
    return tenant_ids(request.user)


def role_of(user: AnyUser, account_id: object) -> Role | None:
    """Return the role of a user in an account, None when it has none."""
    return access_of(user).role_in(account_id)


def may(user: AnyUser, permission: Permission, account_id: object = None) -> bool:
    """Return whether a user may do something in an account; without one, in at least one account."""
    return access_of(user).may(permission, account_id)


def scope(
    queryset: QuerySet[ModelT],
    user: AnyUser | Access,
    path: str = "account",
    *,
    permission: Permission | None = None,
    shared: bool = False,
) -> QuerySet[ModelT]:
    """Return the rows that a user reaches.

    Args:
        queryset: rows of any model.
        user: a user, or what it may do.
        path: lookup from a row to its account; ``pk`` for accounts themselves.
        permission: only accounts in which it is given; None: every account of the user.
        shared: also rows that belong to no account, for whoever reaches at least one.
    """
    access = user if isinstance(user, Access) else access_of(user)
    reached = access.tenant_ids if permission is None else access.accounts_with(permission)
    if reached is None:
        return queryset
    if not reached:
        return queryset.none()
    wanted = Q(**{f"{path}__in": reached})
    if shared:
        wanted |= Q(**{f"{path}__isnull": True})
    return queryset.filter(wanted)


def account_id_of(row: Any, path: str = "account") -> Any:
    """Return the id of the account that a row belongs to, by the path of `scope`; None: it belongs to none."""
    *steps, last = path.split("__")
    for step in steps:
        row = getattr(row, step)
        if row is None:
            return None
    return row.pk if last == "pk" else getattr(row, f"{last}_id")


def current_access(user_id: int, max_age_s: float = 1.0) -> Access:
    """Return what a login may do now, for connections that outlive a request.

    Args:
        user_id: of the login; one that is gone or not active may do nothing.
        max_age_s: how old the answer may be.
    """
    now = time.monotonic()
    kept = _recent.get(user_id)
    if kept is not None and now - kept[0] <= max_age_s:
        return kept[1]
    user = get_user_model().objects.filter(pk=user_id).first()
    access = NOBODY if user is None else _read(user)
    if len(_recent) >= _MAX_KEPT:
        _recent.clear()
    _recent[user_id] = (now, access)
    return access


def forget(**_: object) -> None:
    """Drop the answers of `current_access`; a receiver of signals of what they depend on."""
    _recent.clear()


_recent: dict[int, tuple[float, Access]] = {}


def _read(user: AnyUser) -> Access:
    if not user.is_authenticated or not user.is_active or getattr(user, "is_superuser", False):
        return access_from(user, ())
    return access_from(user, Membership.objects.filter(user=user.pk).values_list("account_id", "role"))
