# SPDX-License-Identifier: Apache-2.0
"""Admin pages of accounts and SIP users.

A SIP password is seen in two places alone: the set-up page after a form that set it, and the answer to the action
that sets new ones for several users. Neither writes it to the change history, nor readable to the database.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin

from accounts import admin_logins, admin_staff, admin_tokens
from accounts.admin_base import TenantAdmin, is_platform_admin
from accounts.admin_history import HistoryAdmin
from accounts.credentials import generate_password
from accounts.forms import UserForm
from accounts.models import Account, User
from accounts.setup import pages as setup
from accounts.tenancy import Permission, access_of, scope

__all__ = ["AccountAdmin", "UserAdmin", "admin_logins", "admin_staff", "admin_tokens"]

MAX_NEW_PASSWORDS = 500


@admin.register(Account)
class AccountAdmin(HistoryAdmin, TenantAdmin):
    """Tenants. Platform admins make them and set their limits; an account admin changes the name."""

    account_path = "pk"
    list_display = ("name", "domain", "enabled", "user_count", "max_concurrent_calls", "created_at")
    list_editable = ("enabled",)
    list_filter = ("enabled",)
    search_fields = ("name", "domain")
    search_help_text = "Name or domain"
    ordering = ("name", "id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "domain",
                    "enabled",
                    "max_concurrent_calls",
                    "record_calls",
                    "media_encryption",
                )
            },
        ),
        ("Details", {"fields": ("realm", "id", "created_at", "updated_at")}),
    )
    readonly_fields = ("realm", "id", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        queryset: QuerySet[Account] = super().get_queryset(request)
        return queryset.annotate(users_total=Count("users"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_platform_admin(request)

    def has_delete_permission(self, request: HttpRequest, obj: Account | None = None) -> bool:
        return is_platform_admin(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Account | None = None) -> tuple[str, ...]:
        """Leave the domain and the limits to the platform: both concern other accounts."""
        limits = () if is_platform_admin(request) else ("domain", "enabled", "max_concurrent_calls")
        return (*limits, *self.readonly_fields)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        shown = super().get_changelist_instance(request)
        if not is_platform_admin(request):
            shown.list_editable = ()
        return shown

    @admin.display(description="SIP users", ordering="users_total")
    def user_count(self, account: Account) -> str:
        """Return the number of users as a link to their list."""
        url = reverse("admin:accounts_user_changelist")
        return format_html(
            '<a href="{}?account__id__exact={}">{}</a>', url, account.pk, getattr(account, "users_total", 0)
        )


@admin.register(User)
class UserAdmin(HistoryAdmin, TenantAdmin):
    """SIP users: extension and credential in one form."""

    empty_text = "A SIP user is what a phone logs in as: an extension, a name and a password."
    form = UserForm
    list_display = ("extension", "display_name", "username", "account", "phone", "enabled", "updated_at")
    list_display_links = ("extension", "display_name")
    list_editable = ("enabled",)
    list_filter = ("enabled", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account",)
    search_fields = ("extension", "username", "display_name", "account__domain")
    search_help_text = "Extension, user name, display name or domain"
    autocomplete_fields = ("account",)
    actions = ("set_new_passwords",)
    readonly_fields = ("id", "created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        queryset: QuerySet[User] = super().get_queryset(request)
        bindings = User.registrations.rel.related_model.objects  # type: ignore[attr-defined]
        present = bindings.filter(user=OuterRef("pk"), expires_at__gt=timezone.now())
        return queryset.annotate(is_registered=Exists(present))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list[Any]:
        identity = ("account", "extension", "username", "display_name")
        limits = ("enabled", "max_concurrent_calls")
        sections: list[Any] = [(None, {"fields": identity})]
        if obj is None:
            sections.append(("Password", {"fields": ("typed_password",)}))
        elif self.has_change_permission(request, obj):
            sections.append(("Password", {"fields": ("typed_password", "generate")}))
        sections.append(("Limits", {"fields": limits}))
        if obj is not None:
            sections.append(("Details", {"fields": self.readonly_fields}))
        return sections

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Fill in the account when there is but one."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        reached = scope(
            Account.objects.all(), access_of(request.user), "pk", permission=Permission.CHANGE_CONFIG
        )
        accounts = reached.values_list("pk", flat=True)[:2]
        if len(accounts) == 1:
            initial.setdefault("account", accounts[0])
        return initial

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        views = {"setup": self.setup_view, "setup/light": xframe_options_sameorigin(self.light_view)}
        own = [
            path(
                f"<uuid:object_id>/{at}/",
                self.admin_site.admin_view(view),
                name=f"accounts_user_{at.replace('/', '_')}",
            )
            for at, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form without *Save and add another*: the password is shown first."""
        context = {**(extra_context or {}), "show_save_and_add_another": False}
        page: HttpResponse = super().add_view(request, form_url, context)
        return page

    def save_model(self, request: HttpRequest, obj: User, form: UserForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        obj.new_password = getattr(form, "chosen_password", None)

    def response_add(self, request: HttpRequest, obj: User, *args: Any, **kwargs: Any) -> HttpResponse:
        """Lead to the page that shows the password."""
        response = super().response_add(request, obj, *args, **kwargs)
        return self._show_password(request, obj) or response

    def response_change(self, request: HttpRequest, obj: User) -> HttpResponse:
        """Lead to the page that shows the password, when there is a new one."""
        response = super().response_change(request, obj)
        return self._show_password(request, obj) or response

    def _show_password(self, request: HttpRequest, obj: User) -> HttpResponse | None:
        return setup.redirect_to_showing(request, obj, obj.new_password) if obj.new_password else None

    @method_decorator(never_cache)
    def setup_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show what a phone must be told; with a POST, set a new password and show it once."""
        user = self._user(request, object_id)
        may_change = self.has_change_permission(request, user)
        if request.method == "POST":
            if not may_change:
                raise PermissionDenied
            [(_, password)] = self._replace_passwords(request, [user])
            return setup.redirect_to_showing(request, user, password)
        page = {
            **self.admin_site.each_context(request),
            **setup.context(request, user),
            "title": f"Set up the phone of {user}",
            "opts": self.opts,
            "original": user,
            "may_change": may_change,
        }
        request.current_app = self.admin_site.name
        response = TemplateResponse(request, "admin/accounts/user/setup.html", page)
        response.delete_cookie(setup.COOKIE, path=setup.setup_url(user), samesite="Strict")
        return response

    def light_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Show the light alone, for the frame of pages without scripts."""
        user = self._user(request, object_id)
        return TemplateResponse(request, "phones/light_frame.html", {"light": setup.light(request, user)})

    def _user(self, request: HttpRequest, object_id: UUID) -> User:
        user: User | None = self.get_object(request, str(object_id))
        if user is None or not self.has_view_permission(request, user):
            raise Http404("There is no such user.")
        return user

    @admin.display(description="Phone", ordering="is_registered")
    def phone(self, user: User) -> str:
        """Return whether a phone is registered, as a link to the page that sets it up."""
        return render_to_string(
            "phones/cell.html", {"user": user, "is_registered": getattr(user, "is_registered", False)}
        )

    @admin.action(description="Set new passwords", permissions=["change"])
    def set_new_passwords(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """Ask, then give each selected user a generated password and show them all, once."""
        chosen = self.changeable(request, queryset).select_related("account")
        users = list(chosen[: MAX_NEW_PASSWORDS + 1])
        if len(users) > MAX_NEW_PASSWORDS:
            self.message_user(request, f"Select at most {MAX_NEW_PASSWORDS} users.", messages.ERROR)
            return None
        confirmed = "confirm" in request.POST
        context = {
            **self.admin_site.each_context(request),
            "title": "New SIP passwords" if confirmed else "Set new SIP passwords?",
            "opts": self.model._meta,
            "users": users,
            "passwords": self._replace_passwords(request, users) if confirmed else [],
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/accounts/user/new_passwords.html", context)

    def _replace_passwords(self, request: HttpRequest, users: list[User]) -> list[tuple[User, str]]:
        passwords = [(user, generate_password()) for user in users]
        with transaction.atomic():
            for user, password in passwords:
                user.set_password(password)
                user.save(update_fields=["password_hash", "password_hash_sha256", "updated_at"])
                self.log_change(request, user, "Set a new password.")
        return passwords
