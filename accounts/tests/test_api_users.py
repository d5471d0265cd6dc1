# SPDX-License-Identifier: Apache-2.0
import uuid
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import make_user, revision
from accounts.tests.people import People, make_people
from accounts.tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def alice(people: People) -> Rest:
    return Rest(people.token("alice"))


@pytest.fixture
def root(people: People) -> Rest:
    return Rest(people.token("root"))


def test_one_call_makes_a_working_extension(alice: Rest, people: People) -> None:
    before = revision("users")
    answer = alice.post("users", {"extension": "1005"})
    user = User.objects.get()
    assert answer.status == 201
    assert answer.body["aor"] == "sip:1005@alpha.example"
    assert (user.account, user.username, user.enabled) == (people.alpha, "1005", True)
    assert user.check_password(answer.body["password"])
    assert revision("users") > before


def test_the_password_is_shown_in_that_answer_alone(alice: Rest) -> None:
    made = alice.post("users", {"extension": "1005"}).body
    for answer in (alice.get("users"), alice.get(f"users/{made['id']}")):
        assert answer.status == 200
        assert made["password"] not in str(answer.body)
        assert "hash" not in str(answer.body)


def test_a_typed_password_is_taken(alice: Rest) -> None:
    assert alice.post("users", {"extension": "1005", "password": "correct horse"}).status == 201
    assert User.objects.get().check_password("correct horse")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"extension": ["This field is required."]}),
        ({"extension": "abc"}, {"extension": ["Use up to 32 digits, stars, hashes and plus signs."]}),
        (
            {"extension": "1001"},
            {
                "username": ["Another user of this account has 1001 as user name or extension."],
                "extension": ["Another user of this account has 1001 as user name or extension."],
            },
        ),
        (
            {"extension": "5", "password": "short"},
            {"password": ["Ensure this field has at least 8 characters."]},
        ),
        ({"extension": "5", "password": "12345678 "}, None),
        ({"extension": "5", "max_concurrent_calls": -1}, None),
        ({"extension": "5", "account": "00000000-0000-0000-0000-000000000000"}, None),
        ({"extension": "5", "account": 7}, None),
        ({"extension": "5", "display_name": "x" * 101}, None),
        ({"extension": "5", "generate_password": True, "password": "correct horse"}, None),
        ([], None),
        ("text", None),
    ],
)
def test_a_mistake_is_told_at_its_field(
    alice: Rest, people: People, body: Any, fields: dict[str, list[str]] | None
) -> None:
    make_user(people.alpha, "1001")
    answer = alice.post("users", body)
    assert (answer.status, answer.body["code"]) == (400, "INVALID")
    assert fields is None or answer.body["fields"] == fields
    assert User.objects.count() == 1


def test_who_reaches_several_accounts_says_which(root: Rest, people: People) -> None:
    answer = root.post("users", {"extension": "1005"})
    assert answer.body["fields"] == {"account": ["Say which account; you reach several."]}
    answer = root.post("users", {"extension": "1005", "account": "beta"})
    assert answer.body["fields"] == {
        "account": ["There is no such account, or not for you; GET /me lists yours."]
    }
    answer = root.post("users", {"extension": "1005", "account": str(people.beta.pk)})
    assert answer.status == 201
    assert User.objects.get().account == people.beta


def test_an_account_is_given_by_its_domain(root: Rest, people: People) -> None:
    answer = root.post("users", {"extension": "1005", "account": people.beta.domain.upper()})
    assert (answer.status, answer.body["account"]) == (201, str(people.beta.pk))
    make_user(people.alpha, "1006")
    found = root.get("users", account=people.beta.domain).body["results"]
    assert [user["extension"] for user in found] == ["1005"]


def test_the_account_of_others_is_refused_like_one_that_does_not_exist(alice: Rest, people: People) -> None:
    strangers = [people.beta.domain, str(people.beta.pk), "nowhere.example", str(uuid.uuid4()), "x\ud800"]
    answers = [alice.post("users", {"extension": "1005", "account": name}) for name in strangers]
    answers += [alice.get("users", account=name) for name in strangers[:-1]]
    answers += [alice.get("tokens", account=name) for name in strangers[:-1]]
    answers += [alice.get("cdrs", account=name) for name in strangers[:-1]]
    reason = {"account": ["There is no such account, or not for you; GET /me lists yours."]}
    assert {answer.status for answer in answers} == {400}
    assert [answer.body["fields"] for answer in answers] == [reason] * len(answers)


