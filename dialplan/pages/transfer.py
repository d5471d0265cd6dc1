# SPDX-License-Identifier: Apache-2.0
"""Import and export of routes as one JSON document, in the browser."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from accounts.choices import Permission
from accounts.models import Account
from dialplan.engine import DialplanError
from dialplan.engine.reading import MAX_DOCUMENT_BYTES
from dialplan.files import ImportResult, export_document, import_document, parse_bytes
from dialplan.pages.scopes import SHARED, ScopeField, may_share


class ExportForm(forms.Form):
    """Whose routes."""

    scope: Any

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The import has a field of the same name on the same page: a label must not lead to the other.
        self.auto_id = "id_export_%s"
        self.fields["scope"] = ScopeField(request, Permission.VIEW_CONFIG, shared=True, label="Routes of")


class ImportForm(forms.Form):
    """A document, as a file or as text, and where it goes."""

    scope: Any
    file = forms.FileField(label="File", required=False, help_text="JSON, as the export makes it.")
    text = forms.CharField(
        label="Or its text",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "class": "is-code"}),
    )
    replace = forms.BooleanField(
        label="Delete the routes that the document does not hold", required=False, help_text=""
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scope = ScopeField(
            request, Permission.CHANGE_CONFIG, shared=may_share(request), label="Into the routes of"
        )
        self.fields = {"scope": scope, **self.fields}

    def clean(self) -> dict[str, Any]:
        """Read the document; what is typed wins nothing over a file, so only one of both is taken."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if bool(file) == bool(text.strip()):
            self.add_error("file", "Choose a file or paste its text, one of both.")
            return cleaned
        cleaned["data"] = file.read(MAX_DOCUMENT_BYTES + 1) if file else text.encode()
        return cleaned


def export(request: HttpRequest) -> HttpResponse:
    """Return the routes of a scope as a file.

    Raises:
        DialplanError: rows were written past the checks and are no valid routes.
    """
    form = ExportForm(request, request.GET)
    if not form.is_valid():
        return HttpResponse("There are no such routes.", status=404, content_type="text/plain; charset=utf-8")
    account: Account | None = form.cleaned_data["scope"]
    document = export_document(account).model_dump(mode="json")
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    name = account.domain if account else SHARED
    return HttpResponse(
        text,
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="dialplan-{name}.json"'},
    )


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows; a POST checks or imports."""
    may_import = bool(ScopeField(request, Permission.CHANGE_CONFIG, shared=may_share(request)).choices)
    shown: dict[str, Any] = {"export_form": ExportForm(request), "may_import": may_import}
    if request.method != "POST" or not may_import:
        return {**shown, "form": ImportForm(request)}
    form = ImportForm(request, request.POST, request.FILES)
    shown["form"] = form
    if not form.is_valid():
        return shown
    only_check = "check" in request.POST
    try:
        result = _run(form.cleaned_data, only_check=only_check)
    except DialplanError as error:
        return {**shown, "problems": error.errors}
    return {**shown, "result": result, "only_check": only_check}


def _run(given: dict[str, Any], *, only_check: bool) -> ImportResult:
    document = parse_bytes(given["data"])
    return import_document(document, given["scope"], replace=given["replace"], dry_run=only_check)
