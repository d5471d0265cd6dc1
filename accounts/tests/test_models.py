# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.credentials import hash_password
from accounts.models import Account, User
from accounts.tests.factories import make_account, make_user

pytestmark = pytest.mark.django_db


def errors_of(row: Account | User) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        row.full_clean()
    return caught.value.message_dict


def test_a_new_installation_has_one_account() -> None:
    account = Account.objects.get()
    assert (account.domain, account.realm, account.enabled) == (
        "switchboard.local",
        "switchboard.local",
        True,
    )


def test_a_new_domain_leaves_the_realm_and_so_the_passwords() -> None:
    account = make_account("old.example")
    user = make_user(account, password="correct horse")
    account.domain = "new.example"
    account.save()
    account.refresh_from_db()
    assert (account.domain, account.realm) == ("new.example", "old.example")
    assert User.objects.get(pk=user.pk).check_password("correct horse")


def test_a_domain_is_stored_in_lower_case() -> None:
    account = Account(name="A", domain="PBX.Example")
    account.clean()
    assert account.domain == "pbx.example"


@pytest.mark.parametrize("domain", ["", "a b", "-a.example", "a..example", "a.example/", "x" * 254, "a\n"])
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    assert "domain" in errors_of(Account(name="A", domain=domain))


def test_passwords_are_stored_as_hashes_alone() -> None:
    user = make_user(make_account("alpha.example"), "1001", "correct horse")
    row = User.objects.filter(pk=user.pk).values().get()
    hashes = hash_password("1001", "alpha.example", "correct horse")
    assert (row["password_hash"], row["password_hash_sha256"]) == hashes
    assert "correct horse" not in str(row)


def test_a_password_can_be_checked_against_the_hashes() -> None:
    user = make_user(make_account(), password="correct horse")
    assert user.check_password("correct horse")
    assert not user.check_password("wrong horse")


def test_a_new_user_name_needs_a_new_password() -> None:
    user = User.objects.get(pk=make_user(make_account()).pk)
    user.username = "alice"
    assert list(errors_of(user)) == ["username"]
    user.set_password("another horse")
    user.full_clean()


def test_a_password_set_before_the_user_name_changed_is_made_anew() -> None:
    user = User.objects.get(pk=make_user(make_account()).pk)
    user.username = "alice"
    user.set_password("another horse")
    user.save()
    assert User.objects.get(pk=user.pk).check_password("another horse")


def test_another_account_needs_a_new_password() -> None:
    user = User.objects.get(pk=make_user(make_account()).pk)
    user.account = make_account("beta.example")
    assert list(errors_of(user)) == ["account"]


def test_an_unchanged_user_is_valid_without_a_query(django_assert_num_queries: Any) -> None:
    user = User.objects.select_related("account").get(pk=make_user(make_account()).pk)
    user.enabled = False
    with django_assert_num_queries(0):
        user.clean()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"username": "1001", "extension": "1002"}, "username"),
        ({"username": "1002", "extension": "1001"}, "extension"),
        ({"username": "alice", "extension": "1002"}, "username"),
    ],
)
def test_a_name_reaches_one_user_of_an_account(fields: dict[str, str], wrong: str) -> None:
    account = make_account()
    make_user(account, "1001")
    make_user(account, "1003", username="alice")
    assert list(errors_of(User(account=account, password_hash="x", password_hash_sha256="x", **fields))) == [
        wrong
    ]


def test_an_extension_cannot_be_another_users_name() -> None:
    account = make_account()
    make_user(account, "77", username="1001")
    with pytest.raises(ValidationError, match="Another user of this account has 1001"):
        User(account=account, username="bob", extension="1001").clean()


def test_two_accounts_can_have_the_same_user_names_and_extensions() -> None:
    make_user(make_account("alpha.example"), "1001")
    other = User(account=make_account("beta.example"), username="1001", extension="1001")
    other.set_password("correct horse")
    other.full_clean(exclude=["password_hash", "password_hash_sha256"])
    other.save()
    assert User.objects.filter(username="1001").count() == 2


@pytest.mark.parametrize("field", ["username", "extension"])
def test_the_database_refuses_a_second_user_of_the_same_name(field: str) -> None:
    account = make_account()
    make_user(account, "1001")
    fields = {"username": "x", "extension": "9", field: "1001"}
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(account=account, **fields)
