# SPDX-License-Identifier: Apache-2.0
"""Reads documents and single routes, and says what is wrong with them: which route, which field, why.

Every problem is found in one pass. The words are this module's own, not pydantic's, because operators read them.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from dialplan.engine import document
from dialplan.engine.document import ACTION_TYPES, DialplanDocument, RouteDocument
from dialplan.engine.errors import DialplanError, DialplanProblem

ModelT = TypeVar("ModelT", bound=BaseModel)

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
_MODELS_BY_FIELD: Mapping[str, tuple[type[BaseModel], ...]] = {
    "": (DialplanDocument,),
    "routes": (RouteDocument,),
    "actions": (document.DialAction,),
    "params": (document.PlayAudioParams, document.DialParams, document.HangupParams),
}


def parse_document_json(data: bytes | str) -> DialplanDocument:
    """Read a document from JSON text.

    Raises:
        DialplanError: it is no JSON, larger than 16 MiB, or not a valid document.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise _refused("", "", f"a dialplan file has at most {MAX_DOCUMENT_BYTES} bytes")
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise _refused("", "", f"this is no JSON: {error}") from error
    return parse_document(value)


def parse_document(value: object) -> DialplanDocument:
    """Read a document from what a JSON reader returns.

    Raises:
        DialplanError: every problem, with the path ``routes[0].actions[1].params.timeout`` and the route's id.
    """
    parsed = _validate(DialplanDocument, value)
    counts = Counter(route.id for route in parsed.routes)
    seen: set[str] = set()
    twice: list[DialplanProblem] = []
    for index, route in enumerate(parsed.routes):
        if counts[route.id] > 1 and route.id in seen:
            twice.append(
                DialplanProblem(
                    route=route.id,
                    field=f"routes[{index}].id",
                    message="a route before this one has the same id",
                )
            )
        seen.add(route.id)
    if twice:
        raise DialplanError(twice)
    return parsed


def parse_route(value: object) -> RouteDocument:
    """Read one route from what a JSON reader returns.

    Raises:
        DialplanError: every problem, with the path ``actions[1].params.timeout`` and the route's id.
    """
    return _validate(RouteDocument, value)


def _refused(route: str, field: str, message: str) -> DialplanError:
    return DialplanError([DialplanProblem(route=route, field=field, message=message)])


def _validate(model: type[ModelT], value: object) -> ModelT:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise DialplanError(_problem(detail, value) for detail in error.errors(include_url=False)) from error


def _problem(detail: ErrorDetails, value: object) -> DialplanProblem:
    location = _without_tags(detail["loc"])
    if detail["type"] in ("union_tag_invalid", "union_tag_not_found"):
        location = (*location, "type")
    return DialplanProblem(route=_route_id(value, location), field=_path(location), message=_message(detail))


def _without_tags(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Drop the action type that pydantic puts behind the index of a discriminated union's member."""
    return tuple(
        part
        for place, part in enumerate(location)
        if not (place >= 2 and location[place - 2] == "actions" and part in ACTION_TYPES)
    )


def _path(location: Sequence[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def _route_id(value: object, location: Sequence[int | str]) -> str:
    """Return the id that the route at fault gives itself, or nothing when it gives none."""
    route: Any = value
    if len(location) > 1 and location[0] == "routes" and isinstance(value, Mapping):
        route = value["routes"][location[1]]
    found = route.get("id") if isinstance(route, Mapping) and "routes" not in route else None
    return found if isinstance(found, str) else ""


_TYPE_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "missing": "is required",
}


def _message(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    known_words = _TYPE_WORDS.get(kind)
    if known_words:
        return known_words
    match kind:
        case "value_error":
            return str(context["error"])
        case "union_tag_invalid":
            return f"{detail['input']['type']!r} is no action; there are {', '.join(ACTION_TYPES)}"
        case "union_tag_not_found":
            return f"is required; there are {', '.join(ACTION_TYPES)}"
        case "extra_forbidden":
            return _unknown_field(detail)
        case "greater_than_equal":
            return f"must be at least {context['ge']}"
        case "less_than_equal":
            return f"must be at most {context['le']}"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "string_too_short":
            return "must not be empty"
        case "too_short":
            return "must have at least one entry"
        case "too_long":
            return f"must have at most {context['max_length']} entries"
        case "string_pattern_mismatch":
            return "must be up to 64 letters, digits and . _ : - and start with a letter or digit"
        case "literal_error" | "enum":
            return f"must be {context['expected']}"
        case _:
            return detail["msg"]


def _unknown_field(detail: ErrorDetails) -> str:
    """Say that a field is unknown and, when one of a similar name exists there, which was probably meant."""
    location = [part for part in _without_tags(detail["loc"]) if isinstance(part, str)]
    parent = location[-2] if len(location) > 1 else ""
    models = _MODELS_BY_FIELD.get(parent, ())
    if parent == "" and len(detail["loc"]) == 1:
        models = (DialplanDocument, RouteDocument)
    names = sorted({name for model in models for name in model.model_fields})
    near = difflib.get_close_matches(location[-1], names, n=1)
    return f"is not a known field; is {near[0]} meant?" if near else "is not a known field"
