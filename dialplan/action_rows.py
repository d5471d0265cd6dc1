# SPDX-License-Identifier: Apache-2.0
"""Actions as rows of a form, and back: a type, one text, a time. Knows neither Django nor HTML.

What rows there are follows from the engine's models, so that a new action with such parameters can be edited at once;
any other is a row of JSON. Invariant: rows that nobody changed become actions that do the same again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dialplan.engine.document import ActionDocument

JSON: Final = "json"
"""Type of a row that holds an action as JSON."""
TIMEOUT: Final = "timeout"
WHOLE: Final = re.compile(r"-?[0-9]{1,9}")
TITLES: Final = {
    "dial": "Ring or call",
    "play_audio": "Play a prompt",
    "hangup": "Hang up",
    "echo": "Echo the caller",
    "record": "Record the call",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of action that fits into a row."""

    type: str
    title: str
    text: str
    """Name of the parameter that the text is; empty: it has none."""
    hint: str
    choices: tuple[str, ...]
    """What the text may be; empty: any text."""
    has_timeout: bool
    default_timeout: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An action in the form."""

    type: str = ""
    text: str = ""
    timeout: str = ""

    @property
    def is_blank(self) -> bool:
        """Whether it stands for no action."""
        return not (self.type or self.text.strip())


def rows_of(actions: Iterable[object]) -> list[Row]:
    """Return the rows of stored actions, whatever was stored."""
    return [_row_of(action) for action in actions]


def actions_of(rows: Iterable[Row]) -> list[Any]:
    """Return the actions of rows, unchecked; what cannot be read stays text, for the engine to refuse."""
    return [_action_of(row) for row in rows if not row.is_blank]


def _row_of(action: object) -> Row:
    if isinstance(action, Mapping) and set(action) <= {"type", "params"}:
        kind, params = KINDS.get(str(action.get("type"))), action.get("params", {})
        if kind is not None and isinstance(params, Mapping) and _fits(kind, params):
            timeout = params.get(TIMEOUT, "")
            return Row(type=kind.type, text=str(params.get(kind.text, "")), timeout=str(timeout))
    return Row(type=JSON, text=json.dumps(action, ensure_ascii=False))


def _fits(kind: Kind, params: Mapping[str, Any]) -> bool:
    names = {name for name, has in ((kind.text, kind.text), (TIMEOUT, kind.has_timeout)) if has}
    timeout = params.get(TIMEOUT, 0)
    return (
        set(params) <= names
        and isinstance(params.get(kind.text, ""), str)
        and isinstance(timeout, int)
        and not isinstance(timeout, bool)
    )


def _action_of(row: Row) -> Any:
    if row.type == JSON:
        try:
            return json.loads(row.text)
        except (ValueError, RecursionError):
            return row.text
    kind = KINDS.get(row.type)
    params: dict[str, Any] = {}
    if kind is not None and kind.text and row.text:
        params[kind.text] = row.text.strip()
    if kind is not None and kind.has_timeout and row.timeout.strip():
        params[TIMEOUT] = _whole(row.timeout.strip())
    return {"type": row.type, "params": params}


def _whole(text: str) -> int | str:
    return int(text) if WHOLE.fullmatch(text) else text


def _kinds() -> dict[str, Kind]:
    union = get_args(ActionDocument)[0]
    found = (_kind(model) for model in get_args(union))
    return {kind.type: kind for kind in found if kind is not None}


def _kind(model: type[BaseModel]) -> Kind | None:
    """Return the kind of an action; None when its parameters do not fit into a row."""
    [name] = get_args(model.model_fields["type"].annotation)
    params: Any = model.model_fields["params"].annotation
    fields: dict[str, FieldInfo] = dict(params.model_fields)
    timeout = fields.pop(TIMEOUT, None)
    if len(fields) > 1 or any(not _is_text(field) for field in fields.values()):
        return None
    text, field = next(iter(fields.items()), ("", None))
    return Kind(
        type=name,
        title=TITLES.get(name, name.replace("_", " ").capitalize()),
        text=text,
        hint=" or ".join(map(str, (field.examples or ())[:1])) if field is not None else "",
        choices=_choices(field),
        has_timeout=timeout is not None,
        default_timeout=timeout.default if timeout is not None else None,
    )


def _is_text(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, str)


def _choices(field: FieldInfo | None) -> tuple[str, ...]:
    return tuple(str(one) for one in getattr(field and field.annotation, "__members__", {}).values())


KINDS: Final = _kinds()
"""Type → its kind."""
