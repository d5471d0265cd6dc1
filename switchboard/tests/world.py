# SPDX-License-Identifier: Apache-2.0
"""A row of every kind in each of two accounts, for the tests that walk all pages and endpoints.

Each row carries the mark of its account in a column that is shown, so that a leak can be found in any answer. Whoever
adds a model with rows of accounts adds a row here; the walking tests fail until that is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils import timezone

from accounts.logins import FailedLogin, RecordedLogin
from accounts.models import Account, Membership
from accounts.tests.factories import make_user
from accounts.tests.people import People, make_people
from cdrs.models import CDR
from cdrs.tests.recordings import make_recording
from dialplan.models import Route
from media.tests.factories import make_prompt
from signaling.models import Ban, Registration

MARKS = {"alpha": "mark-of-alpha", "beta": "mark-of-beta"}
ECHO = [{"type": "echo", "params": {}}]
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
WATCHED = (
    "accounts.Account",
    "accounts.User",
    "accounts.ApiToken",
    "accounts.Membership",
    "auth.User",
    "dialplan.Route",
    "media.Prompt",
    "media.PromptUpload",
    "cdrs.CDR",
    "cdrs.Recording",
    "signaling.Registration",
    "signaling.Ban",
    "accounts.FailedLogin",
    "accounts.RecordedLogin",
)
"""Tables that nobody may change without the right to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Both accounts with their people and rows."""

    people: People
    rows: Mapping[str, Mapping[str, Any]]
    """Account ("alpha", "beta", "platform") → label of the model → its row."""

    def row(self, owner: str, model: type[Model]) -> Any:
        """Return the row of a model that an account has; what belongs to none is the platform's."""
        label = model._meta.label
        return self.rows[owner].get(label) or self.rows["platform"].get(label)

    def owners(self, model: type[Model]) -> list[str]:
        """Return who has a row of a model.

        Raises:
            AssertionError: nobody, so that a test could not tell anything.
        """
        found = [owner for owner, rows in self.rows.items() if model._meta.label in rows]
        assert found, f"add a row of {model._meta.label} for each account to {__name__}"
        return found


def make_world() -> World:
    """Return the world, stored."""
    people = make_people()
    rows = {
        "alpha": _rows_of(people.alpha, "alpha", people),
        "beta": _rows_of(people.beta, "beta", people),
        "platform": {
            "dialplan.Route": Route.objects.create(
                uid="uid-shared", id="shared", name="Shared", pattern="9", actions=ECHO
            ),
            "media.Prompt": make_prompt("shared"),
            "auth.User": people["nobody"],
            "signaling.Ban": Ban.objects.create(network="203.0.113.7", reason=" ".join(MARKS.values())),
            "accounts.FailedLogin": FailedLogin.objects.create(username="ghost", failures_since_start=5),
            "accounts.RecordedLogin": RecordedLogin.objects.create(username="ghost"),
        },
    }
    return World(people=people, rows=rows)


def fingerprint() -> dict[str, list[str]]:
    """Return the content of every watched table; columns that reading may touch are left out."""
    return {label: sorted(str(row) for row in _content(label)) for label in WATCHED}


def _content(label: str) -> Any:
    model = apps.get_model(label)
    unwatched = {"last_used_at", "last_login"}
    names = [field.attname for field in model._meta.concrete_fields if field.attname not in unwatched]
    return model._default_manager.values_list(*names)


def _rows_of(account: Account, name: str, people: People) -> dict[str, Any]:
    mark = MARKS[name]
    account.name = mark
    account.save()
    user = make_user(account, "1001", username=mark, display_name=mark)
    admin = {"alpha": "alice", "beta": "charlie"}[name]
    token, _ = people.token_row(admin, account=account)
    token.name = mark
    token.save()
    call = _call(account, mark)
    return {
        "accounts.Account": account,
        "accounts.User": user,
        "accounts.ApiToken": token,
        "accounts.Membership": Membership.objects.get(user__username=admin),
        "dialplan.Route": Route.objects.create(
            uid=f"uid-{name}", id=f"r-{name}", account=account, name=mark, pattern="1", actions=ECHO
        ),
        "media.Prompt": make_prompt(mark, account, peaks=[50]),
        "cdrs.CDR": call,
        "cdrs.Recording": make_recording(call, caller_number=mark),
        "signaling.Registration": Registration.objects.create(
            user=user,
            aor=f"sip:{mark}@{account.domain}",
            contact="sip:1001@192.0.2.1",
            user_agent=mark,
            source_ip="192.0.2.1",
            source_port=5060,
            call_id=mark,
            cseq=1,
            registered_at=timezone.now(),
            expires_at=timezone.now() + timedelta(hours=1),
        ),
    }


def _call(account: Account, mark: str) -> CDR:
    return CDR.objects.create(
        call_id=mark,
        account=account,
        caller_name=mark,
        caller_number="1001",
        callee_number="1002",
        invite_time=NOON,
        end_time=NOON + timedelta(seconds=5),
        disposition="CANCELED",
        hangup_cause="canceled",
        hangup_by="caller",
    )
