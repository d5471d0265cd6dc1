# SPDX-License-Identifier: Apache-2.0
"""The form of a route: its actions are JSON, checked by the engine, with the problem at the field."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_base import ModelForm, Textarea
from dialplan.engine import VARIABLES
from dialplan.models import Route

EXAMPLES = (
    (
        "Ring a user's phones for 30 seconds",
        '[{"type": "dial", "params": {"target": "user/${destination}"}}]',
    ),
    (
        "Ring user 1001 for 20 seconds, then user 1002",
        (
            '[{"type": "dial", "params": {"target": "user/1001", "timeout": 20}},\n'
            ' {"type": "dial", "params": {"target": "user/1002"}}]'
        ),
    ),
    (
        "Play a prompt and hang up",
        (
            '[{"type": "play_audio", "params": {"file": "welcome.wav"}},\n'
            ' {"type": "hangup", "params": {"reason": "normal"}}]'
        ),
    ),
    ("Call an address", '[{"type": "dial", "params": {"target": "sip:${destination}@192.0.2.10:5060"}}]'),
    ("Refuse (normal, busy, rejected, unavailable)", '[{"type": "hangup", "params": {"reason": "busy"}}]'),
    ("Send the caller's voice back", '[{"type": "echo"}]'),
)


def actions_help() -> SafeString:
    """Return the hint under the actions: how they run, the variables, and an example of each."""
    variables = ", ".join(f"${{{name}}}" for name in VARIABLES)
    text = format_html(
        "A JSON list of actions that run in order; after <code>dial</code> the next one runs when nobody answered. "
        "Variables: <code>{}</code>.",
        variables,
    )
    for title, example in EXAMPLES:
        text += format_html(
            '<details><summary style="cursor: pointer; text-decoration: underline dotted">{}</summary><pre style="overflow-x: auto">{}</pre></details>',
            title,
            example,
        )
    return text


class ActionsField(forms.JSONField):
    """JSON that is shown indented and refused with the place of its mistake."""

    def to_python(self, value: Any) -> Any:
        """Read the JSON.

        Raises:
            ValidationError: it is none; the text names line and column.
        """
        try:
            return super().to_python(value)
        except RecursionError as error:
            raise forms.ValidationError("This is nested too deep.", code="invalid") from error
        except forms.ValidationError as error:
            raise forms.ValidationError(_syntax_error(value), code="invalid") from error

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what was typed, to be shown again; text that is no JSON as it is."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return InvalidJSONInput(data)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return super().prepare_value(value)
        return json.dumps(value, indent=2, ensure_ascii=False)


def _syntax_error(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"This is no JSON: {error.msg} at line {error.lineno} column {error.colno}."
    return "This is no JSON."


class RouteForm(ModelForm):
    """All fields of a route."""

    actions = ActionsField(
        widget=Textarea(attrs={"rows": 14, "spellcheck": "false", "style": "font-family: monospace"}),
        initial=[{"type": "dial", "params": {"target": "user/${destination}", "timeout": 30}}],
        help_text=actions_help,
    )

    class Meta:
        model = Route
        fields = ("id", "account", "name", "pattern", "priority", "enabled", "actions")
