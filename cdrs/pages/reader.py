# SPDX-License-Identifier: Apache-2.0
"""Who looks at a page of calls: the accounts whose calls may be seen, and what they are called."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.choices import Permission
from accounts.models import Account
from accounts.tenancy import access_of
from cdrs.models import CDR
from cdrs.search import Search

MAX_CHOICES: Final = 500
"""Most accounts offered in a list; a link may name any other."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A person in front of a page of calls."""

    accounts: frozenset[str] | None
    """Ids of the accounts whose calls may be seen; None for all calls."""
    listened: frozenset[str] | None = frozenset()
    """Ids of the accounts whose recordings may be listened to; None for all."""

    @classmethod
    def of(cls, request: HttpRequest) -> Reader:
        """Return who sent a request."""
        access = access_of(request.user)
        return cls(access.accounts_with(Permission.VIEW_CDRS), access.accounts_with(Permission.LISTEN))

    @property
    def listens(self) -> bool:
        """Whether some call's recording may be listened to."""
        return self.listened is None or bool(self.listened)

    def accounts_for(self, search: Search) -> frozenset[str] | None:
        """Return the ids of the accounts in which may be looked for that; None for all calls."""
        return self.accounts if search.recorded is None else self.listened

    @property
    def has_several(self) -> bool:
        """Whether calls of more than one account may be on a page."""
        return self.accounts is None or len(self.accounts) > 1

    def choices(self, chosen: str = "") -> list[tuple[str, str]]:
        """Return id and name of the accounts to choose from, the chosen one in any case."""
        if not self.has_several:
            return []
        found = [(str(pk), name) for pk, name in self._named().order_by("name")[:MAX_CHOICES]]
        missing = chosen and chosen not in dict(found) and len(found) == MAX_CHOICES
        return found + [(str(pk), name) for pk, name in self._named(chosen)] if missing else found

    def names(self, calls: Iterable[CDR]) -> dict[uuid.UUID, str]:
        """Return the names of the accounts of some calls, nothing when there is only one to name."""
        ids = {call.account_id for call in calls if call.account_id} if self.has_several else set()
        return dict(Account.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}

    def _named(self, chosen: str = "") -> QuerySet[Account, tuple[uuid.UUID, str]]:
        accounts = Account.objects.values_list("pk", "name")
        if self.accounts is not None:
            accounts = accounts.filter(Q(pk__in=self.accounts))
        return accounts.filter(Q(pk=_uuid(chosen))) if chosen else accounts


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
