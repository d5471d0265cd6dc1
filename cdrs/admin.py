# SPDX-License-Identifier: Apache-2.0
"""Admin pages of calls. They only show: a record of what happened is not edited."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from accounts.admin_base import TenantAdmin
from accounts.choices import Permission
from cdrs.models import CDR, Disposition
from cdrs.record import EndReason
from cdrs.story import clock, tell

_Method = TypeVar("_Method", bound=Callable[..., Any])

BADGES = {
    Disposition.ANSWERED.label: "success",
    Disposition.NO_ANSWER.label: "warning",
    Disposition.BUSY.label: "warning",
    Disposition.CANCELED.label: "info",
    Disposition.FAILED.label: "danger",
}
"""Colour of each disposition's badge."""


def badge(colours: dict[Any, str]) -> Callable[[_Method], _Method]:
    """Show a column's values as badges where the theme has them; plain text elsewhere."""

    def mark(method: _Method) -> _Method:
        vars(method)["label"] = colours
        return method

    return mark


class CauseFilter(admin.SimpleListFilter):
    """The known end reasons; asking the table for its values would read all of it."""

    title = "cause"
    parameter_name = "hangup_cause"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason.value, reason.value.replace("_", " ").capitalize()) for reason in EndReason]

    def queryset(self, request: HttpRequest, queryset: QuerySet[CDR]) -> QuerySet[CDR]:
        return queryset.filter(hangup_cause=self.value()) if self.value() else queryset


@admin.register(CDR)
class CDRAdmin(TenantAdmin):
    """Calls, newest first."""

    view_permission = Permission.VIEW_CDRS
    list_display = ("start", "caller", "callee", "outcome", "talked", "cause", "hung_up_by", "mos")
    list_filter = ("disposition", CauseFilter, "invite_time", ("account", admin.RelatedOnlyFieldListFilter))
    search_fields = ("caller_number", "callee_number", "caller_name", "callee_name", "call_id")
    search_help_text = "Number, name or SIP Call-ID"
    show_full_result_count = False
    list_per_page = 50
    actions = None
    fieldsets = (
        (None, {"fields": ("story",)}),
        ("Caller", {"fields": ("caller_number", "caller_name", "caller_user", "caller_ip", "account")}),
        ("Called", {"fields": ("callee_number", "callee_name", "callee_user")}),
        ("Times", {"fields": ("invited", "ringing", "answered", "ended", "rang", "talked")}),
        ("Outcome", {"fields": ("disposition", "hangup_cause", "hangup_by", "sip_status")}),
        (
            "Quality",
            {
                "fields": (
                    "mos_score",
                    "codec",
                    "rtp_jitter_ms",
                    "rtp_packets_lost",
                    "rtp_packets_recv",
                    "rtp_packets_sent",
                )
            },
        ),
        ("Path", {"fields": ("route_id", "signaling_server", "rtp_manager", "call_id", "id", "details")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Start", ordering="invite_time")
    def start(self, call: CDR) -> str:
        """Return when the INVITE came, to the second."""
        return f"{localtime(call.invite_time):%Y-%m-%d %H:%M:%S}"

    @admin.display(description="Start")
    def invited(self, call: CDR) -> str | None:
        """Return when the INVITE came."""
        return _instant(call.invite_time)

    @admin.display(description="Ringing", empty_value="–")
    def ringing(self, call: CDR) -> str | None:
        """Return when it first rang."""
        return _instant(call.ring_time)

    @admin.display(description="Answer", empty_value="–")
    def answered(self, call: CDR) -> str | None:
        """Return when it was answered."""
        return _instant(call.answer_time)

    @admin.display(description="End")
    def ended(self, call: CDR) -> str | None:
        """Return when it ended."""
        return _instant(call.end_time)

    @admin.display(description="From", ordering="caller_number")
    def caller(self, call: CDR) -> SafeString:
        """Return number and name of the caller."""
        return _party(call.caller_number, call.caller_name)

    @admin.display(description="To", ordering="callee_number")
    def callee(self, call: CDR) -> SafeString:
        """Return number and name of the called party."""
        return _party(call.callee_number, call.callee_name)

    @badge(BADGES)
    @admin.display(description="Disposition", ordering="disposition")
    def outcome(self, call: CDR) -> str:
        """Return the disposition in words."""
        return str(call.get_disposition_display())

    @admin.display(description="Talked", ordering="duration_seconds", empty_value="–")
    def talked(self, call: CDR) -> str | None:
        """Return the time from answer to end, None when it was not answered."""
        return clock(call.duration_seconds) if call.answer_time else None

    @admin.display(description="Rang", empty_value="–")
    def rang(self, call: CDR) -> str | None:
        """Return how long it rang, None when it did not."""
        return f"{call.ring_duration_seconds:.1f} s" if call.ring_time else None

    @admin.display(description="Cause", ordering="hangup_cause")
    def cause(self, call: CDR) -> str:
        """Return the end reason, with the SIP status of a call that failed."""
        words = call.hangup_cause.replace("_", " ")
        return words if call.answer_time or not call.sip_status else f"{words} ({call.sip_status})"

    @admin.display(description="Hung up by", ordering="hangup_by")
    def hung_up_by(self, call: CDR) -> str:
        """Return the side that ended the call."""
        return str(call.get_hangup_by_display())

    @admin.display(description="MOS", ordering="mos_score", empty_value="–")
    def mos(self, call: CDR) -> str | None:
        """Return the estimated listening quality."""
        return None if call.mos_score is None else f"{call.mos_score:.1f}"

    @admin.display(description="What happened")
    def story(self, call: CDR) -> SafeString:
        """Return the call in one sentence."""
        return format_html("<strong>{}</strong>", tell(call))

    @admin.display(description="Details", empty_value="–")
    def details(self, call: CDR) -> SafeString | None:
        """Return the metadata as indented JSON."""
        if not call.metadata:
            return None
        text = json.dumps(call.metadata, indent=2, ensure_ascii=False, sort_keys=True)
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', text)


def _instant(time: datetime | None) -> str | None:
    """Return a time to the millisecond, as traces and logs show it."""
    return None if time is None else localtime(time).isoformat(sep=" ", timespec="milliseconds")


def _party(number: str, name: str) -> SafeString:
    if not name or name == number:
        return format_html("{}", number or "–")
    return format_html('{} <span class="opacity-60">{}</span>', number, name)
