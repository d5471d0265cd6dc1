# SPDX-License-Identifier: Apache-2.0
"""The one shape of every REST error: a sentence, a code, and pointers to the fields at fault.

``{"error": "sentence", "code": "NOT_FOUND", "fields": {"actions[0].params.target": ["…"]}}``; ``fields`` is there
when something in the request is to be corrected. Used by every process that serves REST; knows no view and no model.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DatabaseError, DataError, IntegrityError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from switchboard import database_away
from switchboard.last_words import database_reason

CODES: Mapping[int, str] = {
    400: "INVALID",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMITED",
    500: "INTERNAL",
    501: "NOT_IMPLEMENTED",
    503: "UNAVAILABLE",
}
"""HTTP status → code; a client decides on the code and shows the sentence."""


SHOW_WHO = "An API token is needed: Authorization: Bearer TOKEN."


class Conflict(exceptions.APIException):
    """The request does not fit the present state."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This does not fit the present state."


class TooLarge(exceptions.APIException):
    """The body or the number of its entries is over the limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large."


class Unavailable(exceptions.APIException):
    """Something that the request needs is away; trying again later may help."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "This is not available at the moment."
    wait: float | None = None
    """Seconds after which it may be worth to try again; becomes ``Retry-After``."""


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer to an exception of a view (``REST_FRAMEWORK["EXCEPTION_HANDLER"]``); None: it is a bug."""
    known = _as_api_exception(error)
    if known is None:
        return None
    headers: dict[str, str] = {}
    challenge, wait_s = getattr(known, "auth_header", None), getattr(known, "wait", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    if wait_s is not None:
        headers["Retry-After"] = str(max(1, round(wait_s)))
    set_rollback()
    return Response(_body_of(known), status=known.status_code, headers=headers)


def error_body(
    status_code: int, sentence: str, fields: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the body of an error answer."""
    body: dict[str, Any] = {"error": sentence, "code": CODES.get(status_code, f"HTTP_{status_code}")}
    if fields:
        body["fields"] = {path: list(messages) for path, messages in fields.items()}
    return body


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 404: JSON below ``/api/``, a page elsewhere (``handler404``)."""
    if request.path.startswith("/api/"):
        return not_found_here(request, exception)
    return defaults.page_not_found(request, exception)


def not_found_here(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer 404 in JSON, with a word to whoever looks around (``handler404`` where there are no pages)."""
    sentence = "There is nothing at this address."
    if request.path.startswith("/api/v1/") and request.path.endswith("/"):
        sentence += " No address ends with a slash."
    elif not request.path.startswith("/api/"):
        sentence += " REST is at /api/v1/, its description at /api/schema."
    return JsonResponse(error_body(404, sentence), status=404)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer 500, or 503 while the database is away: JSON below ``/api/``, a page elsewhere (``handler500``)."""
    error = sys.exc_info()[1]
    if isinstance(error, database_away.AWAY):
        return database_away.unavailable(request, error)
    if request.path.startswith("/api/"):
        return JsonResponse(error_body(500, "Something went wrong here; it was logged."), status=500)
    return defaults.server_error(request)


def pointers(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every message of a validation error with the path of its field, such as ``actions[0].params.file``."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            yield from pointers(value, _joined(path, key))
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for index, value in enumerate(detail):
            nested = isinstance(value, (Mapping, Sequence)) and not isinstance(value, str)
            yield from pointers(value, f"{path}[{index}]" if nested else path)
    else:
        yield path, str(detail)


def _joined(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = "" if key in (api_settings.NON_FIELD_ERRORS_KEY, NON_FIELD_ERRORS) else str(key)
    return f"{path}.{name}" if path and name else path or name


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    match error:
        case exceptions.NotAuthenticated():
            error.detail = exceptions.ErrorDetail(SHOW_WHO, error.default_code)
            return error
        case exceptions.APIException():
            return error
        case Http404():
            return exceptions.NotFound("There is no such thing, or not for you.")
        case PermissionDenied():
            return exceptions.PermissionDenied()
        case ModelValidationError():
            return exceptions.ValidationError(
                error.message_dict if hasattr(error, "error_dict") else error.messages
            )
        case ProtectedError():
            return Conflict("This is still in use and cannot be deleted.")
        case IntegrityError():
            return Conflict("Another row was changed at the same time; look again and repeat.")
        case DataError():
            return exceptions.ValidationError("A value cannot be stored as it is.")
        case DatabaseError():
            if isinstance(error, database_away.AWAY):
                database_away.outage.begins(database_reason(error))
            away = Unavailable(database_away.SENTENCE)
            away.wait = database_away.RETRY_AFTER_S
            return away
        case _:
            return None


def _body_of(error: exceptions.APIException) -> dict[str, Any]:
    if not isinstance(error.detail, (list, dict)):
        return error_body(error.status_code, _sentence(str(error.detail)))
    general: list[str] = []
    fields: dict[str, list[str]] = {}
    for path, message in pointers(error.detail):
        if path:
            fields.setdefault(path, []).append(message)
        else:
            general.append(message)
    if fields:
        general.append(f"Not valid: {', '.join(fields)}.")
    return error_body(error.status_code, " ".join(map(_sentence, general)), fields)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
