# SPDX-License-Identifier: Apache-2.0
"""One route as the JSON document that files and REST hold, to be read, changed and copied as a whole."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError

from dialplan.engine import DialplanError, DialplanProblem, parse_route
from dialplan.models import DOCUMENT_FIELDS, Route

MAX_TEXT_CHARS = 1 << 20


def text_of(route: Route) -> str:
    """Return a stored route as JSON, also one that is not valid."""
    document = {name: getattr(route, name) for name in DOCUMENT_FIELDS}
    return json.dumps(document, indent=2, ensure_ascii=False)


def apply(route: Route, text: str) -> None:
    """Put a document into a route, which is not saved yet.

    Raises:
        DialplanError: every problem, with its place.
    """
    document = parse_route(_read(text))
    if document.id != route.id:
        raise DialplanError([_problem("id", f"the id of a stored route is fixed: {route.id}")])
    for name, value in document.model_dump(mode="json").items():
        setattr(route, name, value)
    try:
        route.full_clean()
    except ValidationError as error:
        raise DialplanError(
            [_problem(field, text) for field, texts in error.message_dict.items() for text in texts]
        ) from error


def _read(text: str) -> Any:
    if len(text) > MAX_TEXT_CHARS:
        raise DialplanError([_problem("", f"a route has at most {MAX_TEXT_CHARS} characters")])
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"{error.msg} at line {error.lineno} column {error.colno}"
        raise DialplanError([_problem("", f"this is no JSON: {place}")]) from error
    except RecursionError as error:
        raise DialplanError([_problem("", "this is nested too deep")]) from error


def _problem(field: str, message: str) -> DialplanProblem:
    return DialplanProblem(route="", field=field, message=message)
