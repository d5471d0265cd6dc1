# SPDX-License-Identifier: Apache-2.0
"""Pages by value: ``?limit=50&ordering=-created_at&cursor=…`` → ``{"results", "next", "previous"}``.

The cursor holds the values of the row at the edge of a page, so a page costs the same wherever it lies, nothing is
counted, and rows that come or go meanwhile shift nothing. The order is always made total by the primary key.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import Model, Q
from django.utils.encoding import force_str
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_CURSOR = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """The edge of a page: the values of the ordering columns there, and the side that is wanted."""

    values: tuple[Any, ...]
    backwards: bool

    def __str__(self) -> str:
        text = json.dumps([int(self.backwards), *(force_str(value) for value in self.values)])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


class KeysetPagination(BasePagination):
    """Keyset pages for a view that has ``ordering_choices`` (columns without nulls; the first is the default)."""

    page: list[Any]

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """Return the rows of the page that the request asks for.

        Raises:
            ValidationError: ``limit``, ``ordering`` or ``cursor`` cannot be read.
        """
        self._request = request
        limit = _limit(request.query_params.get("limit"))
        columns = _columns(request, view, queryset.model)
        place = _place(request.query_params.get("cursor"), columns, queryset.model)
        backwards = place is not None and place.backwards
        order = [_reverse(column) for column in columns] if backwards else columns
        rows = queryset.order_by(*order)
        if place is not None:
            rows = rows.filter(_beyond(order, place.values))
        found = list(rows[: limit + 1])
        more, self.page = len(found) > limit, found[:limit]
        if backwards:
            self.page.reverse()
        self._next = self._edge(-1, columns, backwards=False) if more or backwards else None
        self._previous = self._edge(0, columns, backwards=True) if (more if backwards else place) else None
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with the addresses of its neighbours."""
        return Response({"results": data, "next": self._next, "previous": self._previous})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the page for OpenAPI."""
        link = {
            "type": ["string", "null"],
            "format": "uri",
            "description": "Address of the neighbouring page.",
        }
        return {
            "type": "object",
            "required": ["results", "next", "previous"],
            "properties": {"results": schema, "next": link, "previous": link},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Describe the query parameters for OpenAPI."""
        choices = [sign + name for name in getattr(view, "ordering_choices", ()) for sign in ("", "-")]
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        cursor = {"type": "string", "maxLength": MAX_CURSOR}
        ordering = {"type": "string", "enum": choices}
        return [
            _parameter("limit", "Most rows of a page.", limit),
            _parameter("cursor", "From `next` or `previous` of another page; not made by hand.", cursor),
            *([_parameter("ordering", "Column to order by; - for descending.", ordering)] if choices else []),
        ]

    def _edge(self, index: int, columns: Sequence[str], *, backwards: bool) -> str | None:
        if not self.page:
            return None
        row = self.page[index]
        values = tuple(_written(row, column.lstrip("-")) for column in columns)
        url = self._request.build_absolute_uri()
        return replace_query_param(url, "cursor", str(Place(values, backwards)))


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= MAX_LIMIT):
        raise ValidationError({"limit": [f"Enter a whole number from 1 to {MAX_LIMIT}."]})
    return int(text)


def _columns(request: Request, view: Any, model: type[Model]) -> list[str]:
    choices: Sequence[str] = view.ordering_choices
    asked = request.query_params.get("ordering", choices[0])
    if asked.removeprefix("-") not in [choice.removeprefix("-") for choice in choices]:
        known = ", ".join(choice.removeprefix("-") for choice in choices)
        raise ValidationError({"ordering": [f"Choose one of {known}, with - in front for descending."]})
    sign = "-" if asked.startswith("-") else ""
    columns = [asked.removeprefix("-")]
    for column in (*view.ordering_ties, model._meta.pk.name):
        if column not in columns:
            columns.append(column)
    return [sign + column for column in columns]


def _place(text: str | None, columns: Sequence[str], model: type[Model]) -> Place | None:
    if text is None:
        return None
    try:
        padded = text + "=" * (-len(text) % 4)
        backwards, *values = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        fields: list[Any] = [model._meta.get_field(column.lstrip("-")) for column in columns]
        if len(text) > MAX_CURSOR or backwards not in (0, 1) or len(values) != len(fields):
            raise ValueError(text)
        if not all(isinstance(value, str) and value.isprintable() for value in values):
            raise ValueError(text)
        read = tuple(field.to_python(value) for field, value in zip(fields, values, strict=True))
    except (
        ValueError,
        TypeError,
        RecursionError,
        binascii.Error,
        ModelValidationError,
        OverflowError,
    ) as error:
        raise ValidationError({"cursor": ["This is no cursor of this list."]}) from error
    return Place(read, bool(backwards))


def _reverse(column: str) -> str:
    return column[1:] if column.startswith("-") else f"-{column}"


def _beyond(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the rows that come after a place; the outermost comparison is what an index can use."""
    condition = Q()
    for column, value in reversed(list(zip(order, values, strict=True))):
        name, after = column.lstrip("-"), "lt" if column.startswith("-") else "gt"
        beyond = Q(**{f"{name}__{after}": value})
        condition = beyond | (Q(**{name: value}) & condition) if condition else beyond
    name, after = order[0].lstrip("-"), "lte" if order[0].startswith("-") else "gte"
    return Q(**{f"{name}__{after}": values[0]}) & condition


def _written(row: Any, name: str) -> Any:
    value = getattr(row, name)
    return value.isoformat() if hasattr(value, "isoformat") else value
