# SPDX-License-Identifier: Apache-2.0
"""What the REST views of all rooms share: they work on rows of the caller's accounts.

A view names its permissions and the path from a row to its account; nothing here decides who may what, that is
`accounts.tenancy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from rest_framework import viewsets

from accounts.choices import Permission
from accounts.tenancy import access_of, account_id_of, scope


class TenantView:
    """Mixin of views over rows that belong to accounts."""

    account_path = "account"
    """Lookup from a row to its account; ``pk`` for accounts themselves."""
    shared_rows = False
    """Whether rows without an account are shown to everybody; platform admins alone change them."""
    read_permission: Permission = Permission.VIEW_CONFIG
    write_permission: Permission = Permission.CHANGE_CONFIG
    ordering_choices: Sequence[str] = ()
    """Columns without nulls to order by; the first, with its sign, is the default."""
    ordering_ties: Sequence[str] = ()
    """Columns without nulls that order rows which are alike there, before the primary key does."""
    lookup_value_regex = "[^/]{1,100}"

    request: Any

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows that the caller may read."""
        rows: QuerySet[Any] = super().get_queryset()  # type: ignore[misc]
        return scope(
            rows,
            access_of(self.request.user),
            self.account_path,
            permission=self.read_permission,
            shared=self.shared_rows,
        )

    def account_id_of(self, row: Any) -> Any:
        """Return the id of the account that a row belongs to; `accounts.api.permissions` asks for it."""
        return account_id_of(row, self.account_path)


class TenantViewSet(TenantView, viewsets.ModelViewSet[Any]):
    """List, read, create, change and delete rows of the caller's accounts."""

    http_method_names = ["get", "post", "patch", "delete", "head"]


class ReadOnlyTenantViewSet(TenantView, viewsets.ReadOnlyModelViewSet[Any]):
    """List and read rows of the caller's accounts."""

    http_method_names = ["get", "head"]
