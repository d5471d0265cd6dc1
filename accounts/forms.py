# SPDX-License-Identifier: Apache-2.0
"""The form that makes a SIP user and its credential in one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms

from accounts.admin_base import Checkbox, ModelForm, TextInput
from accounts.credentials import WeakPassword, check_typed_password, generate_password
from accounts.models import User, validate_extension, validate_username


class UserForm(ModelForm):
    """A SIP user with a password that is typed or generated; `chosen_password` is it, to be shown once."""

    typed_password = forms.CharField(
        label="SIP password",
        required=False,
        strip=False,
        widget=TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    generate = forms.BooleanField(
        label="Generate a new SIP password",
        required=False,
        widget=Checkbox(),
        help_text="Phones that use the present one have to be given the new one.",
    )

    class Meta:
        model = User
        fields = ("account", "username", "extension", "display_name", "enabled", "max_concurrent_calls")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chosen_password: str | None = None
        if "username" in self.fields:
            self.fields["username"].required = False
            self.fields["username"].help_text = "What the phone logs in with. Left empty: the extension."
        if "typed_password" in self.fields:
            self.fields["typed_password"].help_text = (
                "Left empty, one is generated. It is shown once after saving and stored as a hash alone."
                if self.instance._state.adding
                else "Left empty, the present one stays. A new one is shown once and stored as a hash alone."
            )

    def clean_typed_password(self) -> str:
        """Return the typed password, or nothing when none was typed."""
        password: str = self.cleaned_data["typed_password"]
        if password:
            try:
                check_typed_password(password)
            except WeakPassword as error:
                raise forms.ValidationError(str(error)) from error
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "username" in self.fields and not cleaned.get("username"):
            self._name_by_extension(cleaned)
        typed = cleaned.get("typed_password", "")
        if typed and cleaned.get("generate"):
            self.add_error("generate", "Type a password or have one generated, not both.")
        elif typed:
            self.chosen_password = typed
        elif cleaned.get("generate") or self.instance._state.adding:
            self.chosen_password = generate_password()
        self.instance.password_pending = self.chosen_password is not None
        return cleaned

    def _name_by_extension(self, cleaned: dict[str, Any]) -> None:
        extension = cleaned.get("extension") or ""
        if not _passes(validate_extension, extension):
            return
        if not _passes(validate_username, extension):
            self.add_error("username", f"{extension} cannot be a user name: type another one.")
            return
        cleaned["username"] = extension

    def save(self, commit: bool = True) -> User:
        if self.chosen_password is not None:
            self.instance.set_password(self.chosen_password)
        user: User = super().save(commit)
        return user


def _passes(validate: Callable[[str], None], text: str) -> bool:
    try:
        validate(text)
    except forms.ValidationError:
        return False
    return True
