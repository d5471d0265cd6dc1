# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from accounts.csv_import import MAX_LINES
from accounts.models import User
from accounts.tests.factories import make_user, revision
from accounts.tests.people import People, make_people
from accounts.tests.rest import Answer, Rest

pytestmark = pytest.mark.django_db
TABLE = """extension,username,display_name,password,enabled,max_concurrent_calls
1001,alice,"Alice, boss",correct horse,yes,2
1002,,Bob,,no,
"""


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def alice(people: People) -> Rest:
    return Rest(people.token("alice"))


def load(rest: Rest, text: str, **query: Any) -> Answer:
    return rest.post("users/import", csv=text, **query)


def test_users_are_made_with_a_report_for_each_line(alice: Rest, people: People) -> None:
    before = revision("users")
    answer = load(alice, TABLE)
    assert (answer.status, answer.body["applied"], answer.body["created"]) == (201, True, 2)
    first, second = answer.body["lines"]
    assert (first["line"], first["username"], first["status"], first["password"]) == (
        2,
        "alice",
        "created",
        None,
    )
    users = {user.extension: user for user in User.objects.all()}
    assert users["1001"].check_password("correct horse")
    assert users["1002"].check_password(second["password"])
    assert (users["1001"].display_name, users["1001"].max_concurrent_calls) == ("Alice, boss", 2)
    assert (users["1002"].username, users["1002"].enabled, users["1002"].account) == (
        "1002",
        False,
        people.alpha,
    )
    assert users["1001"].history.latest().history_user.username == "alice"
    assert revision("users") > before


def test_a_dry_run_reports_and_stores_nothing(alice: Rest) -> None:
    answer = load(alice, TABLE, dry_run="true")
    assert (answer.status, answer.body["applied"], answer.body["valid"]) == (200, False, 2)
    assert [line["password"] for line in answer.body["lines"]] == [None, None]
    assert not User.objects.exists()


def test_one_wrong_line_keeps_all_of_them_out(alice: Rest, people: People) -> None:
    make_user(people.alpha, "1003")
    table = TABLE + "1003,,,,,\nabc,,,,,\n1001,,,,,\n1006,,,short,,\n1007,,,,maybe,many\n"
    answer = load(alice, table)
    assert (answer.status, answer.body["code"], answer.body["failed"]) == (400, "INVALID", 5)
    assert {line["line"]: list(line["errors"]) for line in answer.body["lines"] if line["errors"]} == {
        4: ["extension", "username"],
        5: ["extension"],
        6: ["extension", "username"],
        7: ["password"],
        8: ["enabled", "max_concurrent_calls"],
    }
    assert "lines[7].password" in answer.body["fields"]
    assert User.objects.count() == 1


def test_existing_extensions_are_skipped_on_request(alice: Rest, people: People) -> None:
    kept = make_user(people.alpha, "1001", password="old password")
    answer = load(alice, TABLE, existing="skip")
    assert (answer.status, answer.body["skipped"], answer.body["created"]) == (201, 1, 1)
    assert User.objects.get(pk=kept.pk).check_password("old password")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark_are_read(alice: Rest, separator: str) -> None:
    assert load(alice, "\ufeffextension,display name\n1001,Alice\n".replace(",", separator)).status == 201
    assert User.objects.get().display_name == "Alice"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "The first line names the columns, each once; extension is required."),
        ("username\nx\n", "The first line names the columns, each once; extension is required."),
        ("extension,extension\n", "The first line names the columns, each once; extension is required."),
        ("extension,pass word\n", "'pass word' is no column; is password meant?"),
        ("extension\n1,2\n", "Line 2 has more values than there are columns."),
        ("extension\n" + "1\n" * (MAX_LINES + 1), f"There are more than {MAX_LINES} lines."),
        ('extension\n"1\n', "This is no CSV: unexpected end of data in line 2."),
        ("extension\n" + "x" * 2000 + "\n", "Line 2 has a value of more than 1000 characters."),
    ],
)
def test_a_table_that_is_none_is_refused(alice: Rest, text: str, error: str) -> None:
    answer = load(alice, text)
    assert (answer.status, answer.body["error"]) == (400, error)


def test_what_is_no_csv_text_is_refused(alice: Rest) -> None:
    assert alice.post("users/import", {"a": 1}).status == 415
    assert alice.post("users/import", csv="extension\n1\n", dry="true").body["fields"] == {
        "dry": ["Unknown parameter; is dry_run meant?"]
    }
    answer = load(alice, "x" * (5 * 1024 * 1024 + 1))
    assert (answer.status, answer.body["code"]) == (413, "TOO_LARGE")


def test_the_queries_do_not_grow_with_the_lines(alice: Rest, django_assert_max_num_queries: Any) -> None:
    table = "extension\n" + "".join(f"{number}\n" for number in range(1000, 1400))
    with django_assert_max_num_queries(30):
        assert load(alice, table).status == 201
    assert User.objects.count() == 400


def test_who_may_not_change_users_imports_none(people: People) -> None:
    for name in ("vera", "bob", "nobody"):
        assert load(Rest(people.token(name)), TABLE).status == 403
    foreign = load(Rest(people.token("alice")), TABLE, account=str(people.beta.pk))
    assert (foreign.status, list(foreign.body["fields"])) == (400, ["account"])
    assert not User.objects.exists()
