# SPDX-License-Identifier: Apache-2.0
"""Admin pages of the routes: the list in which they are ordered, the form, and the pages of `dialplan.pages`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from accounts.admin_base import TenantAdmin
from accounts.admin_history import HistoryAdmin
from dialplan.engine import DialplanError
from dialplan.forms import RouteForm
from dialplan.models import Route
from dialplan.ordering import NoRoom
from dialplan.pages import document, order, simulator, transfer

TEMPLATES = "admin/dialplan/route"
TELLING = ("target", "file", "reason")
"""Parameters of actions that the list shows."""
VERBS = ("up", "down", "enable", "disable")
"""Buttons of a row in the list; the value of each is the id of its route."""


@admin.register(Route)
class RouteAdmin(HistoryAdmin, TenantAdmin):
    """The dialplan: which number runs which actions."""

    empty_text = (
        "A route says what happens when a number is dialled: ring a user, call an address, play a prompt."
    )
    shared_rows = True
    form = RouteForm
    list_display = ("place", "name", "pattern", "scope", "does", "switch", "attempt")
    list_display_links = ("name", "pattern")
    list_filter = ("enabled", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account",)
    search_fields = ("id", "name", "pattern", "account__domain")
    search_help_text = "Name, pattern, id or domain"
    autocomplete_fields = ("account",)
    save_as = True
    readonly_fields = ("source", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "pattern", "priority", "enabled", "account")}),
        ("Actions", {"fields": ("actions",)}),
        ("Details", {"fields": ("id", "source", "created_at", "updated_at")}),
    )

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        views: dict[str, tuple[Callable[..., HttpResponse], str]] = {
            "simulate/": (self.simulate_view, "simulate"),
            "order/": (self.order_view, "order"),
            "transfer/": (self.transfer_view, "transfer"),
            "export/": (self.export_view, "export"),
            "<str:object_id>/json/": (self.json_view, "json"),
        }
        own = [
            path(at, self.admin_site.admin_view(view), name=f"dialplan_route_{name}")
            for at, (view, name) in views.items()
        ]
        return [*own, *super().get_urls()]

    def get_ordering(self, request: HttpRequest) -> Any:
        """Return the order in which routes are tried: an account's own before those of every account."""
        return ("priority", F("account").asc(nulls_last=True), "id")

    def get_readonly_fields(self, request: HttpRequest, obj: Route | None = None) -> Any:
        """Fix the id of a stored route: another id would be another route."""
        return self.readonly_fields if obj is None else ("id", *self.readonly_fields)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Note at each row whether its buttons are for the reader."""
        shown = super().get_changelist_instance(request)
        in_order = not shown.params.get("o")
        for row in shown.result_list:
            row.may_change = self.has_change_permission(request, row)
            row.may_move = row.may_change and in_order
        return shown

    def save_model(self, request: HttpRequest, obj: Route, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and obj.source:
            text = f"{obj} comes from {obj.source}: the file wins again when it is imported the next time."
            self.message_user(request, text, messages.WARNING)

    # --- Pages ------------------------------------------------------------------------------------------------------

    def simulate_view(self, request: HttpRequest) -> HttpResponse:
        """Show what would become of a call."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        wanted = request.GET.get("route", "")
        route = self.get_object(request, wanted) if wanted else None
        return self._page(request, "simulate.html", "Simulator", simulator.context(request, route))

    def order_view(self, request: HttpRequest) -> HttpResponse:
        """Move, enable or disable one route of the list."""
        if request.method != "POST":
            raise PermissionDenied
        verb = next((name for name in VERBS if name in request.POST), "")
        route = self.get_object(request, request.POST.get(verb, ""))
        if route is None:
            raise Http404("There is no such route.")
        if not self.has_change_permission(request, route):
            raise PermissionDenied
        if verb in ("up", "down"):
            self._move(request, route, up=verb == "up")
        else:
            order.switch(route, enabled=verb == "enable")
            self.log_change(request, route, f"{verb.capitalize()}d.")
        query = request.POST.get("query", "")
        return HttpResponseRedirect(f"{reverse('admin:dialplan_route_changelist')}?{query}#route-{route.pk}")

    def transfer_view(self, request: HttpRequest) -> HttpResponse:
        """Show import and export; check or import a document."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        page = transfer.context(request)
        if "result" in page and not page["only_check"]:
            self.message_user(request, f"Imported: {page['result']}.", messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:dialplan_route_changelist"))
        return self._page(request, "transfer.html", "Import and export of routes", page)

    def export_view(self, request: HttpRequest) -> HttpResponse:
        """Send the routes of a scope as JSON."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return transfer.export(request)
        except DialplanError as error:
            page = {**transfer.context(request), "problems": error.errors, "is_export": True}
            return self._page(request, "transfer.html", "Import and export of routes", page)

    def json_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a route as JSON; save it when it is posted."""
        route = self.get_object(request, object_id)
        if route is None or not self.has_view_permission(request, route):
            raise Http404("There is no such route.")
        may_change = self.has_change_permission(request, route)
        page: dict[str, Any] = {
            "route": route,
            "original": route,
            "may_change": may_change,
            "text": document.text_of(route),
        }
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            page["text"] = request.POST.get("text", "")
            try:
                document.apply(route, page["text"])
            except DialplanError as error:
                return self._page(
                    request, "json.html", f"{route} as JSON", {**page, "problems": error.errors}
                )
            self.save_model(request, route, None, change=True)
            self.log_change(request, route, "Changed as JSON.")
            self.message_user(request, f"{route} was saved.", messages.SUCCESS)
            return HttpResponseRedirect(request.path)
        return self._page(request, "json.html", f"{route} as JSON", page)

    def _move(self, request: HttpRequest, route: Route, *, up: bool) -> None:
        try:
            if not order.step(route, up=up):
                end = "first" if up else "last"
                self.message_user(request, f"{route} is the {end} one already.", messages.INFO)
        except NoRoom:
            text = (
                f"{route} cannot go there: shared routes leave no priority in between. Change its priority."
            )
            self.message_user(request, text, messages.WARNING)

    def _page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"{TEMPLATES}/{template}", {**shared, **context})

    # --- Columns ----------------------------------------------------------------------------------------------------

    @admin.display(description="Order", ordering="priority")
    def place(self, route: Route) -> str:
        """Return the priority, with the buttons that change it."""
        return _rendered("place", route)

    @admin.display(description="Account", ordering="account__name")
    def scope(self, route: Route) -> str:
        """Return whose calls the route serves."""
        return route.account.name if route.account else "every account"

    @admin.display(description="Actions")
    def does(self, route: Route) -> str:
        """Return the actions in short, or that they cannot run."""
        try:
            return " → ".join(map(_short, route.actions))
        except (TypeError, KeyError, AttributeError):
            return "not valid"

    @admin.display(description="Enabled", ordering="enabled")
    def switch(self, route: Route) -> str:
        """Return whether the route is enabled, with the button that changes it."""
        return _rendered("switch", route)

    @admin.display(description="Try")
    def attempt(self, route: Route) -> str:
        """Return a link to the simulator."""
        query = urlencode({"route": route.pk})
        return _rendered("attempt", route, url=f"{reverse('admin:dialplan_route_simulate')}?{query}")

    @admin.display(description="File")
    def source(self, route: Route) -> str:
        """Return the file that the route is imported from."""
        return route.source or "none, made by hand"


def _short(action: dict[str, Any]) -> str:
    """Return an action's type and the parameter that tells most."""
    params = action.get("params", {})
    told = next((str(params[name]) for name in TELLING if name in params), "")
    return f"{action['type']} {told}".strip()


def _rendered(name: str, route: Route, **context: Any) -> SafeString:
    html = render_to_string(f"{TEMPLATES}/cell_{name}.html", {"route": route, **context})
    return mark_safe(html)  # noqa: S308 - a template that escapes
