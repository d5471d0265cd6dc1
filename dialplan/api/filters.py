# SPDX-License-Identifier: Apache-2.0
"""Filters of the list of routes."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from accounts.api.filters import SearchFilter
from dialplan.engine.patterns import MAX_NUMBER_LENGTH, parse_pattern
from dialplan.models import Route
from switchboard.api_filters import BooleanFilter, ByAccount


class RouteFilter(SearchFilter):
    """``q`` (id, name, pattern), ``account``, ``shared``, ``pattern``, ``enabled``, ``matches``."""

    searched = ("id", "name", "pattern")
    account = ByAccount()
    shared = BooleanFilter(
        field_name="account", lookup_expr="isnull", label="Whether it serves every account."
    )
    pattern = filters.CharFilter(max_length=128, label="The whole pattern.")
    enabled = BooleanFilter()
    matches = filters.CharFilter(
        method="match", max_length=MAX_NUMBER_LENGTH, label="A number that the pattern matches."
    )

    class Meta:
        model = Route
        fields = ("q", "account", "shared", "pattern", "enabled", "matches")

    def match(self, queryset: QuerySet[Any], name: str, number: str) -> QuerySet[Any]:
        """Return the routes whose pattern matches a number."""
        patterns = queryset.order_by().values_list("pattern", flat=True).distinct()
        return queryset.filter(pattern__in=[text for text in patterns if _matches(text, number)])


def _matches(pattern: str, number: str) -> bool:
    try:
        return parse_pattern(pattern).matches(number)
    except ValueError:
        return False
