# SPDX-License-Identifier: Apache-2.0
"""Admin page of the registrations: which phones are where, read-only. That of the bans comes from its own file.

The rows are the backup that the signaling nodes write; a node holds the live bindings.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html

from accounts.admin_base import TenantAdmin
from accounts.choices import Permission
from signaling.bans.admin import BanAdmin
from signaling.models import Registration

__all__ = ["BanAdmin", "RegistrationAdmin"]


class ValidityFilter(admin.SimpleListFilter):
    """Tells bindings that still count from those whose time has run out."""

    title = "validity"
    parameter_name = "valid"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Registered"), ("no", "Expired")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        match self.value():
            case "yes":
                return queryset.filter(expires_at__gt=timezone.now())
            case "no":
                return queryset.filter(expires_at__lte=timezone.now())
            case _:
                return queryset


@admin.register(Registration)
class RegistrationAdmin(TenantAdmin):
    """Bindings of phones to SIP users."""

    empty_text = "A registration appears here by itself when a phone logs in."
    account_path = "user__account"
    view_permission = Permission.VIEW_LIVE
    list_select_related = ("user",)
    list_display = ("address", "contact", "transport", "source", "expires", "user_agent", "node")
    list_filter = (ValidityFilter, "transport", ("user__account", admin.RelatedOnlyFieldListFilter))
    search_fields = ("aor", "contact", "user_agent", "source_ip")
    show_full_result_count = False
    search_help_text = "AOR, contact, address or user agent"
    fieldsets = (
        (None, {"fields": ("user", "address", "contact", "source", "transport", "user_agent", "node")}),
        ("Times", {"fields": ("registered_at", "expires_at")}),
        ("Of its REGISTER", {"fields": ("preference", "sip_call_id", "sequence")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Registration | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Registration | None = None) -> bool:
        """Refuse to delete rows here; deleting a user still takes its registrations along."""
        page = request.resolver_match.view_name if request.resolver_match else ""
        elsewhere = page.startswith(("admin:accounts_user_", "admin:accounts_account_"))
        return elsewhere and super().has_delete_permission(request, obj)

    @admin.display(description="AOR", ordering="aor")
    def address(self, registration: Registration) -> str:
        """Return the address of record."""
        return registration.aor

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, registration: Registration) -> str:
        """Return when the binding ends, on one line."""
        return format_html(
            '<span style="white-space: nowrap" title="{}">{}</span>',
            date_format(registration.expires_at, "DATETIME_FORMAT"),
            _time_left(registration.expires_at),
        )

    @admin.display(description="Node", ordering="node_id")
    def node(self, registration: Registration) -> str:
        """Return the signaling node that holds the binding."""
        return registration.node_id

    @admin.display(description="Source", ordering="source_ip")
    def source(self, registration: Registration) -> str:
        """Return the address that the REGISTER came from, where requests go back to."""
        address = registration.source_ip
        host = f"[{address}]" if ":" in address else address
        return f"{host}:{registration.source_port}"

    @admin.display(description="Preference (q)")
    def preference(self, registration: Registration) -> float:
        """Return how much the phone wants to be called at this contact, 0 to 1."""
        return registration.q

    @admin.display(description="Call-ID")
    def sip_call_id(self, registration: Registration) -> str:
        """Return the Call-ID of the REGISTER, as the phone's log shows it."""
        return registration.call_id

    @admin.display(description="CSeq")
    def sequence(self, registration: Registration) -> int:
        """Return the number of the REGISTER within that Call-ID."""
        return registration.cseq


def _time_left(end: datetime) -> str:
    left_s = int((end - timezone.now()).total_seconds())
    if left_s <= 0:
        return "expired"
    return f"in {left_s // 60} min" if left_s >= 60 else f"in {left_s} s"
