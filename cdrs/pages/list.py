# SPDX-License-Identifier: Apache-2.0
"""The list of calls: a form, a page of lines, and links to the newest, the newer and the older ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.http import HttpRequest
from django.utils.timezone import localtime, now

from cdrs.forms import WEEKDAYS, SearchForm
from cdrs.pages.neighbours import known_routes
from cdrs.pages.reader import Reader
from cdrs.presentation import list_url, row, with_query
from cdrs.search import BadCursor, Cursor, Page, Search, find

PATIENT: Final = "look"
"""Parameter of a link that asks for a longer look."""
_PERIODS: Final = (("Today", 0), ("7 days", 6), ("30 days", 29))


def context(request: HttpRequest, reader: Reader) -> dict[str, Any]:
    """Return what the template of the list shows."""
    query = request.GET
    form = SearchForm(query, accounts=reader.choices(query.get("account", "")), listens=reader.listens)
    search = form.search()
    page = find(search, reader.accounts_for(search), _cursor(query.get("at", "")), patient=PATIENT in query)
    names = reader.names(page.calls)
    return {
        "form": form,
        "search": search,
        "rows": [row(call, names) for call in page.calls],
        "several_accounts": reader.has_several,
        "is_open": _needs_more_fields(search) or bool(form.errors),
        "chips": list(chips(search, form)),
        "periods": list(_periods(search)),
        "known_routes": known_routes(request),
        "known_nodes": sorted({call.signaling_server for call in page.calls if call.signaling_server}),
        "export_url": with_query("admin:cdrs_cdr_export", search.params()),
        "report_url": with_query("admin:cdrs_cdr_report", _report_params(search)),
        **_links(search, page, "at" in query),
    }


def _cursor(text: str) -> Cursor | None:
    """Return the place that a link names; the newest calls for one that names none."""
    try:
        return Cursor.parse(text) if text else None
    except BadCursor:
        return None


def _links(search: Search, page: Page, is_inside: bool) -> dict[str, Any]:
    patience = {PATIENT: "on"} if page.searched_to else {}
    return {
        "first_url": list_url(search) if is_inside and page.newer else "",
        "newer_url": list_url(search, at=str(page.newer)) if page.newer else "",
        "older_url": list_url(search, at=str(page.older), **patience) if page.older else "",
        "searched_to": page.searched_to,
    }


def _needs_more_fields(search: Search) -> bool:
    return any(
        (search.cause, search.quality, search.route, search.node, search.account, search.exact)
    ) or any(value is not None for value in (search.status, search.weekday, search.hour, search.recorded))


def chips(search: Search, form: SearchForm) -> Iterator[dict[str, str]]:
    """Give each condition in words, with the link that drops it."""
    words = {
        "text": f"“{search.text}”" if not search.exact else f"is exactly “{search.text}”",
        "since": f"from {_moment(search.since)}",
        "until": f"until {_moment(search.until)}",
        "status": f"SIP {search.status}" if search.status else "no SIP status",
        "weekday": "" if search.weekday is None else f"on a {WEEKDAYS[search.weekday]}",
        "hour": "" if search.hour is None else f"{search.hour:02}:00–{search.hour:02}:59",
        **{name: _chosen(form, name) for name in ("disposition", "cause", "quality", "account")},
        "recorded": "recorded" if search.recorded else "not recorded",
        "route": f"route {search.route}",
        "node": f"node {search.node}",
    }
    for name, text in words.items():
        if getattr(search, name) not in ("", None):
            dropped = search.but(**{name: getattr(Search(), name)})
            yield {"name": name, "text": text, "url": list_url(dropped)}


def _chosen(form: SearchForm, name: str) -> str:
    choices: Any = form.fields[name]
    return str(dict(choices.choices).get(form.cleaned_data.get(name, ""), ""))


def _moment(time: datetime | None) -> str:
    if time is None:
        return ""
    local = localtime(time)
    return f"{local:%Y-%m-%d}" if (local.hour, local.minute) == (0, 0) else f"{local:%Y-%m-%d %H:%M}"


def _periods(search: Search) -> Iterator[dict[str, Any]]:
    """Give the usual times to look at, each with its link."""
    midnight = localtime(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    for name, days in _PERIODS:
        wanted = search.but(since=midnight - timedelta(days=days), until=None)
        yield {"name": name, "url": list_url(wanted), "chosen": wanted == search}
    yield {
        "name": "All",
        "url": list_url(search.but(since=None, until=None)),
        "chosen": search.since is None and search.until is None,
    }


def _report_params(search: Search) -> dict[str, str]:
    """Return what the report takes over from a search: its days and its account."""
    params = {} if search.since is None else {"from": f"{localtime(search.since):%Y-%m-%d}"}
    if search.until is not None:
        params["to"] = f"{localtime(search.until - timedelta(microseconds=1)):%Y-%m-%d}"
    return {**params, "account": search.account} if search.account else params
