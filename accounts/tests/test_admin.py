# SPDX-License-Identifier: Apache-2.0
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User as Login
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from accounts.models import Account, PasswordHandover, User
from accounts.tests.factories import make_account, make_user, revision
from accounts.tests.people import make_people
from accounts.tokens import issue

pytestmark = pytest.mark.django_db

QUERIES = {
    "accounts_account": 5,
    "accounts_user": 6,
    "accounts_membership": 6,
    "accounts_apitoken": 6,
    "auth_user": 6,
}
"""Queries of a list page, whatever its number of rows; to be changed on purpose alone."""


@pytest.fixture
def account() -> Account:
    return make_account("alpha.example")


def add_form(account: Account, **fields: str) -> dict[str, str]:
    return {
        "account": str(account.pk),
        "extension": "1001",
        "username": "1001",
        "display_name": "Alice",
        "typed_password": "",
        "enabled": "on",
        "max_concurrent_calls": "",
    } | fields


def shown_password(response: Any) -> str:
    password: str = response.context["password"]
    assert escape(password) in response.content.decode()
    return password


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


def test_adding_a_user_shows_a_generated_password_once(admin_client: Client, account: Account) -> None:
    before = revision("users")
    url = reverse("admin:accounts_user_add")
    response = admin_client.post(url, add_form(account), follow=True)
    password = shown_password(response)
    user = User.objects.get(username="1001")
    assert len(password) == 16
    assert user.check_password(password)
    assert revision("users") > before
    assert password.encode() in response.content
    assert password.encode() not in admin_client.get(reverse("admin:accounts_user_changelist")).content


def test_a_typed_password_is_taken(admin_client: Client, account: Account) -> None:
    url = reverse("admin:accounts_user_add")
    response = admin_client.post(url, add_form(account, typed_password="correct <horse>"), follow=True)
    assert User.objects.get(username="1001").check_password("correct <horse>")
    assert shown_password(response) == "correct <horse>"


def test_no_password_and_no_hash_reaches_pages_history_or_session(
    admin_client: Client, account: Account
) -> None:
    admin_client.post(
        reverse("admin:accounts_user_add"), add_form(account, typed_password="correct horse"), follow=True
    )
    user = User.objects.get(username="1001")
    url = reverse("admin:accounts_user_change", args=[user.pk])
    pages = (
        admin_client.get(url).content + admin_client.get(reverse("admin:accounts_user_changelist")).content
    )
    stored = str(list(LogEntry.objects.values())) + str([s.get_decoded() for s in Session.objects.all()])
    stored += str(list(PasswordHandover.objects.values()))
    for secret in ("correct horse", user.password_hash, user.password_hash_sha256):
        assert secret.encode() not in pages
        assert secret not in stored


def test_a_weak_password_is_refused_at_its_field(admin_client: Client, account: Account) -> None:
    response = admin_client.post(
        reverse("admin:accounts_user_add"), add_form(account, typed_password="short")
    )
    assert errors_of(response) == {"typed_password": ["A password has 8 to 128 characters."]}
    assert not User.objects.exists()


def test_a_taken_extension_is_refused_at_its_field(admin_client: Client, account: Account) -> None:
    make_user(account, "1001")
    response = admin_client.post(reverse("admin:accounts_user_add"), add_form(account, username="alice"))
    assert list(errors_of(response)) == ["extension"]


def test_the_user_name_is_the_extension_unless_one_is_typed(admin_client: Client, account: Account) -> None:
    form = add_form(account, username="")
    assert admin_client.post(reverse("admin:accounts_user_add"), form).status_code == 302
    user = User.objects.get()
    assert user.username == "1001"
    url = reverse("admin:accounts_user_change", args=[user.pk])
    assert admin_client.post(url, form | {"display_name": "Alicia"}).status_code == 302
    user.refresh_from_db()
    assert (user.username, user.display_name) == ("1001", "Alicia")


@pytest.mark.parametrize(
    ("extension", "field"), [("*55#", "username"), ("", "extension"), ("x y", "extension")]
)
def test_an_extension_that_is_no_user_name_asks_for_one(
    admin_client: Client, account: Account, extension: str, field: str
) -> None:
    form = add_form(account, username="", extension=extension)
    response = admin_client.post(reverse("admin:accounts_user_add"), form)
    assert list(errors_of(response)) == [field]
    assert not User.objects.exists()


