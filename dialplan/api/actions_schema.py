# SPDX-License-Identifier: Apache-2.0
"""The engine's own JSON schema of documents and routes, for OpenAPI, so that the description cannot drift."""

from __future__ import annotations

from typing import Any

from dialplan.engine import RouteDocument, json_schema


def column_schema(name: str) -> dict[str, Any]:
    """Return the schema of a field of a route, with every reference written out."""
    document = RouteDocument.model_json_schema()
    schema: dict[str, Any] = _resolved(document["properties"][name], document.get("$defs", {}))
    return schema


def document_schema() -> dict[str, Any]:
    """Return the schema of a dialplan document, with every reference written out."""
    document = json_schema()
    definitions = document.pop("$defs", {})
    schema: dict[str, Any] = _resolved(document, definitions)
    return schema


def _resolved(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_resolved(entry, definitions) for entry in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].removeprefix("#/$defs/")]
        return _resolved(
            {**target, **{key: value for key, value in node.items() if key != "$ref"}}, definitions
        )
    # A discriminator maps to references, which are gone; each variant names its type as a constant.
    return {
        key: _resolved(value, definitions)
        for key, value in node.items()
        if key not in ("title", "discriminator")
    }
