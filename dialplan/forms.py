# SPDX-License-Identifier: Apache-2.0
"""The form of a route: its actions as rows, checked by the engine, with each problem at its row."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin_base import ModelForm
from dialplan.engine import VARIABLES
from dialplan.engine.document import HangupReason
from dialplan.models import Route
from dialplan.widgets import ActionsWidget


def actions_help() -> SafeString:
    """Return the hint under the actions: how they run, what they take, and the variables."""
    variables = ", ".join(f"${{{name}}}" for name in VARIABLES)
    return format_html(
        "They run in order; after ringing or calling, the next one runs when nobody answered. A target is "
        "<code>user/NAME</code> or <code>sip:USER@HOST:PORT</code>, a prompt is the name of an uploaded "
        "one or a file such as <code>welcome.wav</code>, a reason to hang up one of {}. Variables: <code>{}</code>.",
        ", ".join(HangupReason),
        variables,
    )


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
        widget=ActionsWidget(),
        initial=[{"type": "dial", "params": {"target": "user/${destination}", "timeout": 30}}],
        help_text=actions_help,
    )

    class Meta:
        model = Route
        fields = ("id", "account", "name", "pattern", "priority", "enabled", "actions")

    def full_clean(self) -> None:
        """Check everything, and tell each row of the actions what is wrong with it."""
        super().full_clean()
        field = self.fields.get("actions")
        if field is not None and isinstance(field.widget, ActionsWidget):
            field.widget.tell([str(message) for message in self.errors.get("actions", ())])
