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
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_base import (
    AdminPasswordChangeForm,
    PlatformAdmin,
    TabularInline,
    UserChangeForm,
    UserCreationForm,
)
from accounts.admin_history import HistoryAdmin
from accounts.login_form import LOGIN_NAME, LoginForm
from accounts.models import Membership
from accounts.traces import Traces, traces_of

if TYPE_CHECKING:
    DjangoUserAdmin = DjangoUserAdminClass[User]
else:
    DjangoUserAdmin = DjangoUserAdminClass

WORDS = {
    "username": (LOGIN_NAME, "Letters, digits and @ . + - _ alone."),
    "is_active": ("Active", "Off: this person can neither log in nor use tokens."),
    "is_staff": ("Opens this admin", "What is seen there are the accounts that the person works for."),
    "is_superuser": (
        "Platform admin",
        "Reaches every account, and alone makes accounts, logins and shared routes.",
    ),
}
"""Column → label and help of its field."""

# "User" is what Django calls them; here a user is who has a phone.
User._meta.verbose_name, User._meta.verbose_name_plural = "login", "people who log in"
User._meta.get_field("username").error_messages["unique"] = "There is a login with this name already."
admin.site.login_form = LoginForm
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

    form: Any = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipInline,)
    list_display = ("login_name", "person", "works_for", "state")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_help_text = "Login name, name or email address"
    filter_horizontal = ()
    # The theme's own is empty, and hides that of Django.
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        ("Access", {"fields": ("is_staff", "is_superuser")}),
    )
    fieldsets = (
        (None, {"fields": ("username", "password_state")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("password_state", "last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        queryset: QuerySet[User] = super().get_queryset(request)
        return queryset.prefetch_related("memberships__account")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field, in the words of this product."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in WORDS:
            field.label, field.help_text = WORDS[db_field.name]
        return field

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

    @admin.display(description=LOGIN_NAME, ordering="username")
    def login_name(self, login: User) -> str:
        """Return what the person logs in as."""
        return login.username

    @admin.display(description="Name", ordering="first_name")
    def person(self, login: User) -> str:
        """Return the name of the person."""
        return login.get_full_name() or "–"

    @admin.display(description="State", ordering="is_active")
    def state(self, login: User) -> str:
        """Return whether somebody can log in here."""
        if not login.is_active:
            return "deactivated"
        return "active" if login.is_staff else "active, by token alone"

    @admin.display(description="Password")
    def password_state(self, login: User) -> SafeString:
        """Return whether there is a password, with the way to a new one; nothing of it is shown."""
        return format_html(
            '{} <a class="text-primary-600 dark:text-primary-500" href="{}">Set a new password</a>',
            "Set; only a hash of it is stored."
            if login.has_usable_password()
            else "None: nobody can log in.",
            reverse("admin:auth_user_password_change", args=[login.pk]),
        )

    @admin.display(description="Works for")
    def works_for(self, login: User) -> str:
        """Return the accounts and roles of a login."""
        if login.is_superuser:
            return "every account"
        memberships: Any = getattr(login, "memberships").all()  # noqa: B009
        return ", ".join(f"{m.account} ({m.get_role_display().lower()})" for m in memberships) or "–"


def _kept(login: User, traces: Traces) -> str:
    return (
        f"What {login.get_username()} did would lose its author: {traces}. "
        "Deactivate the login instead: switch Active off on its page."
    )


@admin.register(Membership)
class MembershipAdmin(HistoryAdmin, PlatformAdmin):
    """Who works for which account, in which role."""

    empty_text = "A membership lets somebody who logs in work for an account: as its admin, as operator, or to look on."
    list_display = ("user", "account", "role", "created_at")
    list_editable = ("role",)
    list_filter = ("role", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("user", "account")
    search_fields = ("user__username", "account__name", "account__domain")
    search_help_text = "Login, account or domain"
    autocomplete_fields = ("user", "account")
