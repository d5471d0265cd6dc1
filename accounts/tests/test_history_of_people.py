# SPDX-License-Identifier: Apache-2.0
"""The change history of logins, memberships and tokens: complete, without secrets, and no way around a revocation."""

from __future__ import annotations

import importlib
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User as Login
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import ApiToken, Membership
from accounts.tests.people import People, make_people
from accounts.tests.test_history import history_url, version_url
from accounts.tokens import issue, revoke

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def root(client: Client, people: People) -> Client:
    client.force_login(people["root"])
    return client


def login_form(login: Login, **fields: str) -> dict[str, str]:
    return {"username": login.username, "is_active": "on", "is_staff": "on"} | fields


def member_form(member: Membership, **fields: str) -> dict[str, str]:
    return {"user": str(member.user_id), "account": str(member.account_id), "role": member.role} | fields


def token_form(token: ApiToken, **fields: str) -> dict[str, str]:
    return {"name": token.name, "rate_per_minute": str(token.rate_per_minute)} | fields


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_a_role_is_told_and_restored(root: Client, people: People) -> None:
    member = Membership.objects.get(user__username="bob")
    url = reverse("admin:accounts_membership_change", args=[member.pk])
    assert root.post(url, member_form(member, role="admin")).status_code == 302
    page = text_of(root, history_url(member))
    for part in ("root", "Role", "Operator", "Account admin"):
        assert part in page, part
    first = member.history.earliest()
    assert root.post(version_url(member, first), member_form(member, role="operator")).status_code == 302
    assert Membership.objects.get(pk=member.pk).role == "operator"


def test_a_membership_that_was_taken_away_comes_back(root: Client, people: People) -> None:
    member = Membership.objects.get(user__username="bob")
    key, form = member.pk, member_form(member)
    member.delete()
    member.pk = key
    last = Membership.history.filter(id=key).latest()
    assert root.post(version_url(member, last), form).status_code == 302
    assert Membership.objects.get(user__username="bob").role == "operator"


def test_a_version_tells_of_a_login_and_an_account_that_are_gone(root: Client, people: People) -> None:
    member = Membership.objects.get(user__username="charlie")
    key = member.pk
    people.beta.delete()
    people["charlie"].delete()
    member.pk = key
    for url in (history_url(member), version_url(member, Membership.history.filter(id=key).latest())):
        assert "a deleted login in a deleted account" in text_of(root, url)


def test_a_person_made_admin_is_told_and_undone(root: Client, people: People) -> None:
    bob = people["bob"]
    url = reverse("admin:auth_user_change", args=[bob.pk])
    none = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    assert root.post(url, login_form(bob, is_superuser="on") | none).status_code == 302
    assert "Superuser status" in text_of(root, history_url(bob))
    assert root.post(version_url(bob, bob.history.earliest()), login_form(bob)).status_code == 302  # type: ignore[attr-defined]
    assert not people["bob"].is_superuser


def test_a_password_is_neither_kept_nor_restored(root: Client, people: People) -> None:
    bob = people["bob"]
    bob.set_password("correct horse")
    bob.save()
    first = bob.history.earliest()  # type: ignore[attr-defined]
    bob.set_password("another horse")
    bob.save()
    stored = str(list(type(first).objects.values()))
    pages = text_of(root, history_url(bob)) + text_of(root, version_url(bob, first))
    assert "New password" in pages
    assert bob.password not in stored + pages
    assert root.post(version_url(bob, first), login_form(bob)).status_code == 302
    assert people["bob"].check_password("another horse")


def test_logging_in_makes_no_version(client: Client, people: People) -> None:
    bob = people["bob"]
    before = bob.history.count()  # type: ignore[attr-defined]
    client.force_login(bob)
    bob.refresh_from_db()
    assert bob.last_login is not None
    assert bob.history.count() == before  # type: ignore[attr-defined]


def test_a_deleted_login_comes_back_without_a_password(root: Client, people: People) -> None:
    bob = people["nobody"]
    key, form = bob.pk, login_form(bob)
    bob.delete()
    bob.pk = key
    last = bob.history.model.objects.filter(id=key).latest()  # type: ignore[attr-defined]
    response = root.post(version_url(bob, last), form, follow=True)
    assert "has no password now" in response.content.decode()
    assert not people["nobody"].has_usable_password()


def test_a_token_is_told_without_its_hash(client: Client, people: People) -> None:
    token, text = issue(people["alice"], name="Wallboard", scopes=["read"], account=people.alpha)
    client.force_login(people["alice"])
    url = reverse("admin:accounts_apitoken_change", args=[token.pk])
    assert client.post(url, token_form(token, name="Doorbell")).status_code == 302
    pages = text_of(client, history_url(token)) + text_of(
        client, version_url(token, token.history.earliest())
    )
    for part in ("Wallboard", "Doorbell", "alice"):
        assert part in pages
    assert token.digest not in pages + str(list(ApiToken.history.values()))
    assert text not in pages


def test_a_revocation_outlives_a_restored_version(client: Client, people: People) -> None:
    token, _ = issue(people["alice"], name="Wallboard", scopes=["read"], account=people.alpha)
    first = token.history.earliest()
    revoke(token)
    client.force_login(people["alice"])
    assert "Revoked" in text_of(client, history_url(token))
    form = token_form(token, scopes="write", account="", user=str(people["root"].pk))
    assert client.post(version_url(token, first), form).status_code == 302
    stored = ApiToken.objects.get(pk=token.pk)
    assert stored.revoked_at is not None
    assert (stored.scopes, stored.account, stored.user) == (["read"], people.alpha, people["alice"])


def test_a_version_gives_no_scopes_back(client: Client, people: People) -> None:
    token, _ = issue(people["alice"], name="Wallboard", scopes=["read", "write"], account=people.alpha)
    first = token.history.earliest()
    token.scopes = ["read"]
    token.save()
    client.force_login(people["alice"])
    assert client.post(version_url(token, first), token_form(token)).status_code == 302
    assert ApiToken.objects.get(pk=token.pk).scopes == ["read"]


def test_a_deleted_token_is_only_shown(client: Client, people: People) -> None:
    token, _ = issue(people["alice"], name="Wallboard", scopes=["read"], account=people.alpha)
    key, form = token.pk, token_form(token)
    token.delete()
    token.pk = key
    client.force_login(people["alice"])
    url = version_url(token, ApiToken.history.filter(id=key).latest())
    assert 'name="_save"' not in text_of(client, url)
    assert client.post(url, form).status_code == 403
    assert not ApiToken.objects.exists()


def test_the_own_token_of_every_account_has_a_history(client: Client, people: People) -> None:
    token, _ = issue(people["alice"], name="Mine", scopes=["read"])
    client.force_login(people["alice"])
    assert "Created" in text_of(client, history_url(token))
    client.force_login(people["charlie"])
    assert client.get(history_url(token)).status_code in (302, 403, 404)


def test_what_was_there_before_gets_a_first_version(people: People) -> None:
    token, _ = issue(people["alice"], name="Old", scopes=["read"])
    made = timezone.now() - timedelta(days=9)
    Membership.objects.update(created_at=made)
    histories: list[Any] = [Membership.history, ApiToken.history, Login.history]  # type: ignore[attr-defined]
    for history in histories:
        history.all().delete()
    migration = importlib.import_module("accounts.migrations.0007_first_versions")
    migration.write_first_versions(apps, SimpleNamespace(connection=connection))
    assert [history.count() for history in histories] == [4, 1, 6]
    assert {version.history_date for version in Membership.history.all()} == {made}
    assert token.history.get().name == "Old"
