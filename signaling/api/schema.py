# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI description of the live API: ``python -m signaling.api.schema`` writes docs/openapi-signaling.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension

SNAPSHOT: Final = Path(__file__).parents[2] / "docs" / "openapi-signaling.json"

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
}
EXTRA: Final = {
    ("/api/v1/rtpmanagers/{node_id}/drain", "post"): ("409",),
    ("/api/v1/rtpmanagers/{node_id}/drain", "delete"): ("409",),
}
DESCRIPTIONS: Final = {
    "409": "The request does not fit the present state.",
}


class InternalScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How `signaling.api.authentication.InternalAuthentication` looks in OpenAPI."""

    target_class = "signaling.api.authentication.InternalAuthentication"
    name = "internal"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Internal …: the ui role of the same installation, by INTERNAL_API_TOKEN.",
        }


def add_control_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Describe what only the SIP process can refuse (``POSTPROCESSING_HOOKS``)."""
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for (path, method), statuses in EXTRA.items():
        operation = result["paths"].get(path, {}).get(method)
        for status in statuses if operation is not None else ():
            operation["responses"][status] = {"description": DESCRIPTIONS[status], "content": reference}
    return result


def describe() -> str:
    """Return the description as JSON text; needs Django to be set up."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.settings import patched_settings

    with patched_settings(SCHEMA_SETTINGS):
        made = SchemaGenerator(urlconf="signaling.api.urls").get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return json.dumps(made, indent=2) + "\n"


def main() -> None:
    """Write the file."""
    import django

    django.setup()
    SNAPSHOT.write_text(describe())


if __name__ == "__main__":
    main()