def test_a_form_without_an_account_is_refused_at_its_field(admin_client: Client, account: Account) -> None:
    response = admin_client.post(reverse("admin:accounts_user_add"), add_form(account) | {"account": ""})
    assert list(errors_of(response)) == ["account"]


def test_saving_a_user_without_a_new_password_keeps_the_old_one(
    admin_client: Client, account: Account
) -> None:
    user = make_user(account, password="correct horse")
    url = reverse("admin:accounts_user_change", args=[user.pk])
    admin_client.post(url, add_form(account, display_name="Alicia"))
    user.refresh_from_db()
    assert user.display_name == "Alicia"
    assert user.check_password("correct horse")


def test_a_new_password_can_be_generated_for_a_user(admin_client: Client, account: Account) -> None:
    user = make_user(account, password="correct horse")
    url = reverse("admin:accounts_user_change", args=[user.pk])
    response = admin_client.post(url, add_form(account, generate="on"), follow=True)
    assert User.objects.get(pk=user.pk).check_password(shown_password(response))


def test_a_password_is_typed_or_generated_not_both(admin_client: Client, account: Account) -> None:
    user = make_user(account)
    url = reverse("admin:accounts_user_change", args=[user.pk])
    response = admin_client.post(url, add_form(account, generate="on", typed_password="correct horse"))
    assert list(errors_of(response)) == ["generate"]


def test_a_new_user_name_needs_a_new_password(admin_client: Client, account: Account) -> None:
    user = make_user(account)
    url = reverse("admin:accounts_user_change", args=[user.pk])
    assert list(errors_of(admin_client.post(url, add_form(account, username="alice")))) == ["username"]
    admin_client.post(url, add_form(account, username="alice", typed_password="another horse"))
    user.refresh_from_db()
    assert user.username == "alice"
    assert user.check_password("another horse")


def test_another_account_needs_a_new_password(admin_client: Client, account: Account) -> None:
    user = make_user(account)
    beta = make_account("beta.example")
    url = reverse("admin:accounts_user_change", args=[user.pk])
    assert list(errors_of(admin_client.post(url, add_form(beta)))) == ["account"]
    admin_client.post(url, add_form(beta, typed_password="another horse"))
    moved = User.objects.get(pk=user.pk)
    assert (moved.account, moved.realm) == (beta, "beta.example")
    assert moved.check_password("another horse")


def test_users_are_disabled_in_the_list(admin_client: Client, account: Account) -> None:
    user = make_user(account)
    before = revision("users")
    form = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": str(user.pk), "_save": "Save"}
    admin_client.post(reverse("admin:accounts_user_changelist"), form)
    user.refresh_from_db()
    assert not user.enabled
    assert revision("users") > before


def new_passwords(client: Client, *users: User, **fields: str) -> Any:
    data = {"action": "set_new_passwords", "_selected_action": [str(user.pk) for user in users], **fields}
    return client.post(reverse("admin:accounts_user_changelist"), data)


def test_new_passwords_are_asked_for_and_then_shown_once(admin_client: Client, account: Account) -> None:
    alice, bob = make_user(account, "1001", "correct horse"), make_user(account, "1002")
    response = new_passwords(admin_client, alice, bob)
    assert b"Set new SIP passwords?" in response.content
    assert User.objects.get(pk=alice.pk).check_password("correct horse")
    response = new_passwords(admin_client, alice, bob, confirm="yes")
    passwords = dict(response.context["passwords"])
    assert set(passwords) == {alice, bob}
    for user, password in passwords.items():
        assert password.encode() in response.content
        assert User.objects.get(pk=user.pk).check_password(password)
        assert password not in str(list(LogEntry.objects.values()))


def test_a_reader_of_users_sees_no_way_to_set_a_password(client: Client) -> None:
    people = make_people()
    client.force_login(people["vera"])
    user = make_user(people.alpha)
    page = client.get(reverse("admin:accounts_user_change", args=[user.pk]))
    assert page.status_code == 200
    assert b"typed_password" not in page.content
    assert b"set_new_passwords" not in client.get(reverse("admin:accounts_user_changelist")).content
    new_passwords(client, user, confirm="yes")
    assert User.objects.get(pk=user.pk).check_password("correct horse")


