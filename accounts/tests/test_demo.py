# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model

from accounts.demo import CREDENTIALS_FILE, seed_account
from accounts.models import Account, User
from accounts.tests.factories import make_account, make_user, revision

pytestmark = pytest.mark.django_db
DOMAIN = "switchboard.local"


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "var" / CREDENTIALS_FILE


def test_it_makes_four_users_and_a_login_with_the_passwords_it_tells(kept: Path) -> None:
    demo = seed_account(DOMAIN, kept)
    assert [(user.username, user.extension, user.name) for user in demo.users] == [
        ("1001", "1001", "Alice"),
        ("1002", "1002", "Bob"),
        ("1003", "1003", "Carol"),
        ("1004", "1004", "Dave"),
    ]
    for user in demo.users:
        assert User.objects.get(account__domain=DOMAIN, username=user.username).check_password(
            user.password or ""
        )
    login = get_user_model().objects.get(username=demo.admin_username)
    assert login.is_superuser
    assert login.check_password(demo.admin_password or "")


def test_the_passwords_are_kept_for_their_owner_alone(kept: Path) -> None:
    demo = seed_account(DOMAIN, kept)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text()) == {
        "users": {user.username: user.password for user in demo.users},
        "logins": {"admin": demo.admin_password},
    }
    assert list(kept.parent.iterdir()) == [kept]


def test_a_second_run_changes_nothing(kept: Path) -> None:
    first = seed_account(DOMAIN, kept)
    before, written = revision("users"), kept.stat().st_mtime_ns
    assert seed_account(DOMAIN, kept) == first
    assert (revision("users"), kept.stat().st_mtime_ns) == (before, written)


def test_a_lost_file_changes_no_password(kept: Path) -> None:
    first = seed_account(DOMAIN, kept)
    kept.unlink()
    second = seed_account(DOMAIN, kept)
    assert second.unknown == ("1001", "1002", "1003", "1004")
    assert second.admin_password is None
    for user in first.users:
        assert User.objects.get(username=user.username).check_password(user.password or "")
    login = get_user_model().objects.get(username="admin")
    assert login.check_password(first.admin_password or "")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"users": 3}', '{"users": {"1001": 5}}', "\x00"])
def test_a_broken_file_counts_as_lost(kept: Path, content: str) -> None:
    kept.parent.mkdir()
    kept.write_text(content)
    demo = seed_account(DOMAIN, kept)
    assert all(
        User.objects.get(username=user.username).check_password(user.password or "") for user in demo.users
    )


def test_a_new_database_gets_the_passwords_of_the_file(kept: Path) -> None:
    first = seed_account(DOMAIN, kept)
    User.objects.all().delete()
    assert [user.password for user in seed_account(DOMAIN, kept).users] == [
        user.password for user in first.users
    ]


def test_a_user_whose_password_was_changed_by_hand_keeps_it(kept: Path) -> None:
    first = seed_account(DOMAIN, kept)
    alice = User.objects.get(username="1001")
    alice.set_password("changed by hand")
    alice.save()
    second = seed_account(DOMAIN, kept)
    assert second.unknown == ("1001",)
    assert User.objects.get(username="1001").check_password("changed by hand")
    assert second.users[1:] == first.users[1:]


def test_users_and_logins_that_were_there_before_keep_their_passwords(kept: Path) -> None:
    make_user(Account.objects.get(domain=DOMAIN), "1001", "correct horse")
    get_user_model().objects.create_superuser(username="admin", password="battery staple")
    demo = seed_account(DOMAIN, kept)
    assert (demo.unknown, demo.admin_password) == (("1001",), None)
    assert User.objects.get(username="1001").check_password("correct horse")
    assert get_user_model().objects.get(username="admin").check_password("battery staple")
    assert "1001" not in json.loads(kept.read_text())["users"]


def test_a_login_that_was_changed_by_hand_stays(kept: Path) -> None:
    seed_account(DOMAIN, kept)
    login = get_user_model().objects.get(username="admin")
    login.set_password("changed by hand")
    login.save()
    assert seed_account(DOMAIN, kept).admin_password is None
    login.refresh_from_db()
    assert login.check_password("changed by hand")


def test_a_number_that_another_user_has_is_left_to_it(kept: Path) -> None:
    make_user(Account.objects.get(domain=DOMAIN), "1001", username="chief")
    demo = seed_account(DOMAIN, kept)
    assert [user.username for user in demo.users] == ["1002", "1003", "1004"]


def test_other_accounts_are_left_alone(kept: Path) -> None:
    other = make_user(make_account("alpha.example"), "1001", "correct horse")
    seed_account("beta.example", kept)
    assert User.objects.get(pk=other.pk).check_password("correct horse")
    assert Account.objects.get(domain="beta.example").users.count() == 4
