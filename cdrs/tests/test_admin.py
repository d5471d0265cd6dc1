# SPDX-License-Identifier: Apache-2.0
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from accounts.tests.factories import make_account, make_user
from cdrs.models import CDR
from cdrs.tests.factories import NOON, make_answered, make_call
from dialplan.models import Route

pytestmark = pytest.mark.django_db

LIST = "admin:cdrs_cdr_changelist"


def page(client: Client, url: str, **query: str) -> str:
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def detail_url(call: CDR) -> str:
    return reverse("admin:cdrs_cdr_change", args=[call.pk])


@pytest.fixture
def list_url() -> str:
    return reverse(LIST)


def test_the_list_shows_each_call_on_one_line(admin_client: Client, list_url: str) -> None:
    make_answered()
    text = page(admin_client, list_url)
    for part in ("1001", "Alice", "1002", "Bob", "Answered", "1:03", "Good 4.3", "2030-01-01", "12:00:00"):
        assert part in text


def test_the_list_tells_why_a_call_failed(admin_client: Client, list_url: str) -> None:
    make_call(disposition="FAILED", hangup_cause="unavailable", sip_status=480)
    assert "not reachable (SIP 480)" in page(admin_client, list_url)


def test_the_list_costs_the_same_queries_for_any_number_of_calls(
    admin_client: Client, list_url: str, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        make_call(account=make_account(f"a{number}.example"))
    # Session, login; accounts to choose from; routes to suggest; a page of calls; names of their accounts.
    with django_assert_max_num_queries(6):
        page(admin_client, list_url)


@pytest.mark.parametrize("words", ["1002", "bob", "call-7@192.0.2.1"])
def test_calls_are_found_by_number_name_and_call_id(admin_client: Client, list_url: str, words: str) -> None:
    make_call(call_id="call-7@192.0.2.1", caller_name="Wanted")
    make_call(callee_number="9", callee_name="Nobody", caller_name="Unwanted")
    text = page(admin_client, list_url, q=words)
    assert "Wanted" in text and "Unwanted" not in text


@pytest.mark.parametrize(
    "query",
    [
        {"disposition": "ANSWERED"},
        {"cause": "normal"},
        {"from": "2030-01-01", "to": "2030-01-02"},
        {"from": "2030-01-01T11:59", "to": "2030-01-01T12:01"},
        {"quality": "good"},
        {"weekday": "1", "hour": "12"},
        {"route": "internal"},
        {"node": "sip-1"},
        {"q": "1001", "match": "exact"},
    ],
)
def test_calls_are_filtered(admin_client: Client, list_url: str, query: dict[str, str]) -> None:
    make_answered(caller_name="Wanted", route_id="internal", signaling_server="sip-1")
    earlier = NOON - timedelta(days=3, hours=1)
    make_call(caller_name="Unwanted", caller_number="10011", invite_time=earlier)
    text = page(admin_client, list_url, **query)
    assert "Wanted" in text and "Unwanted" not in text


def test_a_condition_that_is_none_is_told_at_its_field_and_asks_for_nothing(
    admin_client: Client, list_url: str
) -> None:
    make_call(caller_name="Alice")
    text = page(admin_client, list_url, disposition="SOLD", **{"from": "the day before"})
    assert "Select a valid choice" in text and "Enter a valid date/time" in text and "Alice" in text


@pytest.mark.parametrize(
    "moment", ["0001-01-01", "1969-12-31T23:59", "9999-12-31T23:59", "2030-13-01", "now"]
)
def test_a_time_without_calls_is_refused(admin_client: Client, list_url: str, moment: str) -> None:
    for name in ("from", "to"):
        assert "calls-error" in page(admin_client, list_url, **{name: moment})


def test_each_condition_can_be_dropped_by_a_link(admin_client: Client, list_url: str) -> None:
    text = page(admin_client, list_url, q="1001", disposition="BUSY", hour="0")
    assert "?disposition=BUSY&amp;hour=0" in text and "?q=1001&amp;disposition=BUSY" in text


def test_links_lead_to_older_newer_and_newest_calls(admin_client: Client, list_url: str) -> None:
    for minute in range(120):
        make_call(caller_number=f"n{minute:03}", invite_time=NOON + timedelta(minutes=minute))
    first = page(admin_client, list_url, disposition="CANCELED")
    assert "n119" in first and "n070" in first and "n069" not in first
    second = page(admin_client, list_url + link(first, "next"))
    assert (
        "n069" in second
        and "n020" in second
        and "n070" not in second
        and "disposition" in link(second, "next")
    )
    third = page(admin_client, list_url + link(second, "next"))
    assert "n019" in third and 'rel="next"' not in third
    assert "n069" in page(admin_client, list_url + link(third, "prev"))
    assert "n119" in page(admin_client, list_url + link(third, "first"))


def link(text: str, rel: str) -> str:
    """Return the parameters of a link to another page."""
    return (
        text.split(f'rel="{rel}" href="')[1]
        .split('"')[0]
        .partition("?")[2]
        .join(["?", ""])
        .replace("&amp;", "&")
    )


def test_a_place_that_is_none_shows_the_newest_calls(admin_client: Client, list_url: str) -> None:
    make_call(caller_name="Alice")
    assert "Alice" in page(admin_client, list_url, at="<DROP TABLE")


def test_the_list_says_how_far_it_looked_when_its_time_was_up(
    admin_client: Client, list_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdrs.search.asker.FIRST_STEP", 2)
    monkeypatch.setattr("cdrs.search.page.SCAN_S", 0.0)
    for minute in range(5):
        make_call(invite_time=NOON + timedelta(minutes=minute))
    text = page(admin_client, list_url, disposition="ANSWERED", cause="busy")
    assert "were not looked at yet" not in text or "Look further back" in text
    text = page(admin_client, list_url, node="n1", disposition="CANCELED", cause="canceled")
    assert "No call meets these conditions" in text or "Look further back" in text


def test_an_empty_list_says_what_will_be_there(admin_client: Client, list_url: str) -> None:
    assert "No calls yet" in page(admin_client, list_url)
    assert "No call meets these conditions" in page(admin_client, list_url, q="1")


def test_the_page_of_a_call_tells_it_in_a_sentence(admin_client: Client) -> None:
    text = page(admin_client, detail_url(make_answered(metadata={"trace": "on"})))
    assert "Alice 1001 called Bob 1002, answered after 4.2 s, talked 1:03, Alice hung up" in text
    assert "&quot;trace&quot;: &quot;on&quot;" in text


def test_the_page_of_a_call_shows_its_line_of_time(admin_client: Client) -> None:
    text = page(admin_client, detail_url(make_answered(caller_ip="192.0.2.7")))
    for part in ("<svg", "Setting up", "Ringing", "+4.2 s", "+1:07", "12:00:04.200", "from 192.0.2.7"):
        assert part in text


def test_the_page_of_a_call_says_how_it_sounded(admin_client: Client) -> None:
    quality: dict[str, Any] = {
        "rtp_packets_recv": 3150,
        "rtp_packets_sent": 3150,
        "rtp_packets_lost": 400,
        "rtp_jitter_ms": 60.0,
    }
    text = page(admin_client, detail_url(make_answered(mos_score=2.9, **quality)))
    for part in ("<strong>Poor</strong>", "MOS 2.90", "400 (6.0%)", "words are missing", "too uneven"):
        assert part in text


def test_a_call_that_a_crash_cut_off_is_explained(admin_client: Client) -> None:
    call = make_answered(hangup_cause="error", hangup_by="system", metadata={"cut_off": True})
    text = page(admin_client, detail_url(call))
    assert "What went wrong" in text and "last sign of life" in text


def test_the_page_of_a_call_links_what_it_refers_to(admin_client: Client) -> None:
    account = make_account()
    user = make_user(account)
    route = Route.objects.create(id="internal", name="Extensions", pattern="1???")
    call = make_call(account=account, caller_user=user, route_id="internal")
    text = page(admin_client, detail_url(call))
    for pattern, key in (("accounts_user", user.pk), ("dialplan_route", route.pk)):
        assert reverse(f"admin:{pattern}_change", args=[key]) in text
    assert f"?q=1002&amp;account={account.pk}&amp;match=exact" in text


def test_the_page_of_a_call_leads_to_the_simulator_with_its_question(admin_client: Client) -> None:
    account = make_account()
    user = make_user(account)
    call = make_call(account=account, caller_user=user, caller_number=user.extension)
    simulator = reverse("admin:dialplan_route_simulate")
    question = f"?account={account.pk}&amp;number=1002&amp;caller={user.extension}"
    assert simulator + question in page(admin_client, detail_url(call))
    assert admin_client.get(simulator + question.replace("&amp;", "&")).context["outcome"]
    assert simulator not in page(admin_client, detail_url(make_call())).split('id="content-main"')[1]


def test_the_page_of_a_call_costs_few_queries(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    account = make_account()
    call = make_call(account=account, caller_user=make_user(account), route_id="internal")
    with django_assert_max_num_queries(8):
        page(admin_client, detail_url(call))


def test_names_cannot_inject_markup(admin_client: Client, list_url: str) -> None:
    hostile = "<script>alert(1)</script>"
    call = make_call(
        caller_name=hostile,
        callee_number=hostile,
        call_id=hostile,
        codec=hostile,
        signaling_server=hostile,
        metadata={"x": "<script>alert(2)</script>"},
    )
    for url in (list_url, detail_url(call)):
        assert "<script>alert(" not in page(admin_client, url, q=hostile)


def test_calls_of_accounts_and_users_that_are_gone_are_still_shown(
    admin_client: Client, list_url: str
) -> None:
    gone = uuid.uuid4()
    call = make_call(account_id=gone, caller_user_id=gone, callee_user_id=gone)
    assert "deleted account" in page(admin_client, list_url)
    assert "Alice 1001 called Bob 1002" in page(admin_client, detail_url(call))


def test_deleting_an_account_and_its_users_leaves_their_calls_as_they_were() -> None:
    account = make_account()
    user = make_user(account)
    call = make_call(account=account, caller_user=user)
    Account.objects.get(pk=account.pk).delete()
    kept = CDR.objects.get(pk=call.pk)
    assert (kept.account_id, kept.caller_user_id) == (account.pk, user.pk)


def test_a_call_that_is_not_there_leads_back_to_the_list(admin_client: Client, list_url: str) -> None:
    for key in (uuid.uuid4(), "none"):
        response = admin_client.get(reverse("admin:cdrs_cdr_change", args=[key]))
        assert (response.status_code, response["Location"]) == (302, list_url)


def test_nobody_can_add_change_or_delete_a_call(admin_client: Client, list_url: str) -> None:
    call = make_call()
    assert admin_client.get(reverse("admin:cdrs_cdr_add")).status_code == 403
    assert admin_client.get(reverse("admin:cdrs_cdr_delete", args=[call.pk])).status_code == 403
    assert admin_client.post(detail_url(call), {"caller_name": "Mallory"}).status_code == 403
    response = admin_client.post(list_url, {"action": "delete_selected", "_selected_action": [str(call.pk)]})
    assert response.status_code in (200, 302)
    assert CDR.objects.get().caller_name == "Alice"
