# SPDX-License-Identifier: Apache-2.0
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.access import ApiToken
from accounts.models import User
from accounts.tests.factories import make_user
from accounts.tests.people import People, make_people
from accounts.tests.rest import Rest
from accounts.tokens import TokenRefused, verify

pytestmark = pytest.mark.django_db


def run(*args: Any) -> str:
    out = io.StringIO()
    call_command(*map(str, args), stdout=out)
    return out.getvalue()


def run_json(*args: Any) -> Any:
    return json.loads(run(*args, "--json"))


def refusal(*args: Any) -> str:
    with pytest.raises(CommandError) as caught:
        run(*args)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def people() -> People:
    return make_people()


def test_a_user_is_added_with_a_generated_password(people: People) -> None:
    made = run_json("users", "add", "1005", "--account", "alpha.example", "--name", "Erin")
    user = User.objects.get()
    assert (made["extension"], made["username"], made["display_name"]) == ("1005", "1005", "Erin")
    assert user.account == people.alpha
    assert user.check_password(made["password"])


def test_the_password_stands_in_the_table(people: People) -> None:
    table = run("users", "add", "1005", "--account", "alpha.example")
    assert any(User.objects.get().check_password(word) for word in table.split())


def test_a_password_is_read_from_standard_input(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    run("users", "add", "1005", "--account", "alpha.example", "--password-stdin")
    assert User.objects.get().check_password("correct horse")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert refusal("users", "passwd", "1005@alpha.example", "--password-stdin").startswith("A password has")


@pytest.mark.parametrize("name", ["1005@alpha.example", "erin@alpha.example"])
def test_a_user_gets_a_new_password(people: People, name: str) -> None:
    make_user(people.alpha, "1005", username="erin")
    made = run_json("users", "passwd", name)
    assert User.objects.get().check_password(made["password"])


def test_users_are_listed(people: People) -> None:
    assert (run("users", "list"), run_json("users", "list")) == ("none\n", [])
    make_user(people.alpha, "1001", display_name="Alice")
    make_user(people.beta, "1002")
    assert [user["extension"] for user in run_json("users", "list")] == ["1001", "1002"]
    assert [user["display_name"] for user in run_json("users", "list", "--account", "alpha.example")] == [
        "Alice"
    ]
    assert "Alice" in run("users", "list")


def test_users_are_imported(people: People, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text("extension,display_name\n1001,Alice\n1002,Bob\n")
    arguments = ("users", "import", file, "--account", "alpha.example")
    assert run_json(*arguments, "--dry-run")["applied"] is False
    assert not User.objects.exists()
    report = run_json(*arguments)
    assert User.objects.get(extension="1001").check_password(report["lines"][0]["password"])
    assert refusal(*arguments) == "2 of 2 lines cannot be; nothing was stored"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("add", "1001"), "There are several accounts: name one with --account DOMAIN"),
        (("add", "1001", "--account", "no.example"), "No account has the domain no.example"),
        (
            ("add", "abc", "--account", "alpha.example", "--username", "abc"),
            "extension: Use up to 32 digits, stars, hashes and plus signs.",
        ),
        (("passwd", "77@alpha.example"), "alpha.example has no user 77"),
        (
            ("import", "/nowhere.csv", "--account", "alpha.example"),
            "/nowhere.csv cannot be read: No such file or directory",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(people: People, arguments: tuple[str, ...], error: str) -> None:
    assert refusal("users", *arguments) == error


def test_a_token_is_made_listed_and_revoked(people: People) -> None:
    made = run_json(
        "tokens", "create", "wallboard", "--user", "alice", "--account", "alpha.example",
        "--scope", "read", "--scope", "cdrs", "--expires", "30d", "--rate", "60",
    )  # fmt: skip
    row = ApiToken.objects.get()
    assert verify(made["token"]).token == row
    assert (row.scopes, row.account, row.rate_per_minute) == (["read", "cdrs"], people.alpha, 60)
    assert row.expires_at is not None
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)
    assert made["token"] not in run("tokens", "list") + str(run_json("tokens", "list"))
    assert run_json("tokens", "list", "--user", "bob") == []
    run("tokens", "revoke", made["token"][:12])
    with pytest.raises(TokenRefused):
        verify(made["token"])
    assert run_json("tokens", "list") == []
    assert len(run_json("tokens", "list", "--all")) == 1


@pytest.mark.parametrize(
    ("said", "days"), [((), 365), (("--expires", "52w"), 364), (("--expires", "never"), None)]
)
def test_a_token_lives_a_year_unless_something_else_is_said(
    people: People, said: tuple[str, ...], days: int | None
) -> None:
    run("tokens", "create", "wallboard", "--user", "alice", *said)
    expires_at = ApiToken.objects.get().expires_at
    left = None if expires_at is None else expires_at - timezone.now()
    assert left is None if days is None else left and timedelta(days=days - 1) < left <= timedelta(days=days)


def test_json_has_the_names_that_rest_has(people: People) -> None:
    rest = Rest(people.token("alice"))
    made = run_json("users", "add", "1005", "--account", "alpha.example")
    assert set(made) <= set(rest.get(f"users/{made['id']}").body) | {"password"}
    token = run_json("tokens", "list", "--user", "alice")[0]
    shown = rest.get(f"tokens/{token['id']}").body
    assert set(token) <= set(shown)
    assert {name: token[name] for name in ("prefix", "user", "scopes")} == {
        name: shown[name] for name in ("prefix", "user", "scopes")
    }


def test_the_token_stands_in_the_table(people: People) -> None:
    table = run("tokens", "create", "x", "--user", "alice")
    [word] = [word for word in table.split() if word.startswith("sbt_")]
    assert verify(word).token.scopes == ["read"]


def test_a_token_is_revoked_by_its_id(people: People) -> None:
    row, _ = people.token_row("alice")
    run("tokens", "revoke", row.pk)
    assert ApiToken.objects.get().revoked_at is not None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("create", "x", "--user", "ghost"), "There is no login ghost"),
        (
            ("create", "x", "--user", "alice", "--expires", "soon"),
            "soon is no time: write 12h, 30d, 52w, 2030-01-31T12:00 or never",
        ),
        (("create", "x", "--user", "alice", "--expires", "2020-01-01T00:00"), "2020-01-01T00:00 has passed"),
        (
            ("create", "x", "--user", "alice", "--rate", "0"),
            "rate_per_minute: Ensure this value is greater than or equal to 1.",
        ),
        (("revoke", "sbt_nothing"), "No token is sbt_nothing…"),
        (("revoke", "7"), "7 is no id of a token and no beginning of one"),
    ],
)
def test_a_mistake_with_tokens_is_told_in_one_line(
    people: People, arguments: tuple[str, ...], error: str
) -> None:
    assert refusal("tokens", *arguments) == error
