# SPDX-License-Identifier: Apache-2.0
"""Walks every REST operation as everybody: no account sees or changes another's rows, no role more than it may.

The operations come from the API's own description, so that a new one fails here until it is named below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from django.apps import apps
from drf_spectacular.generators import SchemaGenerator

from accounts.access import Membership
from accounts.choices import SCOPE_PERMISSIONS, Permission, Role, Scope
from accounts.tests.people import MAY, MEMBERS, NAMES
from accounts.tests.rest import Answer, Rest
from media.tests.factories import wav_file
from switchboard.tests.world import ECHO, MARKS, World, fingerprint, make_world

pytestmark = pytest.mark.django_db


VIEW, CHANGE = Permission.VIEW_CONFIG, Permission.CHANGE_CONFIG
LIVE, CALLS = Permission.VIEW_LIVE, Permission.VIEW_CDRS
LISTEN = Permission.LISTEN
TOKENS, PLATFORM = Permission.MANAGE_TOKENS, Permission.PLATFORM


class Operation(NamedTuple):
    """What an operation needs."""

    permission: Permission | None
    """None: a login or token is enough."""
    model: str = ""
    """Label of the model whose row stands in the address."""
    body: Any = None


BASE = "/api/v1/"
OPERATIONS: dict[str, Operation] = {
    "GET me": Operation(None),
    "GET accounts": Operation(VIEW),
    "POST accounts": Operation(PLATFORM, body={"name": "x", "domain": "x.example"}),
    "GET accounts/{id}": Operation(VIEW, "accounts.Account"),
    "PATCH accounts/{id}": Operation(CHANGE, "accounts.Account", {"name": "x"}),
    "DELETE accounts/{id}": Operation(PLATFORM, "accounts.Account"),
    "GET users": Operation(VIEW),
    "POST users": Operation(CHANGE, body={"extension": "77"}),
    "POST users/import": Operation(CHANGE),
    "GET users/{id}": Operation(VIEW, "accounts.User"),
    "PATCH users/{id}": Operation(CHANGE, "accounts.User", {"display_name": "x"}),
    "DELETE users/{id}": Operation(CHANGE, "accounts.User"),
    "GET routes": Operation(VIEW),
    "POST routes": Operation(CHANGE, body={"name": "x", "pattern": "1", "actions": ECHO}),
    "GET routes/{id}": Operation(VIEW, "dialplan.Route"),
    "PATCH routes/{id}": Operation(CHANGE, "dialplan.Route", {"name": "x"}),
    "DELETE routes/{id}": Operation(CHANGE, "dialplan.Route"),
    "GET prompts": Operation(VIEW),
    "POST prompts": Operation(CHANGE),
    "GET prompts/{id}": Operation(VIEW, "media.Prompt"),
    "PATCH prompts/{id}": Operation(CHANGE, "media.Prompt", {"name": "x"}),
    "DELETE prompts/{id}": Operation(CHANGE, "media.Prompt"),
    "GET prompts/{id}/audio": Operation(VIEW, "media.Prompt"),
    "POST dialplan/simulate": Operation(VIEW, body={"number": "1"}),
    "POST dialplan/import": Operation(
        CHANGE, body={"routes": [{"id": "new", "name": "x", "pattern": "1", "actions": ECHO}]}
    ),
    "GET dialplan/export": Operation(VIEW),
    "GET tokens": Operation(TOKENS),
    "POST tokens": Operation(TOKENS, body={"name": "x", "scopes": ["read"]}),
    "GET tokens/{id}": Operation(TOKENS, "accounts.ApiToken"),
    "DELETE tokens/{id}": Operation(TOKENS, "accounts.ApiToken"),
    "GET registrations": Operation(LIVE),
    "GET registrations/{id}": Operation(LIVE, "signaling.Registration"),
    "GET bans": Operation(PLATFORM),
    "POST bans": Operation(PLATFORM, body={"network": "203.0.113.8", "reason": "x"}),
    "GET bans/{id}": Operation(PLATFORM, "signaling.Ban"),
    "PATCH bans/{id}": Operation(PLATFORM, "signaling.Ban", {"reason": "x"}),
    "DELETE bans/{id}": Operation(PLATFORM, "signaling.Ban"),
    "GET cdrs": Operation(CALLS),
    "GET cdrs/{id}": Operation(CALLS, "cdrs.CDR"),
    "GET recordings": Operation(LISTEN),
    "GET recordings/{id}": Operation(LISTEN, "cdrs.Recording"),
    "GET recordings/{id}/audio": Operation(LISTEN, "cdrs.Recording"),
    "DELETE recordings/{id}": Operation(CHANGE, "cdrs.Recording"),
}
DOCUMENTS = ("dialplan/import", "dialplan/export")
"""The account stands in the query, as the body is a document."""
SINGLE = [name for name, operation in OPERATIONS.items() if operation.model]
PLURAL = [name for name in OPERATIONS if name not in SINGLE]
LISTS = [name for name in PLURAL if name.startswith("GET ") and name not in ("GET me", "GET dialplan/export")]


@pytest.fixture
def world() -> World:
    return make_world()


def call(rest: Rest, name: str, world: World, owner: str) -> Answer:
    """Call an operation on a row, or with the id of the account, that `owner` stands for."""
    operation = OPERATIONS[name]
    method, path = name.split()
    if operation.model:
        path = path.format(id=world.row(owner, apps.get_model(operation.model)).id)
    account = world.row(owner, apps.get_model("accounts.Account"))
    if name == "POST users/import":
        return rest.post(path, csv="extension\n78\n", **({"account": str(account.pk)} if account else {}))
    if name == "POST prompts":
        form = {"name": "new", "file": wav_file(), **({"account": str(account.pk)} if account else {})}
        return rest.upload(path, form)
    body = operation.body
    if path in DOCUMENTS:
        return rest(method.lower(), path, body, **({"account": str(account.pk)} if account else {}))
    if method == "POST" and account is not None and path not in ("accounts", "bans"):
        body = {**body, "account": str(account.pk)}
    return rest(method.lower(), path, body)


def own(person: str) -> str:
    """Return the account that somebody works for."""
    return MEMBERS[person][0] if person in MEMBERS else "alpha"


def other(person: str) -> str:
    """Return the account that somebody does not work for."""
    return "beta" if own(person) == "alpha" else "alpha"


def needed(name: str) -> Permission | None:
    return OPERATIONS[name].permission


def test_every_operation_is_named_here() -> None:
    described = SchemaGenerator(urlconf="switchboard.urls").get_schema(request=None, public=True)
    found = {
        f"{method.upper()} {path.removeprefix(BASE)}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    assert found == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_answered_without_a_token(world: World, name: str) -> None:
    before = fingerprint()
    for rest in (Rest(), Rest("sbt_" + "0" * 46)):
        answer = call(rest, name, world, "alpha")
        assert (answer.status, answer.body["code"]) == (401, "UNAUTHENTICATED")
    assert fingerprint() == before


@pytest.mark.parametrize("person", NAMES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_role_may_do_what_it_may_and_nothing_else(world: World, name: str, person: str) -> None:
    permission = needed(name)
    allowed = permission is None or permission in MAY[person]
    before = fingerprint()
    answer = call(Rest(world.people.token(person)), name, world, own(person))
    assert (answer.status in (200, 201, 204)) == allowed, answer.body
    if not allowed:
        assert (answer.status, answer.body["code"]) == (403, "FORBIDDEN")
    reading = name.startswith("GET") or name == "POST dialplan/simulate"
    assert (without_new_token(fingerprint()) == without_new_token(before)) == (reading or not allowed)


@pytest.mark.parametrize("person", [name for name in NAMES if name != "root"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_nobody_sees_or_changes_rows_of_another_account(world: World, name: str, person: str) -> None:
    text = world.people.token(person)
    before = fingerprint()
    answer = call(Rest(text), name, world, other(person))
    assert MARKS[other(person)] not in str(answer.body)
    foreign = world.row(other(person), apps.get_model("accounts.Account"))
    assert str(foreign.pk) not in str(answer.body)
    if name in SINGLE:
        assert answer.status in (403, 404)
    elif name.startswith("POST"):
        assert answer.status in (400, 403)
    assert fingerprint() == before


@pytest.mark.parametrize("name", LISTS)
def test_each_list_holds_the_own_rows(world: World, name: str) -> None:
    for person in NAMES:
        if needed(name) in MAY[person]:
            answer = call(Rest(world.people.token(person)), name, world, "platform")
            assert MARKS[own(person)] in str(answer.body)
            assert (MARKS[other(person)] in str(answer.body)) == (person == "root")


def test_an_export_holds_the_routes_of_the_account_that_is_asked_for(world: World) -> None:
    for person, owner in (("alice", "alpha"), ("charlie", "beta"), ("root", "alpha"), ("root", "beta")):
        answer = call(Rest(world.people.token(person)), "GET dialplan/export", world, owner)
        assert [route["id"] for route in answer.body["routes"]] == [f"r-{owner}"]


@pytest.mark.parametrize("name", [name for name in SINGLE if OPERATIONS[name].model == "dialplan.Route"])
def test_shared_routes_are_read_by_all_and_changed_by_the_platform(world: World, name: str) -> None:
    for person in ("alice", "vera", "charlie", "root"):
        allowed = name.startswith("GET") or person == "root"
        answer = call(Rest(world.people.token(person)), name, world, "platform")
        assert answer.status == (403 if not allowed else 204 if name.startswith("DELETE") else 200)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name != "GET me"])
def test_a_token_may_do_what_its_scope_says(world: World, name: str, scope: Scope) -> None:
    permission = needed(name)
    for person in ("alice", "root"):
        before = fingerprint()
        text = world.people.token(person, scope)
        answer = call(Rest(text), name, world, "alpha")
        allowed = permission in MAY[person] and permission in SCOPE_PERMISSIONS[scope]
        if not allowed:
            assert answer.status in (401, 403, 404)
            assert without_new_token(fingerprint()) == without_new_token(before)


@pytest.mark.parametrize("name", SINGLE)
def test_a_token_for_one_account_reaches_no_other(world: World, name: str) -> None:
    text = world.people.token("root", account=world.people.alpha)
    before = fingerprint()
    answer = call(Rest(text), name, world, "beta")
    assert answer.status in (403, 404)
    assert MARKS["beta"] not in str(answer.body)
    assert fingerprint() == before


def test_who_is_member_of_several_accounts_has_in_each_its_own_role(world: World) -> None:
    bob = world.people["bob"]
    Membership.objects.create(user=bob, account=world.people.beta, role=Role.ADMIN)
    rest = Rest(world.people.token("bob"))
    assert call(rest, "PATCH users/{id}", world, "beta").status == 200
    assert call(rest, "PATCH users/{id}", world, "alpha").status == 404
    assert call(rest, "POST users", world, "alpha").status == 400
    vera = world.people["vera"]
    Membership.objects.create(user=vera, account=world.people.beta, role=Role.ADMIN)
    assert call(Rest(world.people.token("vera")), "PATCH users/{id}", world, "alpha").status == 403


def without_new_token(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content without the tokens with which the test itself calls."""
    rows = [row for row in content["accounts.ApiToken"] if "test of" not in row]
    return {**content, "accounts.ApiToken": rows}
