# SPDX-License-Identifier: Apache-2.0
"""The form above the list of calls; the parameters of a link and of the form are the same."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from django import forms
from django.utils.timezone import localtime

from cdrs.choices import Disposition, Quality
from cdrs.record import EndReason
from cdrs.search import Search

ANY: Final = ("", "Any")
CAUSES: Final = [ANY, *((reason.value, reason.value.replace("_", " ").capitalize()) for reason in EndReason)]
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PLAIN: Final = ("disposition", "cause", "quality", "route", "node", "account")
_INPUT_FORM: Final = "%Y-%m-%dT%H:%M"


FIRST_DAY: Final = date(1970, 1, 1)
LAST_DAY: Final = date(2999, 12, 31)
"""Days beyond which there are no calls, and beyond which sums with days leave what dates can hold."""


class Moment(forms.DateTimeField):
    """A day or a minute, in the current time zone; shown as the browser's own picker."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=_INPUT_FORM)

    def clean(self, value: Any) -> datetime | None:
        """Return the moment.

        Raises:
            ValidationError: it is none, or lies where there are no calls.
        """
        moment: datetime | None = super().clean(value)
        if moment is not None and not FIRST_DAY <= moment.date() <= LAST_DAY:
            raise forms.ValidationError(f"Choose a time from {FIRST_DAY} to {LAST_DAY}.")
        return moment

    def prepare_value(self, value: Any) -> Any:
        """Return what the picker shows, also for a day or a minute that came from a link."""
        if isinstance(value, str):
            try:
                value = self.to_python(value)
            except forms.ValidationError:
                return value
        return f"{localtime(value):{_INPUT_FORM}}" if isinstance(value, datetime) else value


def _select(label: str, choices: Iterable[tuple[str, Any]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=list(choices), required=False)


class SearchForm(forms.Form):
    """What is looked for in the calls; see `Search`."""

    q = forms.CharField(
        label="Search",
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "Number, name or SIP Call-ID"}),
    )
    match = _select("Number", [("", "Begins with"), ("exact", "Is exactly")])
    disposition = _select("Result", [ANY, *Disposition.choices])
    cause = _select("Cause", CAUSES)
    status = forms.IntegerField(
        label="SIP status",
        required=False,
        min_value=0,
        max_value=699,
        widget=forms.NumberInput(attrs={"placeholder": "Any; 0: none"}),
    )
    quality = _select("Quality", [ANY, *Quality.choices])
    recorded = forms.TypedChoiceField(
        label="Recording",
        choices=[ANY, ("yes", "Recorded"), ("no", "Not recorded")],
        coerce=lambda text: text == "yes",
        empty_value=None,
        required=False,
    )
    route = forms.CharField(label="Route", required=False, max_length=64)
    node = forms.CharField(label="Signaling node", required=False, max_length=128)
    account = _select("Account", [ANY])
    weekday = forms.TypedChoiceField(
        label="Weekday",
        choices=[ANY, *((str(number), name) for number, name in enumerate(WEEKDAYS))],
        coerce=int,
        empty_value=None,
        required=False,
    )
    hour = forms.TypedChoiceField(
        label="Hour",
        choices=[ANY, *((str(hour), f"{hour:02}:00–{hour:02}:59") for hour in range(24))],
        coerce=int,
        empty_value=None,
        required=False,
    )

    def __init__(
        self,
        *args: Any,
        accounts: Iterable[tuple[str, str]] = (),
        listens: bool = True,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            accounts: id and name of those that may be chosen.
            listens: whether the reader may know which calls were recorded.
        """
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        # Named by words that Python keeps for itself.
        self.fields["from"] = Moment(label="From", required=False)
        self.fields["to"] = Moment(label="Until", required=False)
        self.order_fields(["q", "match", "from", "to", "disposition", "cause", "status", "quality"])
        if not listens:
            del self.fields["recorded"]
        self.fields["account"].choices = [ANY, *accounts]  # type: ignore[attr-defined]
        for name in ("route", "node"):
            self.fields[name].widget.attrs["list"] = f"known-{name}s"

    def search(self) -> Search:
        """Return the search; a field that is not valid asks for nothing."""
        self.is_valid()
        given = self.cleaned_data
        plain: dict[str, Any] = {name: given.get(name) or "" for name in _PLAIN}
        return Search(
            text=given.get("q") or "",
            exact=given.get("match") == "exact",
            since=given.get("from"),
            until=given.get("to"),
            status=given.get("status"),
            weekday=given.get("weekday"),
            hour=given.get("hour"),
            recorded=given.get("recorded"),
            **plain,
        )
