# SPDX-License-Identifier: Apache-2.0
"""Names and links of rows that calls refer to and that live in other rooms: routes and SIP users.

Knows those rooms by the names of their models alone, and asks their admin pages, so that nobody is shown the name of a
row, or led to one, that the person may not see.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldError
from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

ROUTE: Final = "dialplan.Route"
SIP_USER: Final = "accounts.User"
MAX_SUGGESTED: Final = 200


def known_routes(request: HttpRequest) -> list[tuple[str, str]]:
    """Return id and name of the routes that a person may see."""
    page = _page(ROUTE)
    if page is None or not page.has_view_permission(request):
        return []
    try:
        return list(page.get_queryset(request).values_list("id", "name")[:MAX_SUGGESTED])
    except FieldError:
        return []


def links(request: HttpRequest, label: str, keys: Iterable[Any]) -> dict[Any, tuple[str, str]]:
    """Return name and URL by primary key of those rows of a model that a person may see."""
    page, wanted = _page(label), [key for key in keys if key]
    if page is None or not wanted or not page.has_view_permission(request):
        return {}
    rows = page.get_queryset(request).filter(pk__in=wanted)
    return {row.pk: (str(row), url) for row in rows if (url := _url(page, row.pk))}


def route_link(request: HttpRequest, route_id: str, account_id: Any) -> tuple[str, str] | None:
    """Return name and URL of the route that a call of an account took; None when it is gone or not theirs to see."""
    page = _page(ROUTE)
    if page is None or not route_id or not page.has_view_permission(request):
        return None
    rows = page.get_queryset(request).filter(Q(account=account_id) | Q(account=None), id=route_id)
    # A route of the account before one of every account, should both have the id.
    row = min(rows, key=lambda row: row.account_id is None, default=None)
    return (str(row), url) if row is not None and (url := _url(page, row.pk)) else None


def simulator_url(request: HttpRequest, question: dict[str, str]) -> str:
    """Return where the route of a call like this is decided now; nothing for who may not see routes."""
    page = _page(ROUTE)
    if page is None or not page.has_view_permission(request):
        return ""
    try:
        at = reverse("admin:dialplan_route_simulate")
    except NoReverseMatch:
        return ""
    return f"{at}?{urlencode(question)}"


def _page(label: str) -> admin.ModelAdmin[Any] | None:
    try:
        model = apps.get_model(label)
    except LookupError:
        return None
    return admin.site._registry.get(model)


def _url(page: admin.ModelAdmin[Any], key: Any) -> str:
    try:
        return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_change", args=[key])
    except NoReverseMatch:
        return ""
