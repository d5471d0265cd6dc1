# SPDX-License-Identifier: Apache-2.0
"""The JSON schemas of the events, made from the catalogue: ``python -m switchboard.events.schema`` writes them.

They lie in ``schemas/`` and are committed; a test keeps them current.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import textwrap
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from switchboard.events.catalogue import CATALOGUE, EVENT_VERSION, Event

DIRECTORY = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event: type[Event]) -> dict[str, Any]:
    """Return the schema of one event's JSON form."""
    made = TypeAdapter(event).json_schema(mode="serialization")
    meaning = field_docs(event)
    properties: dict[str, dict[str, Any]] = {
        "event_type": {"description": "What happened.", "const": event.event_type},
        "event_version": {"description": "Version of this schema.", "const": EVENT_VERSION},
    }
    for name, field in made["properties"].items():
        kept = {key: value for key, value in field.items() if key not in ("title", "default")}
        properties[name] = {"description": meaning[name], **kept}
    return {
        "$schema": DIALECT,
        "$id": f"urn:switchboard:event:{event.event_type}:{EVENT_VERSION}",
        "title": event.event_type,
        "description": one_line(event.__doc__ or ""),
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def field_docs(event: type[Event]) -> dict[str, str]:
    """Return what the text below each field says, inherited fields included."""
    found: dict[str, str] = {}
    for cls in reversed(event.__mro__[:-1]):
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
        body = tree.body[0].body  # type: ignore[attr-defined]
        for statement, below in itertools.pairwise(body):
            if isinstance(statement, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[ast.unparse(statement.target)] = one_line(str(ast.literal_eval(below.value)))
    return found


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


def files() -> dict[Path, str]:
    """Return path → text of every schema file."""
    return {
        DIRECTORY / f"{name}.json": json.dumps(schema_of(event), indent=2) + "\n"
        for name, event in CATALOGUE.items()
    }


def main() -> None:
    """Write the files."""
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
