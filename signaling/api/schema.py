# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI description of the live API: ``python -m signaling.api.schema`` writes docs/openapi-signaling.json."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension

ENUMS: Final = {
    "CallState": ("received", "dialing", "ringing", "answered", "bridged", "held"),
    "DialogState": ("Initial", "Early", "WaitingACK", "Confirmed", "Terminating", "Terminated"),
    "SessionState": ("created", "pending_remote", "active", "bridged", "terminated", "error"),
    "DrainState": ("active", "draining", "disabled"),
    "DrainMode": ("graceful", "aggressive"),
    "LegName": ("A", "B"),
}
SCHEMA_SETTINGS: Final[dict[str, Any]] = {
    "TITLE": "Switchboard, live",
    "DESCRIPTION": "What is alive on a signaling node, and what can be done about it. Every answer with an error has "
    "the shape `Problem`.",
    "ENUM_NAME_OVERRIDES": ENUMS,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "switchboard.api_schema.close_requests",
        "switchboard.api_schema.add_problems",
        "signaling.api.schema.add_control_problems",
    ],
    "SERVE_AUTHENTICATION": [
        "signaling.api.authentication.InternalAuthentication",
        "accounts.api.authentication.TokenAuthentication",
    ],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_INCLUDE_SCHEMA": False,
}
EXTRA: Final = {
    ("/api/v1/rtpmanagers/{node_id}/drain", "post"): ("409", "501"),
    ("/api/v1/rtpmanagers/{node_id}/drain", "get"): ("501",),
    ("/api/v1/rtpmanagers/{node_id}/drain", "delete"): ("409", "501"),
    ("/api/v1/calls/{call_id}", "delete"): ("409",),
}
DESCRIPTIONS: Final = {
    "409": "The request does not fit the present state.",
    "501": "This version cannot do that.",
}


class InternalScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The ui role's own credential is nobody else's business."""

    target_class = "signaling.api.authentication.InternalAuthentication"
    name = "internal"

    def get_security_definition(self, auto_schema: Any) -> list[Any]:
        """Return no scheme."""
        return []

    def get_security_requirement(self, auto_schema: Any) -> list[Any]:
        """Return no requirement."""
        return []


def add_control_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe what only the SIP process can refuse (``POSTPROCESSING_HOOKS``)."""
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for (path, method), statuses in EXTRA.items():
        operation = result["paths"].get(path, {}).get(method)
        for status in statuses if operation is not None else ():
            operation["responses"][status] = {"description": DESCRIPTIONS[status], "content": reference}
    return result
