# SPDX-License-Identifier: Apache-2.0
"""Admin pages of calls. They only show: a record of what happened is not edited.

The pages themselves are in `cdrs.pages`; here they get their URLs, and nobody passes who may not see call records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin

from accounts.admin_base import TenantAdmin
from accounts.choices import Permission
from cdrs.models import CDR
from cdrs.pages import call as call_page
from cdrs.pages import export as export_pages
from cdrs.pages import list as list_page
from cdrs.pages import report as report_page
from cdrs.pages.reader import Reader
from cdrs.presentation import LIST_URL
from cdrs.recordings.admin import RecordingAdmin

__all__ = ["CDRAdmin", "RecordingAdmin"]

TEMPLATES = "admin/cdrs/cdr"


@admin.register(CDR)
class CDRAdmin(TenantAdmin):
    """Calls: the list, a call, the export, the report."""

    view_permission = Permission.VIEW_CDRS

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern | URLResolver]:  # type: ignore[override]
        views: dict[str, Callable[..., HttpResponseBase]] = {
            "report": self.report_view,
            "export": self.export_view,
            "export/csv": self.export_csv_view,
            "export/progress": xframe_options_sameorigin(self.export_progress_view),
        }
        own = [
            path(f"{at}/", self.admin_site.admin_view(view), name=f"cdrs_cdr_{at.replace('/', '_')}")
            for at, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> TemplateResponse:
        """Show a page of the list."""
        return self._page(
            request, "change_list.html", "Calls", list_page.context(request, self._reader(request))
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a call, or lead back to the list when there is none that may be seen."""
        if request.method not in ("GET", "HEAD") or not self.has_view_permission(request):
            raise PermissionDenied
        call = self.get_object(request, object_id)
        if call is None:
            self.message_user(request, "There is no such call, or it was deleted.", messages.WARNING)
            return HttpResponseRedirect(reverse(LIST_URL))
        context = {**call_page.context(request, call), "original": call}
        title = f"{call.caller_number} → {call.callee_number}"
        return self._page(request, "change_form.html", title, context)

    def report_view(self, request: HttpRequest) -> TemplateResponse:
        """Show the report of some days."""
        return self._page(
            request, "report.html", "Report", report_page.context(request, self._reader(request))
        )

    def export_view(self, request: HttpRequest) -> TemplateResponse:
        """Show what an export of a search will hold, and how far it is."""
        return self._page(
            request, "export.html", "Export", export_pages.context(request, self._reader(request))
        )

    def export_csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """Send the calls of a search as CSV."""
        return export_pages.file(request, self._reader(request))

    def export_progress_view(self, request: HttpRequest) -> TemplateResponse:
        """Show how far an export is; a frame of its page."""
        self._reader(request)
        context = export_pages.progress_context(request)
        return TemplateResponse(request, f"{TEMPLATES}/export_progress.html", context)

    def _reader(self, request: HttpRequest) -> Reader:
        """Return who asks.

        Raises:
            PermissionDenied: somebody who may see no call records.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        return Reader.of(request)

    def _page(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any]
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, f"{TEMPLATES}/{template}", {**shared, **context})
