# SPDX-License-Identifier: Apache-2.0
"""Logins: people who use this admin, and the accounts they work for. Platform admins alone see this.

Django's groups and model permissions are not shown: roles decide here.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdminClass
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_base import (
    AdminPasswordChangeForm,
    PlatformAdmin,
    TabularInline,
    UserChangeForm,
    UserCreationForm,
)
from accounts.admin_history import HistoryAdmin
from accounts.models import Membership
from accounts.traces import Traces, traces_of

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
class StaffAdmin(HistoryAdmin, PlatformAdmin, DjangoUserAdmin):
    """People who log in to the admin; they are no SIP users."""

    list_title = "People who log in"
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
        """Add what stands against a deletion: nobody could tell any more who made the changes of a login."""
        deleted, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        kept = [_kept(login, traces) for login in objs if (traces := traces_of(login.pk)).any]
        return deleted, counts, forbidden, [*protected, *kept]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if not obj.password:
            # Made again from the history, which keeps no password.
            obj.set_unusable_password()
            text = f"{obj} has no password now: set one, so that somebody can log in."
            self.message_user(request, text, messages.WARNING)
        super().save_model(request, obj, form, change)

    @admin.display(description="Works for")
    def works_for(self, login: User) -> str:
        """Return the accounts and roles of a login."""
        if login.is_superuser:
            return "every account"
        memberships: Any = getattr(login, "memberships").all()  # noqa: B009
        return ", ".join(f"{m.account} ({m.get_role_display().lower()})" for m in memberships) or "–"


def _kept(login: User, traces: Traces) -> str:
    return (
        f"What {login.get_username()} did: {traces}. It would lose its author. "
        "Deactivate the login instead: switch Active off on its page."
    )


@admin.register(Membership)
class MembershipAdmin(HistoryAdmin, PlatformAdmin):
    """Who works for which account, in which role."""

    list_display = ("user", "account", "role", "created_at")
    list_editable = ("role",)
    list_filter = ("role", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("user", "account")
    search_fields = ("user__username", "account__name", "account__domain")
    search_help_text = "Login, account or domain"
    autocomplete_fields = ("user", "account")