def test_a_new_domain_leaves_the_realm(admin_client: Client, account: Account) -> None:
    user = make_user(account, password="correct horse")
    form = {
        "name": "Alpha",
        "domain": "New.Example",
        "enabled": "on",
        "max_concurrent_calls": "5",
        "media_encryption": "off",
        "realm": "x",
    }
    response = admin_client.post(reverse("admin:accounts_account_change", args=[account.pk]), form)
    assert response.status_code == 200
    assert "domain" in errors_of(response)
    admin_client.post(
        reverse("admin:accounts_account_change", args=[account.pk]), form | {"domain": "new.example"}
    )
    account.refresh_from_db()
    assert (account.domain, account.realm) == ("new.example", "alpha.example")
    assert User.objects.get(pk=user.pk).check_password("correct horse")


def test_the_only_account_is_filled_in(admin_client: Client) -> None:
    response = admin_client.get(reverse("admin:accounts_user_add"))
    assert response.context["adminform"].form.initial["account"] == Account.objects.get().pk


@pytest.mark.parametrize(
    "page",
    [
        "accounts_account_changelist",
        "accounts_account_add",
        "accounts_user_add",
        "auth_user_add",
        "accounts_membership_add",
        "accounts_apitoken_add",
        "accounts_failedlogin_changelist",
        "accounts_recordedlogin_changelist",
    ],
)
def test_pages_open(admin_client: Client, page: str) -> None:
    assert admin_client.get(reverse(f"admin:{page}")).status_code == 200


