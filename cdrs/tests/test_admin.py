# SPDX-License-Identifier: Apache-2.0
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from accounts.tests.people import make_people
from cdrs.models import CDR

pytestmark = pytest.mark.django_db

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def make_call(**values: Any) -> CDR:
    defaults = {
        "call_id": uuid.uuid4().hex,
        "caller_number": "1001",
        "caller_name": "Alice",
        "callee_number": "1002",
        "callee_name": "Bob",
        "invite_time": NOON,
        "end_time": NOON + timedelta(seconds=67),
        "disposition": "CANCELED",
        "hangup_cause": "canceled",
        "hangup_by": "caller",
    }
    return CDR.objects.create(**{**defaults, **values})


def make_answered(**values: Any) -> CDR:
    answered = {
        "answer_time": NOON + timedelta(seconds=4.2),
        "duration_seconds": 63,
        "disposition": "ANSWERED",
        "hangup_cause": "normal",
        "mos_score": 4.31,
    }
    return make_call(**{**answered, **values})


def page(client: Client, url: str, **query: str) -> str:
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def detail_url(call: CDR) -> str:
    return reverse("admin:cdrs_cdr_change", args=[call.pk])


@pytest.fixture
def list_url() -> str:
    return reverse("admin:cdrs_cdr_changelist")


def test_the_list_shows_each_call_on_one_line(admin_client: Client, list_url: str) -> None:
    make_answered()
    text = page(admin_client, list_url)
    for part in ("1001", "Alice", "1002", "Bob", "Answered", "1:03", "normal", "Caller", "4.3"):
        assert part in text


def test_the_list_tells_why_a_call_failed(admin_client: Client, list_url: str) -> None:
    make_call(disposition="FAILED", hangup_cause="unavailable", sip_status=480)
    assert "unavailable (480)" in page(admin_client, list_url)


def test_the_list_costs_the_same_queries_for_any_number_of_calls(
    admin_client: Client, list_url: str, django_assert_max_num_queries: Any
) -> None:
    account = Account.objects.create(name="Alpha", domain="alpha.example")
    for _ in range(30):
        make_call(account=account)
    with django_assert_max_num_queries(6):
        page(admin_client, list_url)


@pytest.mark.parametrize("words", ["1002", "Bob", "call-7@192.0.2.1"])
def test_calls_are_found_by_number_name_and_call_id(admin_client: Client, list_url: str, words: str) -> None:
    make_call(call_id="call-7@192.0.2.1", caller_name="Wanted")
    make_call(callee_number="9", callee_name="Nobody", caller_name="Unwanted")
    text = page(admin_client, list_url, q=words)
    assert "Wanted" in text and "Unwanted" not in text


@pytest.mark.parametrize(
    "query",
    [
        {"disposition__exact": "ANSWERED"},
        {"hangup_cause": "normal"},
        {"invite_time__gte": "2030-01-01 00:00:00+00:00", "invite_time__lt": "2030-01-02 00:00:00+00:00"},
    ],
)
def test_calls_are_filtered_by_disposition_cause_and_time(
    admin_client: Client, list_url: str, query: dict[str, str]
) -> None:
    make_answered(caller_name="Wanted")
    make_call(caller_name="Unwanted", invite_time=NOON - timedelta(days=3))
    text = page(admin_client, list_url, **query)
    assert "Wanted" in text and "Unwanted" not in text


def test_the_page_of_a_call_tells_it_in_a_sentence(admin_client: Client) -> None:
    text = page(admin_client, detail_url(make_answered(metadata={"trace": "on"})))
    assert "Alice 1001 called Bob 1002, answered after 4.2 s, talked 1:03, Alice hung up" in text
    assert "&quot;trace&quot;: &quot;on&quot;" in text


def test_names_cannot_inject_markup(admin_client: Client, list_url: str) -> None:
    call = make_call(caller_name="<script>alert(1)</script>", metadata={"x": "<script>alert(2)</script>"})
    for url in (list_url, detail_url(call)):
        assert "<script>alert(" not in page(admin_client, url)


def test_calls_of_accounts_and_users_that_are_gone_are_still_shown(
    admin_client: Client, list_url: str
) -> None:
    gone = uuid.uuid4()
    call = make_call(account_id=gone, caller_user_id=gone, callee_user_id=gone)
    assert "Alice" in page(admin_client, list_url)
    assert "Alice 1001 called Bob 1002" in page(admin_client, detail_url(call))


def test_nobody_can_add_change_or_delete_a_call(admin_client: Client, list_url: str) -> None:
    call = make_call()
    assert admin_client.get(reverse("admin:cdrs_cdr_add")).status_code == 403
    assert admin_client.get(reverse("admin:cdrs_cdr_delete", args=[call.pk])).status_code == 403
    assert admin_client.post(detail_url(call), {"caller_name": "Mallory"}).status_code == 403
    response = admin_client.post(list_url, {"action": "delete_selected", "_selected_action": [str(call.pk)]})
    assert response.status_code in (200, 302)
    assert CDR.objects.get().caller_name == "Alice"


def test_staff_sees_the_calls_of_the_own_account_alone(client: Client, list_url: str) -> None:
    people = make_people()
    own, foreign, unmatched = (make_call(account=account) for account in (people.alpha, people.beta, None))
    for name in ("alice", "bob", "vera"):
        client.force_login(people[name])
        assert [call.pk for call in client.get(list_url).context["cl"].result_list] == [own.pk]
        assert client.get(detail_url(own)).status_code == 200
        for call in (foreign, unmatched):
            assert client.get(detail_url(call)).status_code == 302
    client.force_login(people["nobody"])
    assert client.get(list_url).status_code == 403
