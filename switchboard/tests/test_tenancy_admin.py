# SPDX-License-Identifier: Apache-2.0
"""Walks every page of the admin as everybody: no account sees or changes another's rows, no role more than it may.

The pages come from the admin's own registry and URLs, so that a new model fails here until it is named below.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.access import Membership
from accounts.admin_base import PlatformAdmin, TenantAdmin
from accounts.choices import Permission
from accounts.tests.people import MAY, MEMBERS, NAMES
from switchboard.tests.world import ECHO, MARKS, World, fingerprint, make_world

pytestmark = pytest.mark.django_db
VIEW, CHANGE = Permission.VIEW_CONFIG, Permission.CHANGE_CONFIG
TOKENS, PLATFORM = Permission.MANAGE_TOKENS, Permission.PLATFORM


class Page(NamedTuple):
    """What the pages of a model need; None: nobody may."""

    view: Permission
    add: Permission | None
    change: Permission | None
    delete: Permission | None


PAGES: dict[str, Page] = {
    "accounts.Account": Page(VIEW, PLATFORM, CHANGE, PLATFORM),
    "accounts.User": Page(VIEW, CHANGE, CHANGE, CHANGE),
    "accounts.Membership": Page(PLATFORM, PLATFORM, PLATFORM, PLATFORM),
    "accounts.ApiToken": Page(TOKENS, TOKENS, TOKENS, TOKENS),
    "auth.User": Page(PLATFORM, PLATFORM, PLATFORM, PLATFORM),
    "accounts.FailedLogin": Page(PLATFORM, None, None, PLATFORM),
    "accounts.RecordedLogin": Page(PLATFORM, None, None, None),
    "dialplan.Route": Page(VIEW, CHANGE, CHANGE, CHANGE),
    "media.Prompt": Page(VIEW, CHANGE, CHANGE, CHANGE),
    "cdrs.CDR": Page(Permission.VIEW_CDRS, None, None, None),
    "signaling.Ban": Page(PLATFORM, PLATFORM, PLATFORM, PLATFORM),
    "cdrs.Recording": Page(Permission.LISTEN, None, None, CHANGE),
    "signaling.Registration": Page(Permission.VIEW_LIVE, None, None, None),
}
LABELS = tuple(PAGES)
VERBS_OF_LISTS = ("delete_selected", "set_new_passwords", "revoke_tokens", "unlock", "unban")
"""Actions on the rows selected in a list."""
CLOSED = (302, 403, 404)
"""Answers to who may not: back to the index, refused, or not there."""


@pytest.fixture
def world() -> World:
    return make_world()


def log_in(world: World, name: str) -> Client:
    client = Client(raise_request_exception=True)
    client.force_login(world.people[name])
    return client


def url(label: str, page: str, *args: Any) -> str:
    model = apps.get_model(label)
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def text_of(response: Any) -> str:
    """Return what was answered, also by an export that is streamed."""
    content: bytes = response.getvalue() if response.streaming else response.content
    return content.decode()


def own(person: str) -> str:
    return MEMBERS[person][0] if person in MEMBERS else "alpha"


def other(person: str) -> str:
    return "beta" if own(person) == "alpha" else "alpha"


def may(person: str, permission: Permission | None) -> bool:
    return permission is not None and permission in MAY[person]


def every_url(world: World, label: str, owner: str) -> list[tuple[str, bool]]:
    """Return the address of every page of a model and whether it is about the row that `owner` has."""
    model = apps.get_model(label)
    row = world.row(owner, model)
    found = []
    for pattern in admin.site._registry[model].get_urls():
        if isinstance(pattern, URLPattern) and pattern.name:
            groups = pattern.pattern.regex.groups or len(pattern.pattern.converters)
            args: list[Any] = [row.pk] * min(groups, 1)
            if "simple_history" in pattern.name:
                args = [row.pk, row.history.latest().pk]
            assert len(args) == groups, f"tell how to call {pattern.name}"
            found.append((reverse(f"admin:{pattern.name}", args=args), bool(args)))
    assert found
    return found


def test_every_model_of_the_admin_is_named_here_and_asks_for_roles() -> None:
    registered = {model._meta.label: page for model, page in admin.site._registry.items()}
    assert set(registered) == set(PAGES)
    assert all(isinstance(page, (PlatformAdmin, TenantAdmin)) for page in registered.values())


@pytest.mark.parametrize("label", LABELS)
def test_each_role_opens_what_it_may_and_nothing_else(world: World, label: str) -> None:
    page, model = PAGES[label], apps.get_model(label)
    for person in NAMES:
        client = log_in(world, person)
        row = world.row(own(person), model)
        for address, permission in (
            (url(label, "changelist"), page.view),
            (url(label, "add"), page.add),
            (url(label, "change", row.pk), page.view),
            (url(label, "history", row.pk), page.view),
            (url(label, "delete", row.pk), page.delete),
        ):
            status = client.get(address).status_code
            assert (status == 200) == may(person, permission), (person, address, status)
        shown = client.get(url(label, "changelist")).content.decode()
        if may(person, page.view) and own(person) in world.owners(model):
            assert MARKS[own(person)] in shown


@pytest.mark.parametrize("label", LABELS)
def test_each_role_changes_and_deletes_what_it_may_and_nothing_else(world: World, label: str) -> None:
    page, model = PAGES[label], apps.get_model(label)
    for person in NAMES:
        client = log_in(world, person)
        row = world.row(own(person), model)
        before = fingerprint()
        page_shown = client.get(url(label, "change", row.pk))
        can_save = b'name="_save"' in page_shown.content
        assert can_save == may(person, page.change), person
        if not may(person, page.change):
            assert (
                client.post(url(label, "change", row.pk), {"name": "x", "_save": "1"}).status_code in CLOSED
            )
        if not may(person, page.delete):
            assert client.post(url(label, "delete", row.pk), {"post": "yes"}).status_code in CLOSED
            selected = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
            client.post(url(label, "changelist"), selected)
        assert fingerprint() == before


@pytest.mark.parametrize("person", [name for name in NAMES if name != "root"])
@pytest.mark.parametrize("label", LABELS)
def test_no_page_shows_or_changes_a_row_of_another_account(world: World, label: str, person: str) -> None:
    owner = other(person)
    client = log_in(world, person)
    before = fingerprint()
    model = apps.get_model(label)
    if owner not in world.owners(model):
        owner = "platform"
    row = world.row(owner, model)
    for address, single in every_url(world, label, owner):
        for response in (
            client.get(address),
            client.post(address, {"post": "yes", "_save": "1", "name": "x"}),
        ):
            assert MARKS[other(person)] not in text_of(response), address
            assert response.status_code in CLOSED or not single, address
    everyone = url(label, "changelist")
    foreign = world.row(other(person), apps.get_model("accounts.Account"))
    for query in ({"q": "mark"}, {"account__id__exact": str(foreign.pk)}):
        assert MARKS[other(person)] not in client.get(everyone, query).content.decode()
    for action in VERBS_OF_LISTS:
        data = {"action": action, "_selected_action": str(row.pk), "post": "yes", "confirm": "yes"}
        assert MARKS[other(person)] not in client.post(everyone, data).content.decode()
    assert fingerprint() == before


@pytest.mark.parametrize("person", ["alice", "charlie"])
def test_nothing_is_moved_into_or_made_in_another_account(world: World, person: str) -> None:
    client = log_in(world, person)
    mine, foreign = own(person), world.row(other(person), apps.get_model("accounts.Account"))
    user = world.row(mine, apps.get_model("accounts.User"))
    form = {
        "account": str(foreign.pk),
        "extension": "55",
        "username": "fifty-five",
        "display_name": "",
        "typed_password": "correct horse",
        "enabled": "on",
        "max_concurrent_calls": "",
    }
    route = {
        "id": "r55",
        "account": "",
        "name": "x",
        "pattern": "5",
        "priority": "1",
        "actions": '[{"type": "echo"}]',
    }
    before = fingerprint()
    for address, data in (
        (url("accounts.User", "change", user.pk), form),
        (url("accounts.User", "add"), form),
        (url("dialplan.Route", "add"), route),
        (url("dialplan.Route", "add"), {**route, "account": str(foreign.pk)}),
        (
            url("accounts.ApiToken", "add"),
            {"name": "x", "scopes": "read", "account": str(foreign.pk), "rate_per_minute": "5"},
        ),
    ):
        response = client.post(address, data)
        assert response.status_code == 200
        assert list(response.context["adminform"].form.errors) == ["account"]
    assert fingerprint() == before


def test_a_token_is_made_for_the_own_login_whatever_the_form_says(world: World) -> None:
    client = log_in(world, "alice")
    data = {
        "name": "x",
        "user": str(world.people["root"].pk),
        "account": "",
        "scopes": ["read", "write"],
        "rate_per_minute": "5",
    }
    assert client.post(url("accounts.ApiToken", "add"), data).status_code == 302
    made = apps.get_model("accounts.ApiToken").objects.get(name="x")
    assert made.user == world.people["alice"]


def test_the_list_of_routes_changes_no_shared_or_merely_visible_row(world: World) -> None:
    Membership.objects.create(user=world.people["vera"], account=world.people.beta, role="admin")
    client = log_in(world, "vera")
    rows = [world.row(owner, apps.get_model("dialplan.Route")) for owner in ("platform", "alpha", "beta")]
    shown = client.get(url("dialplan.Route", "changelist")).content.decode()
    for row in rows:
        status = client.post(url("dialplan.Route", "order"), {"disable": row.pk}).status_code
        assert status == (302 if row.id == "r-beta" else 403)
        assert (f'name="disable" value="{row.pk}"' in shown) == (row.id == "r-beta")
    changed = apps.get_model("dialplan.Route").objects.filter(enabled=False)
    assert [row.id for row in changed] == ["r-beta"]


def test_a_route_is_neither_moved_nor_imported_over_by_another_account(world: World) -> None:
    client = log_in(world, "alice")
    before = fingerprint()
    for verb in ("up", "down", "enable", "disable"):
        assert client.post(url("dialplan.Route", "order"), {verb: "uid-beta"}).status_code == 404
    document = {"version": "1.0", "routes": [{"id": "r-beta", "name": "x", "pattern": "1", "actions": ECHO}]}

    def import_into(scope: str) -> int:
        data = {"scope": scope, "text": json.dumps(document), "import": "1"}
        return client.post(url("dialplan.Route", "transfer"), data).status_code

    for scope in (str(world.people.beta.pk), "shared"):
        assert import_into(scope) == 200
    assert fingerprint() == before
    kept = {row.pk: row.name for row in apps.get_model("dialplan.Route").objects.all()}
    assert import_into(str(world.people.alpha.pk)) == 302
    routes = apps.get_model("dialplan.Route").objects.filter(id="r-beta")
    assert {row.account_id for row in routes} == {world.people.alpha.pk, world.people.beta.pk}
    assert {row.pk: row.name for row in apps.get_model("dialplan.Route").objects.filter(pk__in=kept)} == kept


@pytest.mark.parametrize("scope", ["beta", "nonsense"])
def test_routes_of_another_account_are_neither_exported_nor_simulated(world: World, scope: str) -> None:
    client = log_in(world, "alice")
    foreign = str(world.people.beta.pk) if scope == "beta" else scope
    assert client.get(url("dialplan.Route", "export"), {"scope": foreign}).status_code == 404
    for query in ({"account": foreign, "number": "1"}, {"route": "uid-beta"}):
        text = client.get(url("dialplan.Route", "simulate"), query).content.decode()
        assert MARKS["beta"] not in text
    assert client.get(url("dialplan.Route", "json", "uid-beta")).status_code == 404


@pytest.mark.filterwarnings("error::django.core.paginator.UnorderedObjectListWarning")
@pytest.mark.parametrize("person", NAMES)
def test_search_boxes_offer_rows_of_the_own_accounts_alone(world: World, person: str) -> None:
    client = log_in(world, person)
    for app, model, field in (("accounts", "user", "account"), ("dialplan", "route", "account")):
        query = {"app_label": app, "model_name": model, "field_name": field, "term": "mark"}
        text = client.get(reverse("admin:autocomplete"), query).content.decode()
        if person != "root":
            assert MARKS[other(person)] not in text
        if may(person, VIEW):
            assert MARKS[own(person)] in text


@pytest.mark.parametrize("path", ["/admin/", "/admin/search/?s=mark", "/admin/search/?s=mark&extended=1"])
def test_the_index_and_the_search_show_nothing_of_others(world: World, path: str) -> None:
    for person in NAMES:
        text = log_in(world, person).get(path).content.decode()
        assert person == "root" or MARKS[other(person)] not in text


def test_who_belongs_to_no_account_sees_nothing(world: World) -> None:
    page = log_in(world, "nobody").get("/admin/").content.decode()
    for mark in MARKS.values():
        assert mark not in page
    for label in LABELS:
        assert f'href="{url(label, "changelist")}"' not in page


@pytest.mark.parametrize("person", ["alice", "charlie", "root"])
@pytest.mark.parametrize("label", ["accounts.User", "dialplan.Route", "accounts.ApiToken"])
def test_an_account_admin_deletes_rows_of_the_own_account(world: World, label: str, person: str) -> None:
    model = apps.get_model(label)
    row = world.row(own(person), model)
    response = log_in(world, person).post(url(label, "delete", row.pk), {"post": "yes"})
    assert response.status_code == 302
    assert not model._default_manager.filter(pk=row.pk).exists()


def test_an_account_admin_changes_the_own_users_and_routes(world: World) -> None:
    client = log_in(world, "alice")
    user = world.row("alpha", apps.get_model("accounts.User"))
    route = world.row("alpha", apps.get_model("dialplan.Route"))
    user_form = {
        "account": str(user.account_id),
        "extension": user.extension,
        "username": user.username,
        "display_name": "Changed",
        "max_concurrent_calls": "",
    }
    route_form = {
        "account": str(route.account_id),
        "name": "Changed",
        "pattern": "1",
        "priority": "1",
        "actions": '[{"type": "echo"}]',
    }
    assert client.post(url("accounts.User", "change", user.pk), user_form).status_code == 302
    assert client.post(url("dialplan.Route", "change", route.pk), route_form).status_code == 302
    user.refresh_from_db()
    route.refresh_from_db()
    assert (user.display_name, route.name) == ("Changed", "Changed")