def test_a_user_is_changed(alice: Rest, people: People) -> None:
    user = make_user(people.alpha, password="correct horse")
    answer = alice.patch(f"users/{user.pk}", {"display_name": "Alice", "enabled": False})
    assert (answer.status, answer.body["display_name"], answer.body["enabled"]) == (200, "Alice", False)
    assert "password" not in answer.body
    assert User.objects.get().check_password("correct horse")


def test_a_new_password_is_set_or_generated(alice: Rest, people: People) -> None:
    user = make_user(people.alpha)
    assert alice.patch(f"users/{user.pk}", {"password": "another horse"}).status == 200
    assert User.objects.get().check_password("another horse")
    answer = alice.patch(f"users/{user.pk}", {"generate_password": True})
    assert User.objects.get().check_password(answer.body["password"])


def test_a_new_user_name_needs_a_new_password(alice: Rest, people: People) -> None:
    user = make_user(people.alpha, "1001")
    answer = alice.patch(f"users/{user.pk}", {"username": "alice"})
    assert (answer.status, list(answer.body["fields"])) == (400, ["username"])
    assert alice.patch(f"users/{user.pk}", {"username": "alice", "password": "another horse"}).status == 200
    stored = User.objects.get()
    assert stored.username == "alice"
    assert stored.check_password("another horse")


def test_a_user_is_deleted(alice: Rest, people: People) -> None:
    user = make_user(people.alpha)
    assert alice.delete(f"users/{user.pk}").status == 204
    assert alice.get(f"users/{user.pk}").status == 404


def test_the_author_of_a_change_is_in_the_history(alice: Rest) -> None:
    alice.post("users", {"extension": "1005"})
    assert User.objects.get().history.latest().history_user.username == "alice"


def test_users_are_filtered_searched_and_ordered(root: Rest, people: People) -> None:
    make_user(people.alpha, "1001", display_name="Alice")
    make_user(people.alpha, "1003", display_name="Carol", enabled=False)
    make_user(people.beta, "1002", display_name="Bob")
    for query, wanted in (
        ({"ordering": "extension"}, ["1001", "1002", "1003"]),
        ({"ordering": "-extension"}, ["1003", "1002", "1001"]),
        ({"q": "aro"}, ["1003"]),
        ({"enabled": "false"}, ["1003"]),
        ({"account": str(people.alpha.pk)}, ["1001", "1003"]),
        ({"extension": "1002"}, ["1002"]),
    ):
        answer = root.get("users", **query)
        assert [user["extension"] for user in answer.body["results"]] == wanted


@pytest.mark.parametrize(
    "query",
    [
        {"enableds": "true"},
        {"account": "x"},
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "ten"},
        {"ordering": "password_hash"},
        {"cursor": "x"},
        {"cursor": "WzBd"},
        {"cursor": "WzAsICJhIiwgImIiXQ"},
        {"cursor": "%00"},
    ],
)
def test_a_parameter_that_cannot_be_used_is_refused(alice: Rest, query: dict[str, str]) -> None:
    answer = alice.get("users", **query)
    assert answer.status == 400
    assert list(answer.body["fields"]) == list(query)


def test_a_misspelt_filter_is_told_the_right_one(alice: Rest) -> None:
    answer = alice.get("users", enableds="true")
    assert answer.body["fields"] == {"enableds": ["Unknown parameter; is enabled meant?"]}


@pytest.mark.parametrize("ordering", ["extension", "-extension", "display_name", "-created_at"])
def test_pages_hold_every_row_once_in_both_directions(root: Rest, people: People, ordering: str) -> None:
    for number in range(11):
        make_user(people.alpha, str(number), display_name="ab"[number % 2])
    pages, url = [], ""
    while url is not None:
        answer = root.get(url) if url else root.get("users", limit=4, ordering=ordering)
        pages.append([user["id"] for user in answer.body["results"]])
        last, url = answer.body, answer.body["next"]
    assert [len(page) for page in pages] == [4, 4, 3]
    assert len({row for page in pages for row in page}) == 11
    back = root.get(last["previous"]).body
    assert [user["id"] for user in back["results"]] == pages[1]
    first = root.get(back["previous"]).body
    assert [user["id"] for user in first["results"]] == pages[0]
    assert first["previous"] is None


def test_a_page_costs_the_same_few_queries(
    alice: Rest, people: People, django_assert_num_queries: Any
) -> None:
    for number in range(30):
        make_user(people.alpha, str(number))
    alice.get("users")
    with django_assert_num_queries(1):
        assert len(alice.get("users").body["results"]) == 30
