# SPDX-License-Identifier: Apache-2.0
"""Filters of REST lists, which refuse what they do not know: a misspelt filter must not match everything."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts.lookup import account_called
from accounts.models import Account
from accounts.tenancy import access_of, scope

NO_SUCH_ACCOUNT = "There is no such account, or not for you; GET /me lists yours."
PAGING = ("limit", "cursor", "ordering")


class TrueOrFalseField(forms.Field):
    """``true`` or ``false``; any other word is refused, where Django's own field takes it for no answer."""

    def to_python(self, value: Any) -> bool | None:
        """Return the value; None when the parameter is absent.

        Raises:
            ValidationError: it is neither.
        """
        if value is None:
            return None
        if value not in ("true", "false"):
            raise forms.ValidationError("Must be true or false.")
        return bool(value == "true")


class BooleanFilter(filters.BooleanFilter):  # type: ignore[misc]
    """A strict boolean filter."""

    field_class = TrueOrFalseField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"widget": forms.TextInput, **kwargs})


class ByAccount(filters.CharFilter):  # type: ignore[misc]
    """The rows of one account, by its id or domain; one that the caller does not reach does not exist."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"field_name": "account_id", "label": "Id or domain of the account.", **kwargs})

    def filter(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return the rows.

        Raises:
            ValidationError: there is no such account, or not for the caller.
        """
        if not value:
            return queryset
        reached = scope(Account.objects.all(), access_of(self.parent.request.user), "pk")
        account = reached.filter(account_called(value)).first()
        if account is None:
            raise ValidationError({"account": [NO_SUCH_ACCOUNT]})
        return queryset.filter(**{self.field_name: account.pk})


class StrictFilterBackend(filters.DjangoFilterBackend):  # type: ignore[misc]
    """django-filter that answers 400 to a parameter it does not know."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the rows that meet the filters.

        Raises:
            ValidationError: a parameter is unknown or its value not accepted.
        """
        filterset: filters.FilterSet | None = self.get_filterset(request, queryset, view)
        known = (*(filterset.filters if filterset else ()), *PAGING)
        check_parameters(request, known)
        return super().filter_queryset(request, queryset, view)  # type: ignore[no-any-return]


def check_parameters(request: Request, known: Sequence[str]) -> None:
    """Refuse query parameters that a view does not know, and empty ones: neither may match everything.

    Raises:
        ValidationError: there is one; it says which is probably meant.
    """
    problems: dict[str, list[str]] = {}
    for name, value in request.query_params.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            problems[name[:100]] = [
                f"Unknown parameter; is {near[0]} meant?" if near else "Unknown parameter."
            ]
        elif not value:
            problems[name] = ["Must not be empty; leave it out to ask for nothing."]
    if problems:
        raise ValidationError(problems)
