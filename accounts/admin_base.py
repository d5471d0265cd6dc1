# SPDX-License-Identifier: Apache-2.0
"""The two kinds of admin page: `TenantAdmin` for rows of accounts, `PlatformAdmin` for what concerns all of them.

Roles decide, not Django's model permissions: whoever reaches no account sees nothing, and nobody sees or changes a
row of an account that the role does not reach. Every registered page derives from one of both; a test walks them.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import BaseModelForm, ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst

from accounts.admin_theme import (
    AdminPasswordChangeForm,
    Checkbox,
    CheckboxList,
    ModelAdmin,
    ModelForm,
    Select,
    TabularInline,
    Textarea,
    TextInput,
    UserChangeForm,
    UserCreationForm,
)
from accounts.choices import Permission
from accounts.tenancy import access_of, account_id_of, scope

__all__ = [
    "AdminPasswordChangeForm",
    "Checkbox",
    "CheckboxList",
    "ModelAdmin",
    "ModelForm",
    "PlatformAdmin",
    "Select",
    "TabularInline",
    "TenantAdmin",
    "TextInput",
    "Textarea",
    "UserChangeForm",
    "UserCreationForm",
    "is_platform_admin",
]


def is_platform_admin(request: HttpRequest) -> bool:
    """Return whether the request comes from a platform admin."""
    return access_of(request.user).may(Permission.PLATFORM)


class Page(ModelAdmin):
    """What every page has in common."""

    empty_text = ""
    """What an empty list says: what stands in it, and where it comes from."""
    list_title = ""
    """What the list is called; empty: the plural of its model."""

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, under the name of what it lists."""
        title = self.list_title or capfirst(str(self.opts.verbose_name_plural))
        page: HttpResponse = super().changelist_view(request, {"title": title, **(extra_context or {})})
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a row; with the way to its history where it has one."""
        told = {"show_history": hasattr(self.model, "history"), **(extra_context or {})}
        page: HttpResponse = super().change_view(request, object_id, form_url, told)
        return page

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Leave out the rows that go along with a deletion and have no page: nobody has ever seen them."""
        deleted, counts, forbidden, protected = super().get_deleted_objects(objs, request)
        seen = {str(model._meta.verbose_name_plural) for model in self.admin_site._registry}
        hidden = [model._meta for model in apps.get_models() if model not in self.admin_site._registry]
        starts = tuple(
            f"{capfirst(meta.verbose_name)}: " for meta in hidden if meta.verbose_name_plural not in seen
        )
        counted = {name: count for name, count in counts.items() if str(name) in seen}
        return _without(deleted, starts), counted, forbidden, protected


class PlatformAdmin(Page):
    """A page that platform admins alone open."""

    account_path = ""
    view_permission = Permission.PLATFORM
    shared_rows = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_platform_admin(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_admin(request)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return is_platform_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_admin(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_platform_admin(request)


class TenantAdmin(Page):
    """A page with rows of accounts: each person sees and changes those that the role reaches."""

    account_path = "account"
    """Lookup from a row to its account; ``pk`` for accounts themselves."""
    view_permission = Permission.VIEW_CONFIG
    change_permission = Permission.CHANGE_CONFIG
    shared_rows = False
    """Whether rows without an account are shown to everybody; platform admins alone change them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return scope(
            super().get_queryset(request),
            access_of(request.user),
            self.account_path,
            permission=self.view_permission,
            shared=self.shared_rows,
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, self.view_permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.view_permission, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request, self.change_permission)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.change_permission, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.change_permission, obj)

    def changeable(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of a selection that may be changed, for actions in the list."""
        return scope(queryset, access_of(request.user), self.account_path, permission=self.change_permission)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save, after asking once more for the account that the row now belongs to."""
        if not (self.has_change_permission(request, obj) if change else self._may_add(request, obj)):
            raise PermissionDenied
        super().save_model(request, obj, form, change)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        """Offer and accept rows of those accounts alone in which something may be changed."""
        page: Any = self.admin_site._registry.get(db_field.remote_field.model)
        limited = isinstance(page, TenantAdmin) and not is_platform_admin(request)
        if limited:
            kwargs["queryset"] = scope(
                page.model._default_manager.all(),
                access_of(request.user),
                page.account_path,
                permission=self.change_permission,
            )
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and limited and self.shared_rows and db_field.name == self.account_path:
            # What belongs to no account belongs to the platform.
            field.required = True
        return field

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Make rows that may be seen and not changed read-only in the list."""
        form_class = super().get_changelist_form(request, **kwargs)
        return form_class if is_platform_admin(request) else _closed_where_refused(form_class, self, request)

    def _may_add(self, request: HttpRequest, obj: Any) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request, obj)

    def _may(self, request: HttpRequest, permission: Permission, obj: Model | None = None) -> bool:
        access = access_of(request.user)
        if obj is None:
            return access.may(permission)
        account_id = account_id_of(obj, self.account_path)
        if account_id is not None:
            return access.may(permission, account_id)
        if self.shared_rows and permission is self.view_permission:
            return access.may(permission)
        return access.may(Permission.PLATFORM)


def _without(tree: list[Any], starts: tuple[str, ...]) -> list[Any]:
    """Return a tree of texts, as lists in lists, without those that start in a certain way."""
    kept = [_without(each, starts) if isinstance(each, list) else each for each in tree]
    return [each for each in kept if each and (isinstance(each, list) or not each.startswith(starts))]


def _closed_where_refused(
    form_class: type[BaseModelForm[Any]], page: TenantAdmin, request: HttpRequest
) -> type[BaseModelForm[Any]]:
    class RowForm(form_class):  # type: ignore[valid-type, misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if not page.has_change_permission(request, self.instance):
                for field in self.fields.values():
                    field.disabled = True

    return RowForm
