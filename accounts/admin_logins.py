# SPDX-License-Identifier: Apache-2.0
"""Failed logins, to be unlocked, and the log of logins. Platform admins alone see this."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_base import PlatformAdmin

for _model in (AccessAttempt, AccessFailureLog, AccessLog):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


class ReadOnlyAdmin(PlatformAdmin):
    """A page that shows what was recorded."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AccessAttempt)
class AccessAttemptAdmin(ReadOnlyAdmin):
    """Failed logins that count; deleting one unlocks that name at that address."""

    list_display = ("username", "ip_address", "failures_since_start", "state", "attempt_time", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "ip_address")
    search_help_text = "Login or address"
    fields = ("username", "ip_address", "failures_since_start", "attempt_time", "user_agent", "path_info")
    actions = ("unlock",)

    @admin.display(description="State")
    def state(self, attempt: AccessAttempt) -> str:
        """Return whether the limit is reached."""
        left = settings.AXES_FAILURE_LIMIT - attempt.failures_since_start
        return f"{left} more allowed" if left > 0 else "locked"

    @admin.action(description="Unlock", permissions=["delete"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[AccessAttempt]) -> None:
        """Forget the failures."""
        count, _ = queryset.delete()
        self.message_user(request, f"Unlocked: {count}.", messages.SUCCESS)


@admin.register(AccessLog)
class AccessLogAdmin(ReadOnlyAdmin):
    """Who logged in when, from where."""

    list_display = ("username", "ip_address", "attempt_time", "logout_time", "user_agent")
    list_filter = ("attempt_time",)
    search_fields = ("username", "ip_address")
    search_help_text = "Login or address"
    fields = ("username", "ip_address", "attempt_time", "logout_time", "user_agent", "path_info")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
