# SPDX-License-Identifier: Apache-2.0
"""The pages of an export: what will be in the file, the file itself, and how far it is."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from django.core.handlers.asgi import ASGIRequest
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.timezone import localtime, now

from cdrs.export.columns import COLUMNS
from cdrs.export.progress import Progress, is_token, new_token
from cdrs.export.rows import pieces
from cdrs.export.stream import Stream, TooManyExports
from cdrs.forms import SearchForm
from cdrs.pages.list import chips
from cdrs.pages.reader import Reader
from cdrs.presentation import list_url, with_query
from cdrs.search import Search, matching
from cdrs.search.drivers import plan_rows

COUNTED_AT_MOST: Final = 100_000
"""Where the database keeps no statistics, calls are counted up to here."""
REFRESH_S: Final = 1
_TYPICAL_ROW_BYTES: Final = 340


class _File(StreamingHttpResponse):
    """A response that gives back the slot of a stream that nobody read."""

    def __init__(self, stream: Stream, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stream = stream

    def close(self) -> None:
        super().close()
        self._stream.abandon()


def context(request: HttpRequest, reader: Reader) -> dict[str, Any]:
    """Return what the page before an export shows."""
    search, form = _search(request, reader)
    token = new_token()
    rows, is_exact = estimate(search, reader.accounts_for(search))
    params = {**search.params(), "token": token}
    return {
        "rows": rows,
        "is_exact": is_exact,
        "is_more": not is_exact and rows == COUNTED_AT_MOST,
        "size_mb": rows * _TYPICAL_ROW_BYTES / 1e6,
        "chips": list(chips(search, form)),
        "columns": ", ".join(COLUMNS),
        "csv_url": with_query("admin:cdrs_cdr_export_csv", params),
        "progress_url": with_query("admin:cdrs_cdr_export_progress", {"token": token, "of": str(rows)}),
        "list_url": list_url(search),
    }


def file(request: HttpRequest, reader: Reader) -> HttpResponseBase:
    """Return the CSV file as a stream."""
    search, _ = _search(request, reader)
    token = request.GET.get("token", "")
    progress = Progress(token=token if is_token(token) else new_token(), user_id=_login(request))
    try:
        stream = Stream(partial(_pieces, search, reader.accounts_for(search)), progress)
    except TooManyExports:
        text = "Too many exports are running; try again when one of them is complete."
        return HttpResponse(text, status=503, content_type="text/plain", headers={"Retry-After": "30"})
    # Django would read the whole of the other kind into memory first.
    content: Any = aiter(stream) if isinstance(request, ASGIRequest) else iter(stream)
    response = _File(stream, content, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="calls-{localtime(now()):%Y%m%d-%H%M%S}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def progress_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the frame with the progress shows."""
    progress = Progress.of(request.GET.get("token", ""), _login(request))
    of = request.GET.get("of", "")
    expected = int(of) if of.isascii() and of.isdigit() and len(of) < 12 else 0
    is_over = progress is not None and progress.state != "running"
    percent = (
        100.0 if is_over else min(99.0, 100 * progress.rows / expected) if progress and expected else 0.0
    )
    return {"progress": progress, "percent": f"{percent:.1f}", "refresh_s": 0 if is_over else REFRESH_S}


def estimate(search: Search, accounts: frozenset[str] | None) -> tuple[int, bool]:
    """Return about how many calls a search meets, and whether that is exact; counts no more than is cheap."""
    calls = matching(search, accounts)
    if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
        rows = plan_rows(calls)
        if rows > COUNTED_AT_MOST:
            return rows, False
    counted = calls.order_by()[:COUNTED_AT_MOST].count()
    return counted, counted < COUNTED_AT_MOST


def _pieces(search: Search, accounts: frozenset[str] | None) -> Any:
    return pieces(matching(search, accounts))


def _login(request: HttpRequest) -> int:
    return int(request.user.pk or 0)


def _search(request: HttpRequest, reader: Reader) -> tuple[Search, SearchForm]:
    form = SearchForm(
        request.GET, accounts=reader.choices(request.GET.get("account", "")), listens=reader.listens
    )
    return form.search(), form
