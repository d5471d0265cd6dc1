# SPDX-License-Identifier: Apache-2.0
"""Admin page of the bans: who is shut out, why, until when, and what that has kept out. Platform admins alone.

A source is no tenant's: behind one address may be customers of several.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_base import PlatformAdmin, is_platform_admin
from accounts.admin_history import HistoryAdmin
from signaling.bans.forms import BanForm
from signaling.bans.row import Ban, Origin

_NO_WRAP = '<span class="whitespace-nowrap" title="{}">{}</span>'


class StateFilter(admin.SimpleListFilter):
    """Tells bans in force from those that ended."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("in-force", "In force"), ("ended", "Ended")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "in-force":
                return queryset.in_force()
            case "ended":
                return queryset.ended()
            case _:
                return queryset


@admin.register(Ban)
class BanAdmin(HistoryAdmin, PlatformAdmin):
    """Sources that nothing is read from."""

    empty_text = (
        "An address that keeps failing to log in is banned by itself for a while, and then stands here: nothing that "
        "it sends by SIP is read. Addresses from which phones are registered are spared. You can also ban an address "
        "or network by hand."
    )
    form = BanForm
    list_display = ("source", "reason", "until", "since", "by", "kept_out", "lift")
    list_filter = (StateFilter, "origin")
    list_per_page = 50
    search_fields = ("network", "reason", "banned_by")
    search_help_text = "Address, network or reason"
    actions = ("unban",)
    readonly_fields = ("until", "since", "by", "offences", "kept_out", "last_refused_at")

    def get_fieldsets(self, request: HttpRequest, obj: Ban | None = None) -> Any:
        wanted = ("network", "reason", "lasts")
        if obj is None:
            return ((None, {"fields": wanted}),)
        shown = ("until", "since", "by", "offences", "kept_out", "last_refused_at")
        return ((None, {"fields": wanted}), ("Details", {"fields": shown}))

    def get_readonly_fields(self, request: HttpRequest, obj: Ban | None = None) -> tuple[str, ...]:
        """Fix whom it concerns: another source is another ban."""
        fixed = () if obj is None else ("network",)
        return (*fixed, *self.readonly_fields)

    def get_actions(self, request: HttpRequest) -> Any:
        """Offer to unban, which is what deleting does."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find also the bans whose network holds the address that was typed."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        try:
            return found | queryset.of_address(search_term.strip()), duplicates  # type: ignore[attr-defined]
        except ValueError:
            return found, duplicates

    def save_model(self, request: HttpRequest, obj: Ban, form: Any, change: bool) -> None:
        if not change:
            obj.banned_by = request.user.get_username()
        form.apply_length()
        super().save_model(request, obj, form, change)

    @admin.action(description="Unban", permissions=["delete"])
    def unban(self, request: HttpRequest, queryset: QuerySet[Ban]) -> None:
        """Read again what the selected sources send, and forget what they did."""
        rows = list(queryset)
        self.log_deletions(request, queryset)
        for row in rows:
            row.delete()
        self.message_user(request, f"Unbanned: {len(rows)}.", messages.SUCCESS)

    def _own(self, request: HttpRequest, versions: QuerySet[Any]) -> QuerySet[Any]:
        return versions if is_platform_admin(request) else versions.none()

    def _may_restore(self, request: HttpRequest, version: Model, current: Model | None) -> bool:
        return False

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether a version is only shown: always, for a ban counts from when it was made."""
        return True

    @admin.display(description="Source", ordering="network")
    def source(self, ban: Ban) -> SafeString:
        """Return the address or network."""
        return format_html('<span class="font-mono whitespace-nowrap">{}</span>', ban.network)

    @admin.display(description="Until", ordering="expires_at")
    def until(self, ban: Ban) -> SafeString | str:
        """Return when it ends, in words."""
        if ban.expires_at is None:
            return "it is lifted"
        when = date_format(timezone.localtime(ban.expires_at), "DATETIME_FORMAT")
        return format_html(_NO_WRAP, when, _left(ban.expires_at, when))

    @admin.display(description="Since", ordering="banned_at")
    def since(self, ban: Ban) -> SafeString:
        """Return when it began, on one line."""
        when = date_format(timezone.localtime(ban.banned_at), "DATETIME_FORMAT")
        return format_html(_NO_WRAP, when, when)

    @admin.display(description="By", ordering="banned_by")
    def by(self, ban: Ban) -> str:
        """Return who decided it."""
        return f"{ban.banned_by}, by itself" if ban.origin == Origin.AUTOMATIC else ban.banned_by

    @admin.display(description="Refused", ordering="refused")
    def kept_out(self, ban: Ban) -> str:
        """Return how many datagrams and connections were refused since it began."""
        return f"{ban.refused:,}".replace(",", "\u202f")

    @admin.display(description="")
    def lift(self, ban: Ban) -> SafeString:
        """Return the way to unban it."""
        url = reverse("admin:signaling_ban_delete", args=[ban.pk])
        return format_html(
            '<a href="{}" class="border border-base-200 dark:border-base-700 font-medium px-3 py-1 rounded-default '
            'whitespace-nowrap hover:text-primary-600 dark:hover:text-primary-500">{}</a>',
            url,
            "Unban" if ban.in_force else "Forget",
        )


def _left(end: datetime, when: str) -> str:
    left_s = int((end - timezone.now()).total_seconds())
    if left_s <= 0:
        return "ended"
    if left_s < 120:
        return f"{left_s} s more"
    if left_s < 7200:
        return f"{left_s // 60} min more"
    return f"{left_s // 3600} h more" if left_s < 172_800 else when
