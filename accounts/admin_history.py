# SPDX-License-Identifier: Apache-2.0
"""Change history in the admin: who changed what, as a difference, and back to an earlier version.

Invariants: nobody sees what a row was while it belonged to another account; a version is restored through the page's
own form, so that fields which somebody may not change keep their present values; no password hash is ever part of a
history (the models leave them out).
"""

from __future__ import annotations

import difflib
import json
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import JSONField, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from simple_history.admin import SimpleHistoryAdmin
from simple_history.template_utils import HistoricalRecordContextHelper

from accounts.tenancy import access_of, scope


class Differences(HistoricalRecordContextHelper):  # type: ignore[misc]
    """Shows changed JSON line by line; other values as old and new, as forms show them."""

    def prepare_delta_change_value(self, change: Any, value: Any) -> Any:
        """Return a value in words."""
        field: Any = self.model._meta.get_field(change.field)
        if value is None:
            return ""
        if field.choices:
            return str(dict(field.flatchoices).get(value, value))
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            return date_format(localtime(value), "DATETIME_FORMAT")
        return super().prepare_delta_change_value(change, value)

    def format_delta_change(self, change: Any) -> Any:
        """Return the change with its values made readable."""
        shown = super().format_delta_change(change)
        if isinstance(self.model._meta.get_field(change.field), JSONField):
            object.__setattr__(shown, "old", "")
            object.__setattr__(shown, "new", json_difference(change.old, change.new))
        return shown


class HistoryAdmin(SimpleHistoryAdmin):  # type: ignore[misc]
    """Adds the history pages; stands before `TenantAdmin` or `PlatformAdmin` among the bases."""

    restores_deleted = True
    """Whether a row that is gone can be made again from one of its versions."""
    object_history_template: Any = "admin/history/history.html"
    object_history_list_template = "admin/history/versions.html"
    object_history_form_template = "admin/history/version.html"

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """List the versions of a row, each with what it changed."""
        titles = {"titles": ("Version", "What", "Who", "Changes")}
        page: HttpResponse = super().history_view(request, object_id, {**titles, **(extra_context or {})})
        return page

    def get_history_queryset(
        self, request: HttpRequest, history_manager: Any, pk_name: str, object_id: Any
    ) -> QuerySet[Any]:
        """Return the versions of a row that the reader's accounts owned."""
        versions = super().get_history_queryset(request, history_manager, pk_name, object_id)
        return self.own_versions(request, versions)

    def get_historical_record_context_helper(
        self, request: HttpRequest, historical_record: Any
    ) -> Differences:
        """Return what formats the differences."""
        return Differences(self.model, historical_record)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Show a version; restore it when it is posted."""
        key = unquote(object_id)
        versions = self.model.history.filter(**{self.opts.pk.attname: key})
        version = (
            self.own_versions(request, versions).filter(pk=version_id).first()
            if version_id.isdigit()
            else None
        )
        if version is None:
            raise Http404("There is no such version.")
        current = self.model._default_manager.filter(pk=key).first()
        if current is not None and not self.has_view_permission(request, current):
            raise Http404("There is no such version.")
        if request.method == "POST" and not self._may_restore(request, version.instance, current):
            raise PermissionDenied
        told = {"version": version, "is_gone": current is None, **(extra_context or {})}
        page: HttpResponse = super().history_form_view(request, key, version_id, told)
        return page

    def history_view_title(self, request: HttpRequest, obj: Any) -> str:
        """Return what the list of versions is called."""
        return f"History of {obj}"

    def history_form_view_title(self, request: HttpRequest, obj: Any) -> str:
        """Return what one version is called."""
        return f"A version of {obj}"

    def revert_disabled(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether a version is only shown."""
        if not self.has_change_permission(request, obj):
            return True
        return obj is not None and not self.restores_deleted and not self._is_there(obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and hasattr(obj, "_history"):
            _prepare(obj, self.model._default_manager.filter(pk=obj.pk).first(), set(form.base_fields))
        return form

    def own_versions(self, request: HttpRequest, versions: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of some versions that the reader may see."""
        path = self.opts.pk.attname if self.account_path == "pk" else self.account_path
        access = access_of(request.user)
        return scope(versions, access, path, permission=self.view_permission, shared=self.shared_rows)

    def _is_there(self, row: Model) -> bool:
        return bool(self.model._default_manager.filter(pk=row.pk).exists())

    def _may_restore(self, request: HttpRequest, version: Model, current: Model | None) -> bool:
        if current is None:
            return self.restores_deleted and bool(
                self.has_add_permission(request) and self.has_change_permission(request, version)
            )
        return all(self.has_change_permission(request, row) for row in (current, version))


def json_difference(old: Any, new: Any) -> SafeString:
    """Return two values as the lines that went and came."""
    lines = list(difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=1))[2:]
    shown = [line for line in lines if not line.startswith("@@")]
    return format_html(
        '<pre style="white-space: pre-wrap">{}</pre>',
        format_html_join("\n", "{}", ((line,) for line in shown)),
    )


def _lines(value: Any) -> list[str]:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True).splitlines()


def _prepare(version: Any, current: Any, offered: set[str]) -> None:
    """Make a version count as an edit of the present row: what the form does not offer stays as it is."""
    if current is None:
        version._state.adding = True
        return
    for field in version._meta.concrete_fields:
        if field.name not in offered:
            setattr(version, field.attname, getattr(current, field.attname))
    if hasattr(version, "follow"):
        version.follow(current)
