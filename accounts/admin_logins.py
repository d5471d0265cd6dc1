# SPDX-License-Identifier: Apache-2.0
"""Failed logins, to be unlocked, and the log of logins. Platform admins alone see this."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_base import PlatformAdmin
from accounts.browsers import browser
from accounts.logins import NO_NAME, FailedLogin, RecordedLogin

for _model in (AccessAttempt, AccessFailureLog, AccessLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class ReadOnlyAdmin(PlatformAdmin):
    """A page that shows what was recorded."""

    list_filter = (("attempt_time", admin.DateFieldListFilter),)
    search_fields = ("username", "ip_address")
    search_help_text = "Login or address"

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Login", ordering="username")
    def login(self, row: AccessAttempt | AccessLog) -> str:
        """Return the name that was given."""
        return row.username or NO_NAME

    @admin.display(description="Address", ordering="ip_address")
    def address(self, row: AccessAttempt | AccessLog) -> str:
        """Return where it came from."""
        return row.ip_address or "unknown"

    @admin.display(description="Browser", ordering="user_agent")
    def program(self, row: AccessAttempt | AccessLog) -> str | SafeString:
        """Return what was used, in short."""
        return format_html('<span title="{}">{}</span>', row.user_agent, browser(row.user_agent) or "unknown")


@admin.register(FailedLogin)
class FailedLoginAdmin(ReadOnlyAdmin):
    """Failed logins that count; deleting one unlocks that name at that address."""

    empty_text = "Nobody has failed to log in of late. After a few failures a name is locked for its address."
    list_display = ("login", "address", "failures", "state", "when", "program")
    fieldsets = (
        (
            None,
            {
                "fields": ("login", "address", "failures", "state", "when", "program"),
                "description": "Deleted, the failures are forgotten: the name is unlocked at this address.",
            },
        ),
        ("As it was sent", {"fields": ("user_agent", "path_info")}),
    )
    actions = ("unlock",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add to each row what counts: the failures with the same name from the same address, whatever browser."""
        counted = FailedLogin.objects.filter(
            username=OuterRef("username"),
            ip_address=OuterRef("ip_address"),
            attempt_time__gt=timezone.now() - settings.AXES_COOLOFF_TIME,
        )
        total = counted.order_by().values("username").annotate(sum=Sum("failures_since_start")).values("sum")
        rows: QuerySet[Any] = super().get_queryset(request).annotate(total=Subquery(total))
        return rows

    @admin.display(description="Failures", ordering="failures_since_start")
    def failures(self, attempt: FailedLogin) -> int:
        """Return how often it failed."""
        return int(attempt.failures_since_start)

    @admin.display(description="Last failure", ordering="attempt_time")
    def when(self, attempt: FailedLogin) -> str:
        """Return when it failed last."""
        return _moment(attempt.attempt_time)

    @admin.display(description="State")
    def state(self, attempt: FailedLogin) -> str:
        """Return whether the limit is reached, and until when."""
        if attempt.counts_until <= timezone.now():
            return "forgotten"
        total = getattr(attempt, "total", None) or attempt.failures_since_start
        left = settings.AXES_FAILURE_LIMIT - total
        if left <= 0:
            return f"locked until {date_format(timezone.localtime(attempt.counts_until), 'H:i')}"
        return f"{left} {'try' if left == 1 else 'tries'} left"

    @admin.action(description="Unlock", permissions=["delete"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[FailedLogin]) -> None:
        """Forget the failures."""
        names = {(row.username, row.ip_address) for row in queryset}
        _forget(names)
        self.message_user(request, f"Unlocked: {len(names)}.", messages.SUCCESS)

    def delete_model(self, request: HttpRequest, obj: FailedLogin) -> None:
        _forget({(obj.username, obj.ip_address)})

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FailedLogin]) -> None:
        _forget({(row.username, row.ip_address) for row in queryset})


def _forget(names: Iterable[tuple[str | None, str | None]]) -> None:
    """Delete the failures of names at addresses with every browser: they count together."""
    for username, address in names:
        FailedLogin.objects.filter(username=username, ip_address=address).delete()


@admin.register(RecordedLogin)
class RecordedLoginAdmin(ReadOnlyAdmin):
    """Who logged in when, from where."""

    list_title = "Log of logins"
    empty_text = "Each login is listed here: who, when and from where."
    list_display = ("login", "address", "when", "until", "program")
    fieldsets = (
        (None, {"fields": ("login", "address", "when", "until", "program")}),
        ("As it was sent", {"fields": ("user_agent", "path_info")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="Logged in", ordering="attempt_time")
    def when(self, row: RecordedLogin) -> str:
        """Return when it was."""
        return _moment(row.attempt_time)

    @admin.display(description="Logged out", ordering="logout_time")
    def until(self, row: RecordedLogin) -> str:
        """Return when the login ended by hand."""
        return _moment(row.logout_time) if row.logout_time else "–"


def _moment(time: datetime) -> str:
    return date_format(timezone.localtime(time), "DATETIME_FORMAT")
