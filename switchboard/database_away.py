# SPDX-License-Identifier: Apache-2.0
"""What the web roles do while the database is away: say so with status 503, and say it once in the log.

Invariant: nothing here asks the database, so the answer does not wait for what it is about.
"""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import Any, Final

import structlog
from django.db import InterfaceError, OperationalError
from django.db.backends.signals import connection_created
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import HttpRequest
from django.template.loader import render_to_string

from switchboard.last_words import database_reason

log = structlog.get_logger("switchboard.database")

AWAY: Final = (OperationalError, InterfaceError)
"""What Django raises when the database cannot be asked, in contrast to a question that it refuses."""
RETRY_AFTER_S: Final = 5
SENTENCE: Final = "The database does not answer."


class Outage:
    """Whether the database is away, as the requests of this process found it."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._lock = Lock()

    def begins(self, reason: str) -> None:
        """Take note; the first one after a good time is logged."""
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()
                log.warning("database.away", reason=reason)

    def ends(self, **_: Any) -> None:
        """Take note of a connection that was made."""
        if self._since is None:
            return
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            log.info("database.back", after_s=round(time.monotonic() - since, 1))


outage = Outage()
connection_created.connect(outage.ends, dispatch_uid="switchboard.database_away")


def unavailable(request: HttpRequest, error: BaseException) -> HttpResponseBase:
    """Answer 503: JSON below ``/api/``, a page that loads itself again elsewhere."""
    outage.begins(database_reason(error))
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    if request.path.startswith("/api/"):
        return JsonResponse({"error": SENTENCE, "code": "UNAVAILABLE"}, status=503, headers=headers)
    again = request.method in ("GET", "HEAD")
    text = render_to_string("503.html", {"again": again, "retry_after_s": RETRY_AFTER_S})
    return HttpResponse(text, status=503, headers=headers)


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Filter of ``django.request``: answers with 503 are known from the line of the outage."""
    return getattr(record, "status_code", 500) != 503


def quiet_the_log() -> None:
    """Have one outage make one line, not one for every request."""
    logging.getLogger("django.request").addFilter(is_worth_a_line)
