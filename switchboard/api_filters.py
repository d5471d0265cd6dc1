# SPDX-License-Identifier: Apache-2.0
"""Filters of REST lists, which refuse what they do not know: a misspelt filter must not match everything."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

PAGING = ("limit", "cursor", "ordering")


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """django-filter that answers 400 to a parameter it does not know."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the rows that meet the filters.

        Raises:
            ValidationError: a parameter is unknown or its value not accepted.
        """
        filterset: FilterSet = self.get_filterset(request, queryset, view)
        known = (*(filterset.filters if filterset else ()), *PAGING)
        refuse_unknown(request, known)
        return super().filter_queryset(request, queryset, view)  # type: ignore[no-any-return]


def refuse_unknown(request: Request, known: Sequence[str]) -> None:
    """Refuse query parameters that a view does not know.

    Raises:
        ValidationError: there is one; it says which is probably meant.
    """
    problems: dict[str, list[str]] = {}
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            problems[name[:100]] = [
                f"Unknown parameter; is {near[0]} meant?" if near else "Unknown parameter."
            ]
    if problems:
        raise ValidationError(problems)
