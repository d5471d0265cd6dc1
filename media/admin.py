# SPDX-License-Identifier: Apache-2.0
"""Admin pages of prompts: upload, listen, see who plays them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.admin_base import TenantAdmin
from accounts.admin_history import HistoryAdmin
from accounts.choices import Permission
from accounts.tenancy import access_of, scope
from dialplan.models import Route
from media.forms import PromptForm
from media.models import Prompt, Status
from media.prompts import listening, uploads, usage
from media.prompts.drawing import waveform

REFRESH_S = 2
"""How soon a page is shown anew on which something is being converted."""


@admin.register(Prompt)
class PromptAdmin(HistoryAdmin, TenantAdmin):
    """Prompts: sounds that routes play by name."""

    empty_text = (
        "A prompt is a sound with a name, uploaded as WAV, MP3, Ogg or FLAC. Routes play it by that name."
    )
    shared_rows = True
    form = PromptForm
    list_display = ("name", "scope", "sound", "length", "state")
    list_filter = ("status", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account",)
    list_per_page = 25
    search_fields = ("name", "source_name", "account__domain")
    search_help_text = "Name, file or domain"
    autocomplete_fields = ("account",)
    ordering = ("name", "id")

    class Media:
        css = {"all": ("media/prompts.css",)}

    def get_fieldsets(self, request: HttpRequest, obj: Prompt | None = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        file = ["file"] if may_change else []
        if obj is None:
            return ((None, {"fields": ["name", *file, "account"]}),)
        return (
            (None, {"fields": ["name", "scope", "state", "sound", *file, "played_by"]}),
            ("Details", {"fields": ("length", "source_name", "source_format", "created_at", "updated_at")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Prompt | None = None) -> Any:
        shown = ("source_name", "source_format", "created_at", "updated_at")
        own = ("scope", "state", "sound", "played_by", "length")
        return () if obj is None else (*own, *shown)

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        audio = path(
            "<path:object_id>/audio/", self.admin_site.admin_view(self.audio_view), name="media_prompt_audio"
        )
        return [audio, *super().get_urls()]

    def audio_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Send the sound to who may see the prompt."""
        prompt = self.get_object(request, object_id)
        if prompt is None or not self.has_view_permission(request, prompt):
            raise Http404("There is no such prompt, or not for you.")
        return listening.respond(request, prompt)

    def save_model(self, request: HttpRequest, obj: Prompt, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        file = form.cleaned_data.get("file")
        if file is not None:
            uploads.keep(obj, file, file.name)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        page = super().changelist_view(request, extra_context)
        return self._refreshing(page, request, self.get_queryset(request))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        page = super().change_view(request, object_id, form_url, extra_context)
        if self.get_object(request, object_id) is None:
            return page
        return self._refreshing(page, request, self.get_queryset(request).filter(pk=object_id))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Add what stands against a deletion: the routes that play the prompts."""
        deleted, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        for routes in usage.playing(list(objs)).values():
            protected += [self._route_link(request, route) for route in self._visible(request, routes)]
            hidden = len(routes) - len(self._visible(request, routes))
            protected += [f"{hidden} routes of other accounts"] if hidden else []
        return deleted, counts, forbidden, protected

    def _refreshing(self, page: HttpResponse, request: HttpRequest, rows: Any) -> HttpResponse:
        """Let the browser ask again while something is being converted; not while somebody fills in a form."""
        if request.method == "GET" and rows.filter(status=Status.CONVERTING).exists():
            page["Refresh"] = str(REFRESH_S)
        return page

    def _visible(self, request: HttpRequest, routes: list[Route]) -> list[Route]:
        rows = Route.objects.filter(pk__in=[route.pk for route in routes])
        return list(
            scope(rows, access_of(request.user), "account", permission=Permission.VIEW_CONFIG, shared=True)
        )

    def _route_link(self, request: HttpRequest, route: Model) -> SafeString:
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:dialplan_route_change", args=[route.pk]), route
        )

    @admin.display(description="Account", ordering="account__name")
    def scope(self, prompt: Prompt) -> str:
        """Return who may play it."""
        return prompt.account.name if prompt.account else "every account"

    @admin.display(description="Sound")
    def sound(self, prompt: Prompt) -> str | SafeString:
        """Return the picture of the sound, and what plays it here."""
        if not prompt.playable:
            return "-"
        return format_html(
            '<div class="prompt-sound">{}<audio controls preload="none" src="{}" aria-label="{}"></audio></div>',
            waveform(prompt.peaks, f"Loudness of {prompt.name}"),
            reverse("admin:media_prompt_audio", args=[prompt.pk]),
            f"Listen to {prompt.name}",
        )

    @admin.display(description="Length", ordering="duration_ms")
    def length(self, prompt: Prompt) -> str:
        """Return how long it takes."""
        if not prompt.playable:
            return "-"
        minutes, seconds = divmod(prompt.duration_ms / 1000, 60)
        return f"{minutes:.0f}:{seconds:04.1f}"

    @admin.display(description="State", ordering="status")
    def state(self, prompt: Prompt) -> SafeString:
        """Return what became of the last upload, in words."""
        match prompt.status:
            case Status.READY:
                return format_html('<span class="prompt-state is-ready">{}</span>', "Ready")
            case Status.CONVERTING:
                text = (
                    "Converting: the former sound is played until then" if prompt.playable else "Converting"
                )
                return format_html('<span class="prompt-state is-converting">{}</span>', text)
            case _:
                kept = " The former sound is still played." if prompt.playable else ""
                return format_html(
                    '<span class="prompt-state is-failed">Not usable: {}.{}</span>', prompt.error, kept
                )

    @admin.display(description="Played by")
    def played_by(self, prompt: Prompt) -> str | SafeString:
        """Return the routes that play it."""
        routes = usage.routes_playing(prompt)
        if prompt.account_id is None:
            # Names of routes are their accounts' business.
            others = sum(1 for route in routes if route.account_id is not None)
            routes = [route for route in routes if route.account_id is None]
            more = f"{others} routes of accounts" if others else ""
        else:
            more = ""
        links = format_html_join(
            ", ",
            '<span class="prompt-links"><a href="{}">{}</a></span>',
            ((reverse("admin:dialplan_route_change", args=[route.pk]), route) for route in routes),
        )
        if links and more:
            return format_html("{}, {}", links, more)
        return (
            links
            or more
            or f"No route yet. In a route, choose the action “Play a prompt” and write {prompt.name}."
        )