def test_a_login_is_added_with_what_its_form_shows(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:auth_user_add"))
    names = {"username", "password1", "password2", "is_staff"}
    text = page.content.decode()
    assert all(f'name="{name}"' in text for name in names)
    form = {
        "username": "erin",
        "password1": "correct horse",
        "password2": "correct horse",
        "is_staff": "on",
    }
    response = admin_client.post(reverse("admin:auth_user_add"), form)
    assert response.status_code == 302
    assert Client().login(request=page.wsgi_request, username="erin", password="correct horse")
    assert Login.objects.get(username="erin").is_staff


def test_a_login_that_did_something_is_deactivated_not_deleted(admin_client: Client) -> None:
    erin = Login.objects.create(username="erin", is_staff=True)
    LogEntry.objects.create(user=erin, action_flag=CHANGE, object_id="x", object_repr="RTP manager x")
    one, selected = reverse("admin:auth_user_delete", args=[erin.pk]), reverse("admin:auth_user_changelist")
    action = {"action": "delete_selected", "_selected_action": [erin.pk]}
    asked = (admin_client.get(one), admin_client.post(selected, action))
    for page in asked:
        text = page.content.decode()
        assert "What erin did would lose its author: 1 entry in the log of this admin" in text
        assert "Deactivate the login instead" in text
    for url, form in ((one, {}), (selected, action)):
        admin_client.post(url, {**form, "post": "yes"})
    assert LogEntry.objects.filter(user=erin).count() == 1


def test_a_login_that_changed_something_over_rest_alone_is_not_deleted(
    admin_client: Client, account: Account
) -> None:
    erin = Login.objects.create_superuser("erin")
    _, token = issue(erin, name="x", scopes=["write"])
    address = "/api/v1/users"
    sent = {"account": str(account.pk), "extension": "77"}
    rest = Client(headers={"Authorization": f"Bearer {token}"})
    assert rest.post(address, sent, content_type="application/json").status_code == 201
    url = reverse("admin:auth_user_delete", args=[erin.pk])
    assert (
        "What erin did would lose its author: 1 version in change histories"
        in admin_client.get(url).content.decode()
    )
    admin_client.post(url, {"post": "yes"})
    assert Login.objects.filter(username="erin").exists()


def test_the_own_password_is_no_trace(client: Client, admin_client: Client) -> None:
    erin = Login.objects.create_superuser("erin", password="correct horse")
    client.force_login(erin)
    form = {"old_password": "correct horse", "new_password1": "third horse!", "new_password2": "third horse!"}
    assert client.post(reverse("admin:password_change"), form).status_code == 302
    admin_client.post(reverse("admin:auth_user_delete", args=[erin.pk]), {"post": "yes"})
    assert not Login.objects.filter(username="erin").exists()


def test_a_login_that_did_nothing_is_deleted(admin_client: Client) -> None:
    erin = Login.objects.create(username="erin", is_staff=True)
    admin_client.post(reverse("admin:auth_user_delete", args=[erin.pk]), {"post": "yes"})
    assert not Login.objects.filter(username="erin").exists()


@pytest.mark.parametrize("page", QUERIES)
def test_a_list_page_takes_the_same_few_queries_for_many_rows(
    admin_client: Client, django_assert_num_queries: Any, page: str
) -> None:
    for number in range(5):
        account = make_account(f"a{number}.example")
        for extension in range(6):
            make_user(account, str(extension))
    admin_client.get(reverse(f"admin:{page}_changelist"))
    with django_assert_num_queries(QUERIES[page]):
        response = admin_client.get(reverse(f"admin:{page}_changelist"))
    assert response.status_code == 200


def test_searching_users_finds_number_name_and_domain(admin_client: Client, account: Account) -> None:
    make_user(account, "1001", display_name="Alice")
    make_user(make_account("beta.example"), "1002", display_name="Bob")
    for text, extension in (("alic", "1001"), ("beta", "1002"), ("1002", "1002")):
        response = admin_client.get(reverse("admin:accounts_user_changelist"), {"q": text})
        assert [user.extension for user in response.context["cl"].result_list] == [extension]


def test_the_question_before_a_deletion_names_what_people_know(
    admin_client: Client, account: Account
) -> None:
    user = make_user(account)
    PasswordHandover.objects.create(digest="x", user=user, sealed=b"x", expires_at=timezone.now())
    one = admin_client.get(reverse("admin:accounts_user_delete", args=[user.pk]))
    selected = {"action": "delete_selected", "_selected_action": [str(user.pk)]}
    several = admin_client.post(reverse("admin:accounts_user_changelist"), selected)
    whole = admin_client.get(reverse("admin:accounts_account_delete", args=[account.pk]))
    for page in (one, several, whole):
        text = page.content.decode()
        assert "handover" not in text.lower()
        assert "SIP users: 1" in " ".join(text.split())
    admin_client.post(reverse("admin:accounts_account_delete", args=[account.pk]), {"post": "yes"})
    assert not PasswordHandover.objects.exists()


def test_deleting_a_user_takes_its_registrations_along(admin_client: Client, account: Account) -> None:
    user = make_user(account)
    user.registrations.create(
        aor="sip:1001@alpha.example",
        contact="sip:1001@192.0.2.1",
        source_ip="192.0.2.1",
        source_port=5060,
        call_id="x",
        cseq=1,
        registered_at="2026-01-01T00:00Z",
        expires_at="2026-01-01T01:00Z",
    )
    admin_client.post(reverse("admin:accounts_user_delete", args=[user.pk]), {"post": "yes"})
    assert not User.objects.exists()


def test_the_list_tells_whose_phone_is_registered(admin_client: Client, account: Account) -> None:
    make_user(account, "1001")
    registered = make_user(account, "1002")
    now = timezone.now()
    registered.registrations.create(
        aor="sip:1002@alpha.example",
        contact="sip:1002@192.0.2.1",
        source_ip="192.0.2.1",
        source_port=5060,
        call_id="x",
        cseq=1,
        registered_at=now,
        expires_at=now + timedelta(hours=1),
    )
    shown = admin_client.get(reverse("admin:accounts_user_changelist")).context["cl"].result_list
    assert [(user.extension, user.is_registered) for user in shown] == [("1001", False), ("1002", True)]


def test_the_name_of_a_phone_and_that_of_a_person_are_told_apart(admin_client: Client) -> None:
    make_user(make_account())
    shown = {
        page: re.sub(r"<[^>]+>", "", admin_client.get(reverse(f"admin:{page}")).content.decode())
        for page in ("accounts_user_changelist", "accounts_user_add", "auth_user_changelist", "auth_user_add")
    }
    assert "User name" in shown["accounts_user_changelist"] and "User name" in shown["accounts_user_add"]
    assert "Login name" in shown["auth_user_changelist"] and "Login name" in shown["auth_user_add"]
    assert not any("Username" in text for text in shown.values())


def test_a_login_that_is_there_already_is_named(admin_client: Client) -> None:
    data = {"username": "admin", "password1": "a long one of ours", "password2": "a long one of ours"}
    answer = admin_client.post(reverse("admin:auth_user_add"), {**data, "usable_password": "true"})
    assert "There is a login with this name already." in answer.content.decode()
