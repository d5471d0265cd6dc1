# SPDX-License-Identifier: Apache-2.0
"""The field of a route's actions: a row for each, filled in without knowing JSON; works without JavaScript."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from dialplan.action_rows import JSON, KINDS, Row, actions_of, rows_of
from dialplan.engine.document import MAX_ACTIONS

SPARE_ROWS = 2
PLACE = re.compile(r"^actions\[(\d+)\]\.?(?:params\.)?([^:]*): (.*)$", re.DOTALL)


class ActionsWidget(forms.Widget):
    """Rows; text that cannot be shown as rows, as it is."""

    class Media:
        css = {"all": ["switchboard/panels.css"]}
        js = ["switchboard/actions.js"]

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.problems: dict[int, list[str]] = {}
        """Row → what is wrong with it."""

    def __deepcopy__(self, memo: Any) -> ActionsWidget:
        own: ActionsWidget = super().__deepcopy__(memo)
        own.problems = {}
        return own

    def tell(self, messages: list[str]) -> list[str]:
        """Put problems to their rows; return those that belong to none."""
        self.problems, left = {}, []
        for message in messages:
            found = PLACE.match(message)
            if found is None:
                left.append(message)
            else:
                text = f"{found[2]}: {found[3]}" if found[2] else found[3]
                self.problems.setdefault(int(found[1]), []).append(text)
        return left

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the rows as HTML."""
        actions = _read(value)
        context: dict[str, Any] = {"name": name, "id": (attrs or {}).get("id", f"id_{name}"), "text": value}
        if isinstance(actions, list):
            rows = [*rows_of(actions), *[Row()] * SPARE_ROWS]
            shown = [
                {"row": row, "number": number, "problems": self.problems.get(number, [])}
                for number, row in enumerate(rows)
            ]
            context |= {"rows": shown, "kinds": list(KINDS.values()), "json": JSON}
        return mark_safe(render_to_string("panels/actions.html", context))  # noqa: S308 - a template that escapes

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        """Return the actions as JSON text, from the rows or from one text."""
        if name in data or f"{name}-0-type" not in data:
            return data.get(name)
        rows = []
        for number in range(MAX_ACTIONS + SPARE_ROWS + 1):
            key = f"{name}-{number}"
            if f"{key}-type" in data:
                given = {part: str(data.get(f"{key}-{part}", "")) for part in ("type", "text", "timeout")}
                rows.append(Row(**given))
        return json.dumps(actions_of(rows), ensure_ascii=False)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data and f"{name}-0-type" not in data

    def use_required_attribute(self, initial: Any) -> bool:
        return False


def _read(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
