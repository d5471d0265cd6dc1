# SPDX-License-Identifier: Apache-2.0
"""Filters of the lists of accounts, SIP users and tokens."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from accounts.models import Account, ApiToken, User
from switchboard.api_filters import BooleanFilter, ByAccount

MAX_TEXT = 200


class SearchFilter(filters.FilterSet):  # type: ignore[misc]
    """Adds ``q``: rows in which one of ``searched`` holds the text."""

    searched: tuple[str, ...] = ()
    q = filters.CharFilter(method="search", max_length=MAX_TEXT, label="Text to look for.")

    def search(self, queryset: QuerySet[Any], name: str, text: str) -> QuerySet[Any]:
        """Return the rows that hold the text."""
        found = Q()
        for column in self.searched:
            found |= Q(**{f"{column}__icontains": text})
        return queryset.filter(found)


class AccountFilter(SearchFilter):
    """``q`` (name, domain), ``domain``, ``enabled``."""

    searched = ("name", "domain")
    domain = filters.CharFilter(lookup_expr="iexact", max_length=253, label="The whole domain.")
    enabled = BooleanFilter()

    class Meta:
        model = Account
        fields = ("q", "domain", "enabled")


class UserFilter(SearchFilter):
    """``q`` (extension, user name, display name), ``account``, ``extension``, ``username``, ``enabled``."""

    searched = ("extension", "username", "display_name")
    account = ByAccount()
    extension = filters.CharFilter(max_length=32, label="The whole extension.")
    username = filters.CharFilter(max_length=64, label="The whole user name.")
    enabled = BooleanFilter()

    class Meta:
        model = User
        fields = ("q", "account", "extension", "username", "enabled")


class TokenFilter(filters.FilterSet):  # type: ignore[misc]
    """``account``, ``revoked``."""

    account = ByAccount()
    revoked = BooleanFilter(
        field_name="revoked_at", lookup_expr="isnull", exclude=True, label="Whether it was revoked."
    )

    class Meta:
        model = ApiToken
        fields = ("account", "revoked")
