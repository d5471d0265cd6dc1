# SPDX-License-Identifier: Apache-2.0
"""Walks every operation of the live API as everybody: nobody sees or touches what is another account's.

The operations come from the API's own description, so that a new one fails here until it is named below.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import pytest
from drf_spectacular.generators import SchemaGenerator

from accounts.choices import SCOPE_PERMISSIONS, Permission, Scope
from accounts.tests.people import MAY, MEMBERS, NAMES
from accounts.tests.rest import Answer, Rest
from switchboard.tests.world import MARKS

pytestmark = pytest.mark.django_db
BASE = "/api/v1/"
LIVE, HANG_UP, ORIGINATE = Permission.VIEW_LIVE, Permission.HANG_UP, Permission.ORIGINATE


class Operation(NamedTuple):
    """What an operation needs."""

    permission: Permission | None
    everywhere: bool = False
    """Whether it concerns every account: then the permission is needed in all of them."""
    body: Any = None
    named: bool = False
    """Whether its address names something of one account."""


OPERATIONS: dict[str, Operation] = {
    "GET health": Operation(None),
    "GET stats": Operation(LIVE),
    "GET registrations": Operation(LIVE),
    "GET registrations/{aor}": Operation(LIVE, named=True),
    "GET dialogs": Operation(LIVE),
    "GET dialogs/{call_id}": Operation(LIVE, named=True),
    "GET sessions": Operation(LIVE),
    "GET calls": Operation(LIVE),
    "GET calls/{call_id}": Operation(LIVE, named=True),
    "POST calls": Operation(ORIGINATE, body={"user": "1001", "number": "1002"}),
    "DELETE calls/{call_id}": Operation(HANG_UP, named=True),
    "POST calls/{call_id}/recording": Operation(Permission.RECORD, named=True),
    "DELETE calls/{call_id}/recording": Operation(Permission.RECORD, named=True),
    "GET rtpmanagers": Operation(LIVE, everywhere=True),
    "GET rtpmanagers/{node_id}/drain": Operation(LIVE, everywhere=True),
    "POST rtpmanagers/{node_id}/drain": Operation(Permission.PLATFORM, everywhere=True),
    "DELETE rtpmanagers/{node_id}/drain": Operation(Permission.PLATFORM, everywhere=True),
    "GET events": Operation(LIVE),
}
GUARDED = [name for name, operation in OPERATIONS.items() if operation.permission is not None]
NAMED = [name for name, operation in OPERATIONS.items() if operation.named]


def own(person: str) -> str:
    """Return the account that somebody works for; "alpha" for who works for none."""
    return MEMBERS[person][0] if person in MEMBERS else "alpha"


def other(person: str) -> str:
    """Return the account that somebody does not work for."""
    return "beta" if own(person) == "alpha" else "alpha"


def call(rest: Rest, name: str, owner: str) -> Answer:
    """Call an operation on what an account has."""
    method, path = name.split()
    mark = MARKS[owner]
    names = {"aor": f"sip:{mark}@{owner}.example", "call_id": f"{mark}@phone", "node_id": "rtp-1"}
    body = OPERATIONS[name].body
    if body is not None:
        body = {**body, "account": f"{owner}.example"}
    return rest(method.lower(), path.format(**names), body)


def allowed(person: str, name: str) -> bool:
    operation = OPERATIONS[name]
    if operation.permission is None:
        return True
    return operation.permission in MAY[person] and (not operation.everywhere or person == "root")


def test_every_operation_is_named_here():
    described = SchemaGenerator(urlconf="signaling.api.urls").get_schema(request=None, public=True)
    found = {
        f"{method.upper()} {path.removeprefix(BASE)}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("name", GUARDED)
def test_nothing_is_answered_without_a_token(filled, name):
    for rest in (Rest(), Rest("sbt_" + "0" * 46)):
        answer = call(rest, name, "alpha")
        assert (answer.status, answer.body["code"]) == (401, "UNAUTHENTICATED")
    assert filled.link.given == []


@pytest.mark.parametrize("person", NAMES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_role_may_do_what_it_may_and_nothing_else(filled, people, name, person):
    answer = call(Rest(people.token(person)), name, own(person))
    if allowed(person, name):
        assert answer.status in (200, 201, 202), answer.body
    else:
        assert (answer.status, answer.body["code"]) == (403, "FORBIDDEN")
        assert filled.link.given == []


@pytest.mark.parametrize("person", [name for name in NAMES if name != "root"])
@pytest.mark.parametrize("name", GUARDED)
def test_nobody_sees_or_touches_what_is_another_accounts(filled, people, name, person):
    answer = call(Rest(people.token(person)), name, other(person))
    assert MARKS[other(person)] not in str(answer.body)
    assert not any(MARKS[other(person)] in str(given) for given in filled.link.given)
    if name in NAMED and allowed(person, name):
        assert (answer.status, answer.body["code"]) == (404, "NOT_FOUND")
    if name == "POST calls" and allowed(person, name):
        assert (answer.status, filled.link.given) == (400, [])


@pytest.mark.parametrize("name", [name for name in NAMED if name.startswith("GET")])
def test_what_belongs_to_another_is_answered_like_what_is_not_there(filled, people, name):
    rest = Rest(people.token("alice"))
    foreign = call(rest, name, "beta")
    path = name.split()[1].format(aor="sip:no@no", call_id="no")
    assert foreign.body == rest.get(path).body


@pytest.mark.parametrize("name", GUARDED)
def test_a_token_of_one_account_reaches_that_one_alone(filled, people, name):
    answer = call(Rest(people.token("root", account=people.alpha)), name, "beta")
    assert MARKS["beta"] not in str(answer.body)
    assert not any(MARKS["beta"] in str(given) for given in filled.link.given)
    if OPERATIONS[name].everywhere:
        assert answer.status == 403


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("name", GUARDED)
def test_a_token_does_what_its_scope_says_and_nothing_else(filled, people, name, scope):
    answer = call(Rest(people.token("root", scope)), name, "alpha")
    permission = OPERATIONS[name].permission
    assert (answer.status in (200, 201, 202)) == (permission in SCOPE_PERMISSIONS[scope]), answer.body


@pytest.mark.parametrize("name", ["calls", "dialogs", "sessions", "registrations"])
def test_a_filter_refuses_a_foreign_account_like_one_that_is_not_there(filled, people, name):
    rest = Rest(people.token("alice"))
    wanted = ["beta.example", str(people.beta.pk), "nowhere.example", str(uuid.uuid4())]
    answers = [rest.get(name, account=account) for account in wanted]
    assert answers[0].status == 400
    assert answers[0].body["fields"] == {"account": ["There is no such account, or not for you."]}
    assert all((answer.status, answer.body) == (400, answers[0].body) for answer in answers)


@pytest.mark.parametrize("name", ["calls", "dialogs", "sessions", "registrations"])
def test_a_filter_takes_an_own_account_by_domain_and_id(filled, people, name):
    rest = Rest(people.token("alice"))
    for account in ("alpha.example", str(people.alpha.pk), str(people.alpha.pk).upper()):
        answer = rest.get(name, account=account)
        assert answer.body["total"] == rest.get(name).body["total"] > 0


def test_who_lost_the_membership_sees_nothing_any_more(filled, people):
    from accounts import tokens
    from accounts.access import Membership

    rest = Rest(people.token("alice"))
    assert rest.get("calls").body["total"] == 1
    Membership.objects.filter(user__username="alice").delete()
    tokens.forget()
    assert rest.get("calls").status == 403
