# SPDX-License-Identifier: Apache-2.0
"""The scopes of a dialplan document that a person reaches: one account, or every account."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.http import HttpRequest

from accounts.choices import Permission
from accounts.models import Account
from accounts.tenancy import access_of, scope

SHARED: Final = "shared"


class ScopeField(forms.ChoiceField):
    """Chooses an account, or the routes of every account; cleans to the account or None."""

    def __init__(self, request: HttpRequest, permission: Permission, *, shared: bool, **kwargs: Any) -> None:
        access = access_of(request.user)
        rows = scope(Account.objects.order_by("-enabled", "name"), access, "pk", permission=permission)
        self.accounts = {str(account.pk): account for account in rows}
        choices = [(key, f"{account.name} – {account.domain}") for key, account in self.accounts.items()]
        if shared:
            choices.append((SHARED, "Routes of every account"))
        kwargs.setdefault("initial", choices[0][0] if choices else "")
        super().__init__(choices=choices, **kwargs)

    def clean(self, value: Any) -> Account | None:
        """Return the account; None for the routes of every account.

        Raises:
            ValidationError: the person does not reach it.
        """
        return self.accounts.get(super().clean(value))


def may_share(request: HttpRequest) -> bool:
    """Tell whether somebody may change the routes of every account."""
    return access_of(request.user).may(Permission.PLATFORM)
