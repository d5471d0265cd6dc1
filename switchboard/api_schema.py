# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI description: bearer tokens, and the one error shape on every operation that can answer it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from switchboard import lean

lean.import_spectacular()

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema

from switchboard.api_errors import CODES

PROBLEM = {
    "type": "object",
    "required": ["error", "code"],
    "properties": {
        "error": {"type": "string", "description": "What is wrong, in a sentence."},
        "code": {"type": "string", "enum": list(CODES.values())},
        "fields": {
            "type": "object",
            "description": "What is wrong with each field, by its path, such as actions[0].params.target.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}
PROBLEMS = {
    "400": "Something in the request is to be corrected; `fields` says what.",
    "401": "The token is missing, unknown, expired or revoked.",
    "403": "The role, or the scope of the token, does not allow this.",
    "404": "There is no such thing, or it belongs to an account that is not reached.",
    "406": "The answer is JSON alone.",
    "409": "The request does not fit the present state.",
    "413": "The body is too large.",
    "415": "The body has another type than accepted.",
    "429": "Too many requests for this token; `Retry-After` says how long to wait.",
    "503": "The database is away.",
}
HEADERS = {
    "429": {
        "headers": {
            "Retry-After": {
                "schema": {"type": "integer"},
                "description": "Seconds to wait.",
                "required": True,
            }
        }
    }
}
WITH_BODY = ("409", "413", "415")


class BearerToken(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How `accounts.api.authentication.TokenAuthentication` looks in OpenAPI."""

    target_class = "accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the security scheme."""
        return {"type": "http", "scheme": "bearer", "description": "An API token: sbt_…"}


class AccountGiven(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """How `switchboard.api_serializers.AccountField` looks in OpenAPI: read as an id, given as an id or a domain."""

    target_class = "switchboard.api_serializers.AccountField"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        """Return the schema of the field."""
        if direction == "response":
            return {"type": "string", "format": "uuid"}
        return {"type": "string", "minLength": 1, "title": "Id or domain of an account"}


class Schema(AutoSchema):
    """drf-spectacular's schema of a view; its import makes the extensions above known."""


def mock_request(method: str, path: str, view: Any, original: Any, **_: Any) -> Any:
    """Return the request with which a view is asked for its description (``GET_MOCK_REQUEST``).

    Args:
        method: of HTTP.
        path: of the operation, with names in place of values.
        view: that is described.
        original: the request for the description; None when a command writes it.
    """
    bare = HttpRequest()
    bare.method, bare.path, bare.path_info = method, path, path
    request = view.initialize_request(bare)
    if original is not None:
        request.user, request.auth = original.user, original.auth
    return request


def close_requests(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Say that request bodies have no fields beyond those described (``POSTPROCESSING_HOOKS``)."""
    for name, component in result["components"].get("schemas", {}).items():
        if name.endswith("Request") and component.get("type") == "object":
            component.setdefault("additionalProperties", False)
    return result


def add_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe the error answers of every operation (``POSTPROCESSING_HOOKS``)."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in result["paths"].items():
        for operation in operations.values():
            for status in _statuses(path, operation):
                answer = {"description": PROBLEMS[status], "content": reference, **HEADERS.get(status, {})}
                operation["responses"].setdefault(status, answer)
    return result


def _statuses(path: str, operation: dict[str, Any]) -> list[str]:
    takes_body, single = "requestBody" in operation, "{" in path
    statuses = [status for status in PROBLEMS if status not in WITH_BODY or takes_body]
    if not single:
        statuses.remove("404")
    return statuses if operation.get("security") != [{}] else []
