# SPDX-License-Identifier: Apache-2.0
"""Names every address of both web roles: one that nobody put into a table of the tenancy tests fails here.

The standard pages of the admin are walked by `test_tenancy_admin`, the operations of the APIs by `test_tenancy_rest`
and `signaling.api.tests.test_tenancy`; what else there is, stands below.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse
from drf_spectacular.generators import SchemaGenerator

from accounts.choices import Permission
from accounts.models import Account
from accounts.tests.people import MAY, NAMES
from signaling.api.asgi import application as live_application
from switchboard.asgi import sockets
from switchboard.tests.test_tenancy_admin import LABELS, VERBS_OF_LISTS, log_in, own
from switchboard.tests.world import World, fingerprint, make_world

pytestmark = pytest.mark.django_db
VIEW, CHANGE = Permission.VIEW_CONFIG, Permission.CHANGE_CONFIG
PLATFORM, CALLS, TOKENS = Permission.PLATFORM, Permission.VIEW_CDRS, Permission.MANAGE_TOKENS

STANDARD = {"changelist", "add", "history", "delete", "change"}
"""Pages that every model has."""


class Page(NamedTuple):
    """A page of the admin beyond the standard ones, and who may do what there."""

    label: str
    get: Permission | None
    """What reading it needs; None: it is not read."""
    post: Permission | None = None
    """What changing something there needs; None: nothing is changed there."""
    form: dict[str, str] | None = None


HISTORY = {"name": "x"}
MORE_PAGES: dict[str, Page] = {
    "auth_user_password_change": Page("auth.User", PLATFORM, PLATFORM),
    "accounts_account_simple_history": Page("accounts.Account", VIEW, CHANGE, HISTORY),
    "accounts_membership_simple_history": Page("accounts.Membership", PLATFORM, PLATFORM, HISTORY),
    "accounts_apitoken_simple_history": Page("accounts.ApiToken", TOKENS, TOKENS, HISTORY),
    "auth_user_simple_history": Page("auth.User", PLATFORM, PLATFORM, HISTORY),
    "accounts_user_simple_history": Page("accounts.User", VIEW, CHANGE, HISTORY),
    "accounts_user_setup": Page("accounts.User", VIEW, CHANGE, {"new_password": "1"}),
    "accounts_user_setup_light": Page("accounts.User", VIEW),
    "dialplan_route_simple_history": Page("dialplan.Route", VIEW, CHANGE, HISTORY),
    "dialplan_route_simulate": Page("dialplan.Route", VIEW),
    "dialplan_route_order": Page("dialplan.Route", None, CHANGE, {"disable": "{pk}"}),
    "dialplan_route_transfer": Page("dialplan.Route", VIEW),
    "dialplan_route_export": Page("dialplan.Route", VIEW),
    "dialplan_route_json": Page("dialplan.Route", VIEW, CHANGE, {"text": "{}"}),
    "media_prompt_simple_history": Page("media.Prompt", VIEW, CHANGE, HISTORY),
    "media_prompt_audio": Page("media.Prompt", VIEW),
    "signaling_ban_simple_history": Page("signaling.Ban", PLATFORM),
    "cdrs_cdr_report": Page("cdrs.CDR", CALLS),
    "cdrs_cdr_export": Page("cdrs.CDR", CALLS),
    "cdrs_cdr_export_csv": Page("cdrs.CDR", CALLS),
    "cdrs_cdr_export_progress": Page("cdrs.CDR", CALLS),
    "cdrs_recording_audio": Page("cdrs.Recording", Permission.LISTEN),
}

OPEN = {"", "health", "provision/<str:ticket>", "admin/login/"}
"""Answered without a login: where to log in, a probe, and what a ticket that counts once opens."""
OF_THE_UI = OPEN | {
    "metrics",
    "admin/",
    "admin/hang-up",
    "admin/record",
    "admin/rtp-manager",
    "admin/search/",
    "admin/logout/",
    "admin/password_change/",
    "admin/password_change/done/",
    "admin/autocomplete/",
    "admin/jsi18n/",
    "admin/r/<path:content_type_id>/<path:object_id>/",
    "admin/^(?P<app_label>accounts|auth|dialplan|cdrs|media|signaling)/$",
    "admin/(?P<url>.*)$",
    "api/schema",
    "api/docs/",
}
"""Tested with the dashboard (`hang-up`, `record`, `rtp-manager`), the metrics and the search; the others show no rows."""
OF_A_NODE = {"metrics", "api/schema", "health"}
SOCKETS_OF_THE_UI = {"ws/live", "ws/phone/<uuid:user_id>"}
"""Tested in `switchboard.dashboard.tests.test_tenancy` and `test_phone_socket`."""
SOCKETS_OF_A_NODE = {"ws/events"}
"""Tested in `signaling.api.tests.test_tenancy_streams`."""


@pytest.fixture
def world() -> World:
    return make_world()


def walk(patterns: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Yield every address below some patterns, as it is written there."""
    for pattern in patterns:
        address = f"{before}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, address)
        else:
            yield address, pattern


