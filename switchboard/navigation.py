# SPDX-License-Identifier: Apache-2.0
"""The menu at the side of the admin: what a person may open, in the order in which it is used.

It is made from the admin's own list of pages, so that it never offers more than the roles allow and forgets no page.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

OTHER: Final = "More"


class Entry(NamedTuple):
    """Where a page stands in the menu; its place in `ENTRIES` is its place there."""

    group: str
    icon: str
    title: str = ""
    """Empty: the plural of the model."""


LIVE, PHONES, DIALPLAN, PLATFORM = "Live", "Phones", "Dialplan", "Administration"
ENTRIES: Final[dict[str, Entry]] = {
    "cdrs.CDR": Entry(LIVE, "call_log"),
    "cdrs.Recording": Entry(LIVE, "voicemail"),
    "accounts.User": Entry(PHONES, "deskphone"),
    "signaling.Registration": Entry(PHONES, "sensors"),
    "dialplan.Route": Entry(DIALPLAN, "alt_route"),
    "media.Prompt": Entry(DIALPLAN, "graphic_eq"),
    "accounts.Account": Entry(PLATFORM, "domain"),
    "auth.User": Entry(PLATFORM, "group", "People who log in"),
    "accounts.Membership": Entry(PLATFORM, "badge"),
    "accounts.ApiToken": Entry(PLATFORM, "key"),
    "signaling.Ban": Entry(PLATFORM, "block"),
    "accounts.FailedLogin": Entry(PLATFORM, "lock"),
    "accounts.RecordedLogin": Entry(PLATFORM, "history", "Log of logins"),
}
BESIDE: Final[dict[str, tuple[str, str, str]]] = {
    "cdrs.CDR": ("Report", "admin:cdrs_cdr_report", "bar_chart"),
    "dialplan.Route": ("Simulator", "admin:dialplan_route_simulate", "science"),
    "accounts.ApiToken": ("API console", "api:docs", "api"),
}
"""Model → a page that stands below it: title, name of its URL, icon."""


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the menu for whoever asks for a page."""
    dashboard = _item("Dashboard", reverse("admin:index"), "dashboard")
    groups: dict[str, list[dict[str, Any]]] = {LIVE: [dashboard]}
    for label, model in _pages(request):
        entry = ENTRIES.get(label, Entry(OTHER, "folder"))
        items = groups.setdefault(entry.group, [])
        items.append(_item(entry.title or model["name"], model["admin_url"], entry.icon))
        if label in BESIDE:
            title, name, icon = BESIDE[label]
            items.append(_item(title, reverse(name), icon))
    _mark_active(request, [item for items in groups.values() for item in items])
    return [{"title": title, "items": items} for title, items in groups.items()]


def _pages(request: HttpRequest) -> list[tuple[str, dict[str, Any]]]:
    """Return label → page of each model that the person may open, in the order of the menu."""
    found = {
        model["model"]._meta.label: model
        for app in admin.site.get_app_list(request)
        for model in app["models"]
        if model["admin_url"]
    }
    order = {label: place for place, label in enumerate(ENTRIES)}
    return sorted(found.items(), key=lambda page: order.get(page[0], len(order)))


def _item(title: str, link: str, icon: str) -> dict[str, Any]:
    return {"title": str(title), "link": link, "icon": icon, "active": False}


def _mark_active(request: HttpRequest, items: list[dict[str, Any]]) -> None:
    home = reverse("admin:index")
    near = [
        item
        for item in items
        if item["link"] == request.path or (item["link"] != home and request.path.startswith(item["link"]))
    ]
    if near:
        max(near, key=lambda item: len(item["link"]))["active"] = True
