# SPDX-License-Identifier: Apache-2.0
"""The form of a ban: who, why, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.admin_base import ModelForm, Select
from signaling.bans.row import Ban, row_for

UNCHANGED, LIFTED = "unchanged", "lifted"
LENGTHS = {
    "3600": "An hour from now",
    "86400": "A day from now",
    "604800": "A week from now",
    "2592000": "30 days from now",
    LIFTED: "Until it is lifted",
}


class BanForm(ModelForm):
    """A ban by hand, or a change of any."""

    lasts = forms.ChoiceField(
        label="Banned until", choices=tuple(LENGTHS.items()), initial="86400", widget=Select()
    )

    class Meta:
        model = Ban
        fields = ("network", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            field: Any = self.fields.get("lasts")
            if field is not None:
                field.choices = ((UNCHANGED, "As it is"), *LENGTHS.items())
                field.initial = UNCHANGED

    def clean_network(self) -> str:
        """Take the row of an earlier ban of the same network, which has ended."""
        network: str = self.cleaned_data["network"]
        if self.instance._state.adding:
            row = self.instance = row_for(network)
            return row.network
        return network

    def apply_length(self) -> None:
        """Set until when the ban lasts."""
        lasts = self.cleaned_data["lasts"]
        if lasts == LIFTED:
            self.instance.expires_at = None
        elif lasts != UNCHANGED:
            self.instance.expires_at = timezone.now() + timedelta(seconds=int(lasts))
