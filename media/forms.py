# SPDX-License-Identifier: Apache-2.0
"""The form of a prompt: its name, and a file to choose or to drop."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from accounts.admin_base import ModelForm
from media.models import Prompt
from media.prompts import uploads


class DropInput(forms.FileInput):
    """A field that a file can be dropped on; browsers do that by themselves when it is large enough to hit."""

    def __init__(self) -> None:
        super().__init__(attrs={"accept": uploads.ACCEPT, "class": "prompt-drop"})


class PromptForm(ModelForm):
    """Name and account, and the sound."""

    file = forms.FileField(label="Sound", widget=DropInput, validators=[uploads.check_file])

    class Meta:
        model = Prompt
        fields = ("name", "account")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        file = self.fields.get("file")
        if file is None:
            return
        file.required = self.instance._state.adding
        most = f"at most {settings.PROMPT_MAX_BYTES / (1 << 20):g} MiB and {settings.PROMPT_MAX_S / 60:g} minutes"
        file.help_text = f"{uploads.ACCEPTED}, {most}. Choose a file or drop it here."
        if not file.required:
            file.label = "Another sound"
            file.help_text += " The present one is played until it is converted."
