# SPDX-License-Identifier: Apache-2.0
"""The simulator's page: who dials what, every route considered and why, what is done, and where its phones are now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest

from accounts.choices import Permission
from accounts.lookup import find_user
from accounts.models import Account, User
from accounts.tenancy import access_of
from dialplan.engine.patterns import MAX_NUMBER_LENGTH, parse_pattern
from dialplan.models import Route
from dialplan.pages.scopes import ScopeField
from dialplan.simulation import Simulation, Step, simulate
from switchboard.phones import Phones, phones_of

USER_TARGET = "user/"
MOST_TRIED = 1000
"""Extensions that are looked at for one that a pattern matches."""
DIALLED = "0123456789*#+ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class SimulatorForm(forms.Form):
    """Account, caller, number."""

    account: Any
    number = forms.CharField(label="Number dialled", max_length=MAX_NUMBER_LENGTH)
    caller = forms.CharField(
        label="Caller", required=False, max_length=64, help_text="Extension or user name; may be empty."
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        account = ScopeField(request, Permission.VIEW_CONFIG, shared=False, label="Account")
        self.fields = {"account": account, **self.fields}
        for name in ("number", "caller"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean(self) -> dict[str, Any]:
        """Find the caller in the account."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        account, name = cleaned.get("account"), cleaned.get("caller")
        if account and name:
            cleaned["user"] = find_user(account, name)
            if cleaned["user"] is None:
                self.add_error("caller", f"{account.name} has no user {name}.")
        return cleaned


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """An action, and whom it would ring now."""

    step: Step
    user: User | None
    phones: Phones | None
    """None: it rings nobody, or the reader may not see where phones are."""


def context(request: HttpRequest, route: Route | None) -> dict[str, Any]:
    """Return what the page shows for the question in the address.

    Args:
        request: its parameters are the question.
        route: the one to be tried; without a number in the question, one that it matches is made up.
    """
    question = request.GET.dict()
    if route is not None and "number" not in question:
        question |= _question_for(request, route)
    asked = "number" in question
    question.setdefault("account", next(iter(_accounts(request)), ""))
    form = SimulatorForm(request, question if asked else None)
    shown: dict[str, Any] = {"form": form, "tried": route}
    if not asked or not form.is_valid():
        return shown
    account = form.cleaned_data["account"]
    outcome = simulate(account, form.cleaned_data["number"], form.cleaned_data.get("user"))
    may_see = access_of(request.user).may(Permission.VIEW_LIVE, account.pk)
    return shown | {
        "outcome": outcome,
        "chosen": next((one for one in outcome.considered if one.chosen), None),
        "steps": [_shown(step, account, may_see) for step in outcome.steps],
        "sentence": _sentence(outcome),
    }


def example_number(pattern: str) -> str:
    """Return a short number that a pattern matches; nothing for a pattern that cannot be read."""
    try:
        glob = parse_pattern(pattern)
    except ValueError:
        return ""
    return "".join(next((char for char in DIALLED if token.accepts(char)), "") for token in glob.tokens)


def _question_for(request: HttpRequest, route: Route) -> dict[str, str]:
    """Return an account and a number that try a route: a user of the account when its pattern is for users."""
    account = str(route.account_id or next(iter(_accounts(request)), ""))
    users = User.objects.filter(account__in=[account] if account else []).order_by("extension")
    extensions = users.values_list("extension", flat=True)
    try:
        glob = parse_pattern(route.pattern)
    except ValueError:
        return {"account": account, "number": ""}
    dialled = (number for number in extensions[:MOST_TRIED] if glob.why_not(number) is None)
    return {"account": account, "number": next(dialled, example_number(route.pattern))}


def _accounts(request: HttpRequest) -> dict[str, Account]:
    return ScopeField(request, Permission.VIEW_CONFIG, shared=False).accounts


def _shown(step: Step, account: Account, may_see: bool) -> ShownStep:
    target = str(step.params.get("target", ""))
    if not target.startswith(USER_TARGET):
        return ShownStep(step=step, user=None, phones=None)
    user = find_user(account, target.removeprefix(USER_TARGET))
    ask = user is not None and user.enabled and may_see
    return ShownStep(step=step, user=user, phones=phones_of(user.pk) if ask and user else None)


def _sentence(outcome: Simulation) -> str:
    caller = str(outcome.caller) if outcome.caller else "Somebody"
    chosen = next((one for one in outcome.considered if one.chosen), None)
    if chosen is None:
        return f"{caller} dials {outcome.number}: no route matches."
    return f"{caller} dials {outcome.number}: the route {chosen.name} is taken."
