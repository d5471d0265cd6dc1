# SPDX-License-Identifier: Apache-2.0
"""API tokens: made here, shown once, revoked here.

Who may manage tokens in an account sees that account's tokens and the own ones, and makes tokens for the own login
alone: a token acts as its owner. Invariant: no version in the history brings a token back that was revoked or deleted.
"""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin_base import CheckboxList, ModelForm, TenantAdmin, is_platform_admin
from accounts.admin_history import HistoryAdmin
from accounts.choices import Permission, Scope
from accounts.models import ApiToken
from accounts.tenancy import access_of
from accounts.tokens import put_secret, revoke, visible, visible_tokens


class TokenForm(ModelForm):
    """A token; its scopes are ticked."""

    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=CheckboxList())

    class Meta:
        model = ApiToken
        fields = ("name", "user", "account", "scopes", "expires_at", "rate_per_minute")


@admin.register(ApiToken)
class ApiTokenAdmin(HistoryAdmin, TenantAdmin):
    """Tokens of programs that use the REST API."""

    restores_deleted = False
    empty_text = (
        "A program that uses REST shows a token: made here, shown once, bound to a login and its scopes."
    )
    form = TokenForm
    view_permission = Permission.MANAGE_TOKENS
    change_permission = Permission.MANAGE_TOKENS
    list_display = ("name", "shown", "user", "account_or_all", "uses", "state", "expires_at", "last_used_at")
    list_select_related = ("user", "account")
    list_filter = (("account", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("name", "prefix", "user__username")
    search_help_text = "Name, beginning of the token, or login"
    autocomplete_fields = ("account",)
    actions = ("revoke_tokens",)
    readonly_fields = ("shown", "state", "last_used_at", "created_at")

    class Media:
        css = {"all": ["switchboard/panels.css"]}
        js = [Script("switchboard/copy.js", defer=True)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        return visible_tokens(request.user)

    def has_view_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        access = access_of(request.user)
        if obj is None or not access.may(self.view_permission):
            return access.may(self.view_permission)
        own = obj.user_id == request.user.pk
        return own or super().has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        wanted = ("name", "user", "account", "scopes", "expires_at", "rate_per_minute")
        if obj is not None:
            kept = tuple("scopes_in_words" if name == "scopes" else name for name in wanted[1:])
            return ("name", "shown", "state", *kept, "last_used_at", "created_at")
        return wanted if is_platform_admin(request) else tuple(name for name in wanted if name != "user")

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> tuple[str, ...]:
        """Fix what a token stands for: programs rely on it."""
        fixed = () if obj is None else ("user", "account", "scopes_in_words")
        return (*fixed, *self.readonly_fields)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is not None:
            # Without scopes: what a token may do is settled when it is made.
            kwargs.setdefault("form", ModelForm)
        return super().get_form(request, obj, change=change, **kwargs)

    def own_versions(self, request: HttpRequest, versions: QuerySet[Any]) -> QuerySet[Any]:
        """Return the versions of tokens that the reader manages."""
        return visible(versions, request.user)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "user": request.user.pk,
            "scopes": [Scope.READ.value],
            **super().get_changeform_initial_data(request),
        }

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        if not is_platform_admin(request):
            obj.user = cast("Any", request.user)
        text = put_secret(obj)
        super().save_model(request, obj, form, change)
        note = format_html(
            'Token of {}: <code class="font-mono break-all">{}</code> {} Note it now, it is not shown again.',
            obj.name,
            text,
            render_to_string("phones/copy.html", {"value": text, "what": "token"}),
        )
        self.message_user(request, note, messages.WARNING)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke_tokens(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """End the selected tokens for good."""
        rows = [row for row in queryset if row.revoked_at is None]
        for row in rows:
            revoke(row)
            self.log_change(request, row, "Revoked.")
        self.message_user(request, f"Revoked: {len(rows)}.", messages.SUCCESS)

    @admin.display(description="Begins with")
    def shown(self, token: ApiToken) -> str:
        """Return the beginning of the token."""
        return f"{token.prefix}…"

    @admin.display(description="Account", ordering="account__name")
    def account_or_all(self, token: ApiToken) -> str:
        """Return the account that the token is bound to."""
        return token.account.name if token.account else "all of the login"

    @admin.display(description="Scopes")
    def uses(self, token: ApiToken) -> str:
        """Return the scopes in short."""
        return ", ".join(map(str, token.scopes))

    @admin.display(description="Scopes")
    def scopes_in_words(self, token: ApiToken) -> str:
        """Return the scopes in words."""
        words = dict(Scope.choices)
        return "; ".join(str(words.get(name, name)) for name in token.scopes)

    @admin.display(description="State")
    def state(self, token: ApiToken) -> str:
        """Return whether the token still counts."""
        if token.revoked_at:
            return "revoked"
        expired = token.expires_at is not None and token.expires_at <= timezone.now()
        return "expired" if expired else "valid"
