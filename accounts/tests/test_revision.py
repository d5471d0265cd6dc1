# SPDX-License-Identifier: Apache-2.0
"""Every way to write configuration raises the counter that running nodes poll."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import transaction

from accounts.models import Account, User
from accounts.tests.factories import make_account, make_user, revision
from dialplan.models import Route

pytestmark = pytest.mark.django_db
ACTIONS = [{"type": "echo", "params": {}}]


def _save() -> None:
    user = User.objects.get()
    user.enabled = False
    user.save()


def _bulk_update() -> None:
    user = User.objects.get()
    user.display_name = "Alice"
    User.objects.bulk_update([user], ["display_name"])


def _bulk_create() -> None:
    User.objects.bulk_create([User(account=Account.objects.first(), username="x", extension="9")])


WRITES: dict[str, Callable[[], object]] = {
    "save": _save,
    "create": lambda: make_user(Account.objects.all()[0], "1002"),
    "update_or_create": lambda: User.objects.update_or_create(username="1001", defaults={"enabled": False}),
    "get_or_create": lambda: User.objects.get_or_create(
        username="9", extension="9", account=Account.objects.all()[0]
    ),
    "update": lambda: User.objects.filter(enabled=True).update(enabled=False),
    "bulk_create": _bulk_create,
    "bulk_update": _bulk_update,
    "delete": lambda: User.objects.get().delete(),
    "delete_many": lambda: User.objects.all().delete(),
    "related_manager": lambda: Account.objects.get(domain="alpha.example").users.update(enabled=False),
}


@pytest.mark.parametrize("write", WRITES)
def test_every_write_raises_the_counter(write: str) -> None:
    make_user(make_account())
    before = revision("users")
    WRITES[write]()
    assert revision("users") > before


@pytest.mark.parametrize("delete", ["instance", "queryset"])
def test_deleting_an_account_tells_of_the_users_and_routes_that_went_with_it(delete: str) -> None:
    account = make_account()
    make_user(account)
    Route.objects.create(account=account, name="r", pattern="1", actions=ACTIONS)
    before = {topic: revision(topic) for topic in ("accounts", "users", "routes")}
    if delete == "instance":
        account.delete()
    else:
        Account.objects.filter(pk=account.pk).delete()
    assert all(revision(topic) > number for topic, number in before.items())


def test_reading_and_deleting_nothing_leaves_the_counter() -> None:
    make_user(make_account())
    before = revision("users")
    list(User.objects.all())
    User.objects.filter(username="nobody").delete()
    assert revision("users") == before


def test_one_topic_leaves_the_others() -> None:
    account = make_account()
    before = revision("accounts")
    make_user(account)
    assert revision("accounts") == before


def test_a_write_that_is_rolled_back_leaves_the_counter() -> None:
    make_user(make_account())
    before = revision("users")
    with pytest.raises(RuntimeError), transaction.atomic():
        User.objects.update(enabled=False)
        raise RuntimeError
    assert revision("users") == before


def test_a_loaded_fixture_raises_the_counter(tmp_path: Path) -> None:
    make_user(make_account())
    fixture = tmp_path / "users.json"
    call_command("dumpdata", "accounts.user", output=str(fixture), stdout=StringIO())
    before = revision("users")
    call_command("loaddata", str(fixture), stdout=StringIO())
    assert revision("users") > before
