# SPDX-License-Identifier: Apache-2.0
"""Logins: people who use this admin, and the accounts they work for. Platform admins alone see this.

Django's groups and model permissions are not shown: roles decide here.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdminClass
from django.contrib.auth.models import Group, User
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from accounts.admin_base import (
    AdminPasswordChangeForm,
    PlatformAdmin,
    TabularInline,
    UserChangeForm,
    UserCreationForm,
)
from accounts.models import Membership

if TYPE_CHECKING:
    DjangoUserAdmin = DjangoUserAdminClass[User]
else:
    DjangoUserAdmin = DjangoUserAdminClass

admin.site.unregister(User)
admin.site.unregister(Group)


class MembershipInline(TabularInline):
    """The accounts that a login works for."""

    model = Membership
    extra = 0
    autocomplete_fields = ("account",)
    fields = ("account", "role")


@admin.register(User)
class StaffAdmin(PlatformAdmin, DjangoUserAdmin):
    """People who log in to the admin; they are no SIP users."""

    form: Any = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    list_display = ("username", "first_name", "last_name", "is_active", "works_for", "is_superuser")
    list_filter = ("is_active", "is_staff", "is_superuser")
    filter_horizontal = ()
    # The theme's own is empty, and hides that of Django.
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        ("Access", {"fields": ("is_staff", "is_superuser")}),
    )
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        (
            "Access",
            {
                "fields": ("is_active", "is_staff", "is_superuser"),
                "description": "Staff may open this admin; what they see there are the accounts below. "
                "A superuser is platform admin: every account, logins and shared routes.",
            },
        ),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        queryset: QuerySet[User] = super().get_queryset(request)
        return queryset.prefetch_related("memberships__account")

    def get_inlines(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Ask for memberships when the login exists."""
        return () if obj is None else self.inlines

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Add what stands against a deletion: the log of what a login did would go along with it."""
        deleted, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        logged = LogEntry.objects.filter(user__in=[login.pk for login in objs])
        entries = logged.values_list("user__username").annotate(total=Count("pk")).order_by("user__username")
        return deleted, counts, forbidden, [*protected, *(_kept(name, total) for name, total in entries)]

    @admin.display(description="Works for")
    def works_for(self, login: User) -> str:
        """Return the accounts and roles of a login."""
        if login.is_superuser:
            return "every account"
        memberships: Any = getattr(login, "memberships").all()  # noqa: B009
        return ", ".join(f"{m.account} ({m.get_role_display().lower()})" for m in memberships) or "–"


def _kept(name: str, entries: int) -> str:
    return (
        f"The log of what {name} did ({entries} {'entry' if entries == 1 else 'entries'}). "
        "Deactivate the login instead: switch Active off on its page."
    )


@admin.register(Membership)
class MembershipAdmin(PlatformAdmin):
    """Who works for which account, in which role."""

    list_display = ("user", "account", "role", "created_at")
    list_editable = ("role",)
    list_filter = ("role", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("user", "account")
    search_fields = ("user__username", "account__name", "account__domain")
    search_help_text = "Login, account or domain"
    autocomplete_fields = ("user", "account")
