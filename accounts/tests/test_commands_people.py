# SPDX-License-Identifier: Apache-2.0
"""Accounts and logins from the shell."""

import io

import pytest
from django.contrib.auth.models import User as Login

from accounts.access import Membership
from accounts.models import Account
from accounts.tenancy import tenant_ids
from accounts.tests.test_commands import refusal, run, run_json

pytestmark = pytest.mark.django_db


def test_an_account_is_added_listed_and_switched() -> None:
    made = run_json("accounts", "add", "Gamma.example", "--name", "Gamma Ltd", "--max-calls", "7")
    account = Account.objects.get(domain="gamma.example")
    assert (made["id"], made["name"], made["max_concurrent_calls"]) == (str(account.pk), "Gamma Ltd", 7)
    assert account.realm == "gamma.example"
    assert run_json("accounts", "disable", "gamma.example")["enabled"] is False
    assert run_json("accounts", "enable", "gamma.example")["enabled"] is True
    assert "gamma.example" in {row["domain"] for row in run_json("accounts", "list")}
    assert "Gamma Ltd" in run("accounts", "list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "not a domain"), "domain: "),
        (("add", "gamma.example", "--max-calls", "-1"), "max_concurrent_calls: "),
        (("disable", "nowhere.example"), "No account has the domain nowhere.example"),
    ],
)
def test_what_is_wrong_with_an_account_is_named(words: tuple[str, ...], says: str) -> None:
    assert says in refusal("accounts", *words)


def test_a_domain_is_taken_once() -> None:
    run("accounts", "add", "gamma.example")
    assert "domain: " in refusal("accounts", "add", "GAMMA.example")


def test_a_login_of_an_account_is_added_and_may_do_no_more() -> None:
    account = Account.objects.create(name="Gamma", domain="gamma.example")
    made = run_json("logins", "add", "carol", "--account", "gamma.example", "--role", "operator")
    login = Login.objects.get(username="carol")
    assert login.check_password(made["password"]) and login.is_staff and not login.is_superuser
    assert tenant_ids(login) == frozenset({str(account.pk)})
    assert made["works_for"] == ["gamma.example (operator)"]


def test_a_platform_admin_is_added_with_a_password_of_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long and unusual one 7\n"))
    run("logins", "add", "root", "--platform", "--password-stdin")
    login = Login.objects.get(username="root")
    assert login.is_superuser and login.check_password("a long and unusual one 7")
    monkeypatch.setattr("sys.stdin", io.StringIO("12345\n"))
    assert "password" in refusal("logins", "add", "weak", "--platform", "--password-stdin")
    assert not Login.objects.filter(username="weak").exists()


def test_roles_are_granted_changed_and_withdrawn() -> None:
    Account.objects.create(name="Gamma", domain="gamma.example")
    run("logins", "add", "carol", "--account", "gamma.example")
    where = ("carol", "--account", "gamma.example")
    assert run_json("logins", "grant", *where, "--role", "admin")["works_for"] == ["gamma.example (admin)"]
    assert Membership.objects.get().history.count() == 2
    assert "carol" in run("logins", "list", "--account", "gamma.example")
    assert run_json("logins", "withdraw", *where)["works_for"] == []
    assert "does not work for" in refusal("logins", "withdraw", *where)
    assert run("logins", "list", "--account", "gamma.example") == "none\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "carol"), "Say either --account DOMAIN or --platform"),
        (("add", "carol", "--platform", "--account", "gamma.example"), "Say either"),
        (("add", "carol", "--platform", "--role", "viewer"), "--role goes with --account"),
        (("add", "carol", "--account", "nowhere.example"), "No account has the domain nowhere.example"),
        (("add", "no spaces", "--platform"), "username: "),
        (("grant", "nobody", "--account", "gamma.example"), "No login is named nobody"),
    ],
)
def test_what_is_wrong_with_a_login_is_named_and_none_is_made(words: tuple[str, ...], says: str) -> None:
    assert says in refusal("logins", *words)
    assert not Login.objects.exists()
