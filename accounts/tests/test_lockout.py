# SPDX-License-Identifier: Apache-2.0
import re
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.admin import site
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.logins import FailedLogin

pytestmark = pytest.mark.django_db
LIMIT = 5


@pytest.fixture
def admin() -> User:
    return User.objects.create_superuser("chief", password="correct horse")


def log_in(client: Client, password: str, name: str = "chief", **environ: str) -> Any:
    url = reverse("admin:login")
    return client.post(url, {"username": name, "password": password}, **environ)  # type: ignore[arg-type]


def test_too_many_failures_close_the_login_with_a_clear_message(client: Client, admin: User) -> None:
    for _ in range(LIMIT - 1):
        assert log_in(client, "wrong").status_code == 200
    response = log_in(client, "wrong")
    assert response.status_code == 429
    assert response["Retry-After"] == "900"
    assert "Wait 15 minutes" in response.content.decode()
    assert log_in(client, "correct horse").status_code == 429


def test_a_login_that_does_not_exist_is_answered_alike(client: Client, admin: User) -> None:
    for name in ("chief", "ghost"):
        answers = [log_in(client, "wrong", name) for _ in range(LIMIT)]
        assert [answer.status_code for answer in answers] == [200] * (LIMIT - 1) + [429]
        assert "Wait 15 minutes" in answers[-1].content.decode()


def test_others_are_not_locked_out_along(client: Client, admin: User) -> None:
    for _ in range(LIMIT):
        log_in(client, "wrong")
    assert log_in(client, "correct horse", REMOTE_ADDR="192.0.2.7").status_code == 302
    User.objects.create_superuser("second", password="correct horse")
    assert log_in(Client(), "correct horse", "second").status_code == 302


def test_a_success_forgets_the_failures_before_it(client: Client, admin: User) -> None:
    for _ in range(LIMIT - 1):
        log_in(client, "wrong")
    assert log_in(client, "correct horse").status_code == 302
    assert log_in(Client(), "wrong").status_code == 200


def test_a_platform_admin_unlocks_a_login(client: Client, admin: User) -> None:
    for _ in range(LIMIT):
        log_in(client, "wrong")
    client.force_login(admin)
    data = {"action": "unlock", "_selected_action": [str(AccessAttempt.objects.get().pk)]}
    client.post(reverse("admin:accounts_failedlogin_changelist"), data)
    assert log_in(Client(), "correct horse").status_code == 302


@pytest.mark.parametrize("way", ["unlock", "delete_selected", "delete"])
def test_unlocking_a_name_forgets_its_failures_with_every_browser(
    client: Client, admin: User, way: str
) -> None:
    for number in range(LIMIT):
        log_in(client, "wrong", HTTP_USER_AGENT=f"browser {number}")
    log_in(client, "wrong", "another")
    client.force_login(admin)
    chosen = str(FailedLogin.objects.filter(username="chief")[0].pk)
    if way == "delete":
        client.post(reverse("admin:accounts_failedlogin_delete", args=[chosen]), {"post": "yes"})
    else:
        data = {"action": way, "_selected_action": [chosen], "post": "yes"}
        client.post(reverse("admin:accounts_failedlogin_changelist"), data)
    assert [row.username for row in FailedLogin.objects.all()] == ["another"]
    assert log_in(Client(), "correct horse").status_code == 302


def test_no_password_is_kept_of_a_failed_login(client: Client, admin: User) -> None:
    log_in(client, "wrong horse battery")
    assert "wrong horse battery" not in str(list(AccessAttempt.objects.values()))


def states(client: Client) -> list[str]:
    page = client.get(reverse("admin:accounts_failedlogin_changelist"))
    admin_page = site._registry[FailedLogin]
    return [admin_page.state(row) for row in page.context["cl"].result_list]  # type: ignore[attr-defined]


def test_the_list_tells_how_many_tries_are_left_and_until_when_a_name_is_locked(
    client: Client, admin: User
) -> None:
    log_in(client, "wrong")
    client.force_login(admin)
    assert states(client) == [f"{LIMIT - 1} tries left"]
    for number in range(LIMIT - 1):
        log_in(Client(), "wrong", HTTP_USER_AGENT=f"browser {number}")
    end = timezone.localtime(FailedLogin.objects.latest("attempt_time").counts_until)
    assert all(state.startswith("locked until ") for state in states(client))
    assert f"{end:%H:%M}" in states(client)[0]
    FailedLogin.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME)
    assert set(states(client)) == {"forgotten"}


def test_a_failed_login_is_called_after_name_and_address(client: Client) -> None:
    log_in(client, "wrong")
    assert str(FailedLogin.objects.get()) == "chief from 127.0.0.1"
    assert str(FailedLogin(username=None)) == "no name from an unknown address"


def test_the_login_page_speaks_of_login_names(client: Client, admin: User) -> None:
    page = client.get(reverse("admin:login")).content.decode()
    assert "Login name" in page
    answer = log_in(client, "wrong").content.decode()
    assert "No login has this name and password" in answer
    assert "username" not in re.sub(r"<[^>]+>", "", page + answer).lower()
