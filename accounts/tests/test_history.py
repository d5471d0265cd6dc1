# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, User
from accounts.tests.factories import make_user
from accounts.tests.people import People, make_people

pytestmark = pytest.mark.django_db
PAGES = "admin:accounts_user"


@pytest.fixture
def people() -> People:
    return make_people()


def history_url(row: Any) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_history"
    return reverse(name, args=[row.pk])


def version_url(row: Any, version: Any) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_simple_history"
    return reverse(name, args=[row.pk, version.pk])


def user_form(user: User, **fields: str) -> dict[str, str]:
    return {
        "account": str(user.account_id),
        "extension": user.extension,
        "username": user.username,
        "display_name": user.display_name,
        "typed_password": "",
        "enabled": "on",
        "max_concurrent_calls": "",
    } | fields


def edit(client: Client, user: User, **fields: str) -> None:
    url = reverse(f"{PAGES}_change", args=[user.pk])
    assert client.post(url, user_form(user, **fields)).status_code == 302


def test_a_change_is_shown_with_its_author_and_difference(client: Client, people: People) -> None:
    user = make_user(people.alpha, display_name="Alice")
    client.force_login(people["alice"])
    edit(client, user, display_name="Alicia")
    page = client.get(history_url(user)).content.decode()
    for part in ("alice", "Display name", "Alice", "Alicia", "Changed", "2 versions, the newest first."):
        assert part in page


def test_an_earlier_version_is_restored(client: Client, people: People) -> None:
    user = make_user(people.alpha, password="correct horse", display_name="Alice")
    client.force_login(people["alice"])
    edit(client, user, display_name="Alicia")
    first = user.history.earliest()
    assert "Alice" in client.get(version_url(user, first)).content.decode()
    assert client.post(version_url(user, first), user_form(user, display_name="Alice")).status_code == 302
    restored = User.objects.get(pk=user.pk)
    assert restored.display_name == "Alice"
    assert restored.check_password("correct horse")


def test_a_user_name_is_not_restored_under_a_password_that_does_not_fit_it(
    client: Client, people: People
) -> None:
    user = make_user(people.alpha, "1001")
    client.force_login(people["alice"])
    edit(client, user, username="alice", typed_password="another horse")
    first = user.history.earliest()
    response = client.post(version_url(user, first), user_form(user, username="1001"))
    assert response.status_code == 200
    assert "needs a new password" in response.content.decode()
    form = user_form(user, username="1001", typed_password="third horse")
    assert client.post(version_url(user, first), form).status_code == 302
    assert User.objects.get(pk=user.pk).check_password("third horse")


def test_no_hash_is_kept_or_shown_in_a_history(client: Client, people: People) -> None:
    user = make_user(people.alpha, password="correct horse")
    client.force_login(people["alice"])
    edit(client, user, typed_password="another horse")
    assert "another horse" in client.get(reverse(f"{PAGES}_setup", args=[user.pk])).content.decode()
    stored = str(list(User.history.values()))
    pages = client.get(history_url(user)).content.decode()
    pages += client.get(version_url(user, user.history.earliest())).content.decode()
    user.refresh_from_db()
    assert user.history.count() == 2
    for secret in (user.password_hash, user.password_hash_sha256, "another horse"):
        assert secret not in stored
        assert secret not in pages


def test_a_new_password_is_told_as_such(client: Client, people: People) -> None:
    user = make_user(people.alpha)
    client.force_login(people["alice"])
    edit(client, user, typed_password="another horse")
    edit(client, user, display_name="Alicia")
    reasons = user.history.order_by("history_id").values_list("history_change_reason", flat=True)
    assert list(reasons) == [None, "New SIP password", None]


def test_a_deleted_user_comes_back_with_a_new_password(client: Client, people: People) -> None:
    user = make_user(people.alpha, "1001")
    key = user.pk
    client.force_login(people["alice"])
    client.post(reverse(f"{PAGES}_delete", args=[key]), {"post": "yes"})
    user.pk = key
    assert "1001" in client.get(history_url(user)).content.decode()
    last = User.history.filter(id=key).latest()
    response = client.post(version_url(user, last), user_form(user))
    assert response.status_code == 302
    assert User.objects.get(pk=key).password_hash_sha256


def test_readers_see_a_version_and_cannot_restore_it(client: Client, people: People) -> None:
    user = make_user(people.alpha, display_name="Alice")
    client.force_login(people["vera"])
    first = user.history.earliest()
    assert client.get(version_url(user, first)).status_code == 200
    assert client.post(version_url(user, first), user_form(user, display_name="X")).status_code == 403


@pytest.mark.parametrize("name", ["bob", "charlie", "nobody"])
def test_others_see_no_history(client: Client, people: People, name: str) -> None:
    user = make_user(people.alpha)
    client.force_login(people[name])
    for url in (history_url(user), version_url(user, user.history.earliest())):
        assert client.get(url).status_code in (302, 403, 404)
        assert client.post(url, user_form(user)).status_code in (302, 403, 404, 405)


def test_a_user_who_moved_takes_no_history_of_the_other_account_along(client: Client, people: People) -> None:
    user = make_user(people.beta, display_name="Secret of Beta")
    client.force_login(people["root"])
    edit(client, user, account=str(people.alpha.pk), display_name="Plain", typed_password="another horse")
    first, last = user.history.earliest(), user.history.latest()
    client.force_login(people["alice"])
    page = client.get(history_url(user)).content.decode()
    assert "Secret of Beta" not in page
    assert client.get(version_url(user, last)).status_code == 200
    assert client.get(version_url(user, first)).status_code == 404


def test_the_account_that_a_user_left_cannot_take_it_back(client: Client, people: People) -> None:
    user = make_user(people.beta)
    client.force_login(people["root"])
    edit(client, user, account=str(people.alpha.pk), typed_password="another horse")
    client.force_login(people["charlie"])
    form = user_form(user, account=str(people.beta.pk), typed_password="third horse")
    assert client.post(version_url(user, user.history.earliest()), form).status_code == 404
    assert User.objects.get(pk=user.pk).account == people.alpha


def test_restoring_an_account_leaves_the_limits_to_the_platform(client: Client, people: People) -> None:
    account = people.alpha
    first = account.history.earliest()
    account.max_concurrent_calls, account.enabled, account.name = 1, False, "Renamed"
    account.save()
    client.force_login(people["alice"])
    form = {"name": "Alpha", "domain": "evil.example", "max_concurrent_calls": "0", "enabled": "on"}
    form["media_encryption"] = "off"
    assert client.post(version_url(account, first), form).status_code == 302
    account = Account.objects.get(pk=account.pk)
    assert (account.name, account.domain) == ("Alpha", "alpha.example")
    assert (account.max_concurrent_calls, account.enabled) == (1, False)


@pytest.mark.parametrize("version", ["0", "999999", "x", "1' or 1"])
def test_a_version_that_is_none_is_not_found(client: Client, people: People, version: str) -> None:
    user = make_user(people.alpha)
    client.force_login(people["alice"])
    url = reverse(f"{PAGES}_history", args=[user.pk]) + version + "/"
    assert client.get(url).status_code == 404