def described(urls: str) -> set[str]:
    """Return the addresses in the description of an API, whose operations are walked one by one."""
    paths = SchemaGenerator(urlconf=urls).get_schema(request=None, public=True)["paths"]
    return {re.sub(r"{\w+}", "{}", path) for path in paths}


def bare(address: str) -> str:
    """Return an address as a description writes it, with nameless gaps."""
    without_names = re.sub(r"<[\w:]+>|\(\?P<\w+>[^)]*\)", "{}", address)
    return "/" + re.sub(r"[$^]", "", without_names)


def standing_alone(urls: str) -> set[str]:
    """Return the addresses that neither belong to a model of the admin nor to the described API."""
    models = [model._meta for model in admin.site._registry]
    prefixes = tuple(f"admin/{meta.app_label}/{meta.model_name}/" for meta in models)
    known = described(urls)
    found = {address for address, _ in walk(import_module(urls).urlpatterns)}
    return {name for name in found if not name.startswith(prefixes) and bare(name) not in known}


def more_pages() -> dict[str, URLPattern]:
    """Return the pages of models beyond the standard ones."""
    found = {}
    for model, page in admin.site._registry.items():
        prefix = f"{model._meta.app_label}_{model._meta.model_name}_"
        for _, pattern in walk(page.get_urls()):
            if pattern.name and pattern.name not in {prefix + name for name in STANDARD}:
                found[pattern.name] = pattern
    return found


def test_every_address_is_named_or_walked() -> None:
    assert standing_alone("switchboard.urls") == OF_THE_UI
    assert standing_alone("signaling.api.urls") == OF_A_NODE


def test_every_page_beyond_the_standard_ones_is_named() -> None:
    assert set(more_pages()) == set(MORE_PAGES)
    assert {page.label for page in MORE_PAGES.values()} <= set(LABELS)


def test_every_action_of_a_list_is_tried_on_rows_of_others() -> None:
    found = {"delete_selected"}
    for page in admin.site._registry.values():
        found |= {action if isinstance(action, str) else action.__name__ for action in page.actions or ()}
    assert found == set(VERBS_OF_LISTS)


def test_every_websocket_is_named() -> None:
    for router, known in (
        (sockets, SOCKETS_OF_THE_UI),
        (live_application.application_mapping["websocket"], SOCKETS_OF_A_NODE),
    ):
        assert {str(route.pattern) for route in router.routes} == {*known, ""}


@pytest.mark.parametrize("name", MORE_PAGES)
def test_each_role_reads_and_changes_there_what_it_may_and_nothing_else(world: World, name: str) -> None:
    for person in NAMES:
        page = MORE_PAGES[name]
        client, address, form = prepare(world, name, person)
        before = fingerprint()
        read = client.get(address, {"scope": str(world.row(own(person), Account).pk)})
        finish(read)
        assert (read.status_code == 200) == (page.get in MAY[person]), (person, read.status_code)
        assert fingerprint() == before
        if page.post not in MAY[person]:
            assert finish(client.post(address, form)).status_code in (200, 302, 403, 404, 405)
            assert fingerprint() == before
        else:
            assert finish(client.post(address, form)).status_code in (200, 302)


def finish(response: Any) -> Any:
    """Read an answer to its end, and return it: an export that nobody reads counts as running."""
    if response.streaming:
        response.getvalue()
    return response


def prepare(world: World, name: str, person: str) -> tuple[Client, str, dict[str, str]]:
    """Return somebody who is logged in, the address of a page about a row of theirs, and what is sent there."""
    page, pattern = MORE_PAGES[name], more_pages()[name]
    row = world.rows[own(person)].get(page.label) or world.rows["platform"][page.label]
    groups = pattern.pattern.regex.groups or len(pattern.pattern.converters)
    args: list[Any] = [row.pk] if groups else []
    if "simple_history" in name:
        args.append(row.history.latest().pk)
    form = {key: value.replace("{pk}", str(row.pk)) for key, value in (page.form or {}).items()}
    return log_in(world, person), reverse(f"admin:{name}", args=args), form


@pytest.mark.parametrize("address", sorted(OF_THE_UI - OPEN))
def test_without_a_login_nothing_but_what_is_named_is_answered(world: World, address: str) -> None:
    path = bare(address).replace("{}", "accounts")
    before = fingerprint()
    for send in (Client().get, Client().post):
        answer = send(path)
        leads_to_login = answer.status_code == 302 and answer["Location"].startswith("/admin/")
        assert leads_to_login or answer.status_code in (401, 405), (address, answer.status_code)
    assert fingerprint() == before
