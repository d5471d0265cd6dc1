# SPDX-License-Identifier: Apache-2.0
"""Where a page of the admin stands: the group of the menu, the list, the row, and what the page shows of it.

The theme knows lists and rows alone, and calls them after apps and tables; the menu's words come from `navigation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from switchboard.navigation import ENTRIES


class Step(NamedTuple):
    """One step of the trail."""

    title: str
    link: str = ""
    """Empty: there is no page of it."""


BELOW: Final = {
    "add": "Add",
    "delete": "Delete",
    "history": "History",
    "simple_history": "Version",
    "password_change": "Password",
    "setup": "Phone",
    "json": "JSON",
    "simulate": "Simulator",
    "transfer": "Import and export",
    "export": "Export",
    "report": "Report",
}
"""Last part of a page's name → what stands at the end of the trail."""


def trail(parts: Sequence[dict[str, Any]], request: HttpRequest) -> list[Step]:
    """Return the steps to a page.

    Args:
        parts: what the theme would show: app, list and row, each with ``title`` and perhaps ``link``.
        request: of the page.
    """
    known = [Step(str(part["title"]), str(part.get("link") or "")) for part in parts]
    match = request.resolver_match
    found = _page_of(match.url_name or "") if match else None
    if found is None or len(known) < 2:
        return [Step("Dashboard")] if match and match.view_name == "admin:index" else known
    model, page = found
    entry = ENTRIES.get(model._meta.label)
    group = Step(entry.group) if entry else Step(capfirst(known[0].title), known[0].link)
    title = (entry.title if entry else "") or capfirst(str(model._meta.verbose_name_plural))
    steps = [group, known[1]._replace(title=title), *known[2:]]
    if page == "simple_history" and match:
        steps.append(Step("History", reverse(f"admin:{_prefix(model)}history", args=match.args[:1])))
    return [*steps, Step(BELOW[page])] if page in BELOW else steps


def _page_of(url_name: str) -> tuple[type[Model], str] | None:
    """Return the model that a page is about and the rest of the page's name."""
    for model in admin.site._registry:
        if url_name.startswith(_prefix(model)):
            return model, url_name.removeprefix(_prefix(model))
    return None


def _prefix(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}_"
