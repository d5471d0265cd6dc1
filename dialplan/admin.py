# SPDX-License-Identifier: Apache-2.0
"""Admin page of the routes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest

from accounts.admin_base import TenantAdmin
from accounts.admin_history import HistoryAdmin
from dialplan.forms import RouteForm
from dialplan.models import Route


@admin.register(Route)
class RouteAdmin(HistoryAdmin, TenantAdmin):
    """The dialplan: which number runs which actions."""

    shared_rows = True
    form = RouteForm
    list_display = ("name", "pattern", "scope", "does", "priority", "enabled")
    list_display_links = ("name", "pattern")
    list_editable = ("priority", "enabled")
    list_filter = ("enabled", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account",)
    search_fields = ("id", "name", "pattern", "account__domain")
    search_help_text = "Name, pattern, id or domain"
    autocomplete_fields = ("account",)
    ordering = ("priority", "id")
    save_as = True
    readonly_fields = ("source", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "pattern", "priority", "enabled", "account")}),
        ("Actions", {"fields": ("actions",)}),
        ("Details", {"fields": ("id", "source", "created_at", "updated_at")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Route | None = None) -> Any:
        """Fix the id of a stored route: another id would be another route."""
        return self.readonly_fields if obj is None else ("id", *self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and obj.source:
            text = f"{obj} comes from {obj.source}: the file wins again when it is imported the next time."
            self.message_user(request, text, messages.WARNING)

    @admin.display(description="Account", ordering="account__name")
    def scope(self, route: Route) -> str:
        """Return whose calls the route serves."""
        return route.account.name if route.account else "every account"

    @admin.display(description="Actions")
    def does(self, route: Route) -> str:
        """Return the types of the actions, or that they cannot run."""
        try:
            types = [action["type"] for action in route.actions]
        except (TypeError, KeyError):
            return "not valid"
        return " → ".join(map(str, types))

    @admin.display(description="File")
    def source(self, route: Route) -> str:
        """Return the file that the route is imported from."""
        return route.source or "none, made by hand"
