# SPDX-License-Identifier: Apache-2.0
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.choices import Scope
from accounts.tests.people import People, make_people
from accounts.tests.rest import Rest
from cdrs.models import CDR

pytestmark = pytest.mark.django_db
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def people() -> People:
    return make_people()


@pytest.fixture
def root(people: People) -> Rest:
    return Rest(people.token("root"))


def make_call(name: str, after_s: int = 0, **values: Any) -> CDR:
    start = NOON + timedelta(seconds=after_s)
    defaults = {
        "call_id": uuid.uuid4().hex,
        "caller_number": "1001",
        "caller_name": name,
        "callee_number": "1002",
        "callee_name": "Bob",
        "invite_time": start,
        "answer_time": start + timedelta(seconds=4.2),
        "end_time": start + timedelta(seconds=67),
        "duration_seconds": 63,
        "disposition": "ANSWERED",
        "hangup_cause": "normal",
        "hangup_by": "caller",
        "mos_score": 4.31,
    }
    return CDR.objects.create(**{**defaults, **values})


def names(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    return [call["caller_name"] for call in answer.body["results"]]


def test_calls_are_listed_newest_first_with_their_story(root: Rest) -> None:
    make_call("Older")
    make_call("Newer", 60)
    answer = root.get("cdrs")
    assert names(answer) == ["Newer", "Older"]
    call = answer.body["results"][0]
    assert call["story"] == "Newer 1001 called Bob 1002, answered after 4.2 s, talked 1:03, Newer hung up"
    assert (call["quality"], call["mos_score"]) == ("good", 4.31)


def test_one_call_is_read_by_its_id(root: Rest) -> None:
    call = make_call("Alice", metadata={"trace": "on"})
    answer = root.get(f"cdrs/{call.pk}")
    assert (answer.status, answer.body["caller_name"], answer.body["metadata"]) == (
        200,
        "Alice",
        {"trace": "on"},
    )
    assert root.get(f"cdrs/{uuid.uuid4()}").status == 404


@pytest.mark.parametrize(
    "query",
    [
        {"number": "200"},
        {"number": "2001", "match": "exact"},
        {"q": "Want"},
        {"q": "wanted-call-id"},
        {"from": "2030-01-02T00:00:00Z"},
        {"disposition": "BUSY"},
        {"cause": "busy"},
        {"route": "r9"},
        {"node": "node-9"},
        {"quality": "poor"},
        {"max_mos": "3"},
        {"min_mos": "1", "max_mos": "3"},
        {"disposition": "BUSY", "number": "2001"},
    ],
)
def test_calls_are_searched(root: Rest, query: dict[str, str]) -> None:
    make_call("Other")
    make_call(
        "Wanted",
        86400,
        call_id="wanted-call-id",
        caller_number="2001",
        disposition="BUSY",
        hangup_cause="busy",
        route_id="r9",
        signaling_server="node-9",
        mos_score=2.5,
    )
    assert names(root.get("cdrs", **query)) == ["Wanted"]


def test_calls_before_a_time_are_found(root: Rest) -> None:
    make_call("Early")
    make_call("Late", 3600)
    assert names(root.get("cdrs", to="2030-01-01T12:30:00Z")) == ["Early"]
    assert names(root.get("cdrs", to="2030-01-01T14:30:00+02:00")) == ["Early"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"colour": "1"}, "colour"),
        ({"number": "abc"}, "number"),
        ({"number": "1", "q": "2"}, "number"),
        ({"from": "yesterday"}, "from"),
        ({"disposition": "answered"}, "disposition"),
        ({"cause": "x"}, "cause"),
        ({"quality": "x"}, "quality"),
        ({"min_mos": "0"}, "min_mos"),
        ({"account": "x"}, "account"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "<-99999999999999999-" + "0" * 32}, "cursor"),
        ({"q": "\x00"}, "q"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(root: Rest, query: dict[str, str], field: str) -> None:
    answer = root.get("cdrs", **query)
    assert (answer.status, list(answer.body["fields"])) == (400, [field])


def test_pages_follow_each_other_in_both_directions(root: Rest) -> None:
    for number in range(7):
        make_call(f"c{number}", number)
    first = root.get("cdrs", limit=3)
    second = root.get(first.body["next"])
    third = root.get(second.body["next"])
    assert [names(page) for page in (first, second, third)] == [
        ["c6", "c5", "c4"],
        ["c3", "c2", "c1"],
        ["c0"],
    ]
    assert third.body["next"] is None
    assert names(root.get(third.body["previous"])) == ["c3", "c2", "c1"]


def test_each_sees_the_calls_of_the_own_accounts_alone(people: People, root: Rest) -> None:
    calls = {
        name: make_call(name, account=account)
        for name, account in (("A", people.alpha), ("B", people.beta), ("nobody's", None))
    }
    for name in ("alice", "bob", "vera"):
        rest = Rest(people.token(name))
        assert names(rest.get("cdrs")) == ["A"]
        assert rest.get("cdrs", account=str(people.beta.pk)).status == 400
        assert rest.get(f"cdrs/{calls['A'].pk}").status == 200
        for other in ("B", "nobody's"):
            assert rest.get(f"cdrs/{calls[other].pk}").status == 404
    assert len(names(root.get("cdrs"))) == 3
    assert names(root.get("cdrs", account=str(people.beta.pk))) == ["B"]


def test_a_token_needs_the_scope_of_call_records(people: People) -> None:
    assert Rest(people.token("alice", Scope.READ, Scope.WRITE, Scope.CALLS)).get("cdrs").status == 403
    assert Rest(people.token("alice", Scope.CDRS)).get("cdrs").status == 200
    assert Rest(people.token("nobody")).get("cdrs").status == 403


def test_a_page_counts_nothing(people: People, django_assert_num_queries: Any) -> None:
    rest = Rest(people.token("alice"))
    for number in range(30):
        make_call("x", number, account=people.alpha)
    rest.get("me")
    with django_assert_num_queries(1):
        assert len(names(rest.get("cdrs", limit=10))) == 10
