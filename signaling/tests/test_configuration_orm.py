# SPDX-License-Identifier: Apache-2.0
"""The database as the source of the directory."""

import pytest

from accounts.models import Account, User
from dialplan.models import Route
from signaling.configuration_orm import OrmSource
from signaling.directory import Directory

pytestmark = pytest.mark.django_db


def make_user(domain="a.example", username="alice", extension="1001"):
    account = Account.objects.create(name=domain, domain=domain)
    user = User(account=account, username=username, extension=extension)
    user.set_password("correct horse")
    user.save()
    return user


def test_it_reads_accounts_users_and_routes_as_plain_values():
    user = make_user()
    Route.objects.create(id="r1", account=user.account, name="r", pattern="5*", actions=[{"type": "echo"}])
    source = OrmSource()
    account = next(a for a in source.accounts() if a.domain == "a.example")
    assert (account.id, account.realm, account.enabled) == (str(user.account.id), "a.example", True)
    (info,) = (u for u in source.users() if u.username == "alice")
    assert info.account_id == account.id
    assert info.ha1_md5 == user.password_hash
    assert info.ha1_sha256 == user.password_hash_sha256
    assert info.max_concurrent_calls is None
    (row,) = (r for r in source.routes() if r.id == "r1")
    assert row.account_id == account.id
    assert row.document["actions"] == [{"type": "echo"}]


def test_it_reports_a_new_revision_for_each_change():
    source = OrmSource()
    before = source.revisions().get("users", 0)
    user = make_user()
    between = source.revisions()["users"]
    user.display_name = "Alice"
    user.save()
    assert before < between < source.revisions()["users"]


@pytest.mark.django_db(transaction=True)
async def test_the_directory_sees_an_edit_of_the_database():
    from asgiref.sync import sync_to_async

    directory = Directory(OrmSource(), default_domain="a.example", poll_s=60)
    user = await sync_to_async(make_user)()
    assert await directory.refresh()
    account = directory.account_for_host("a.example")
    assert directory.user(account.id, "alice").display_name == ""
    user.display_name = "Alice"
    await sync_to_async(user.save)()
    assert await directory.refresh()
    assert directory.user(account.id, "alice").display_name == "Alice"
    await directory.stop()
