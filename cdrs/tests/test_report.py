# SPDX-License-Identifier: Apache-2.0
import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import make_account
from cdrs.drawing import HEAT_STEPS, Bar, bars, heat_step
from cdrs.rollup import roll_up
from cdrs.tests.factories import NOON, make_answered, make_call

pytestmark = pytest.mark.django_db

DAYS = {"from": "2029-12-30", "to": "2030-01-05"}


@pytest.fixture
def calls() -> None:
    """Three answered calls on a Tuesday at noon, one of them poor, and two that failed an hour and a day later."""
    for mos in (4.3, 4.2, 2.0):
        make_answered(mos_score=mos)
    make_call(invite_time=NOON + timedelta(hours=1), disposition="BUSY", hangup_cause="busy")
    make_call(invite_time=NOON + timedelta(days=1), disposition="FAILED", hangup_cause="unavailable")


def report(client: Client, **query: str) -> str:
    response = client.get(reverse("admin:cdrs_cdr_report"), {**DAYS, **query})
    assert response.status_code == 200
    return response.content.decode()


def links(text: str) -> list[tuple[str, str]]:
    """Return what each link of the report says, and where it leads."""
    found = re.findall(
        r'<a[^>]*href="([^"]*)"([^>]*)>(.*?)</a>', text.split('id="content-main"')[1], re.DOTALL
    )
    return [(f"{attributes} {inner}", unescape(url)) for url, attributes, inner in found]


def link(text: str, words: str) -> str:
    """Return where the first link with some words leads."""
    return next(url for said, url in links(text) if words in said)


def listed(client: Client, url: str) -> int:
    """Return how many calls a link leads to."""
    return client.get(url).content.decode().count('class="is-start"')


def test_it_shows_the_figures_of_its_days(admin_client: Client, calls: None) -> None:
    text = report(admin_client)
    for part in (
        "<strong>5</strong>",
        "<strong>60.0%</strong>",
        "<strong>1:03</strong>",
        "<strong>1.0 s</strong>",
    ):
        assert part in text
    assert "<strong>MOS 3.50</strong>" in text and "1 poor calls" in text and "3 calls" in text


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("<strong>5</strong>", 5),
        ("<strong>60.0%</strong>", 3),
        ("1 poor calls", 1),
        ("Tue 2030-01-01: 4 calls, 3 answered", 4),
        ("Tuesday 12:00–12:59: 3 calls", 3),
        ("Wednesday 12:00–12:59: 1 calls", 1),
        ("Busy", 1),
        ("Unavailable", 1),
        ("Answered", 3),
        ("Failed", 1),
        ("Poor", 1),
        ("Not measured", 2),
    ],
)
def test_every_figure_leads_to_the_calls_that_it_counts(
    admin_client: Client, calls: None, words: str, count: int
) -> None:
    assert listed(admin_client, link(report(admin_client), words)) == count


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("Number not known (SIP 404)", 1),
        ("Not reachable (SIP 480)", 2),
        ("Unavailable<", 1),
        ("Error (SIP 502)", 1),
        ("Media error<", 1),
    ],
)
def test_each_reason_of_failure_stands_for_itself_in_words(
    admin_client: Client, calls: None, words: str, count: int
) -> None:
    for status in (404, 480, 480):
        make_call(disposition="FAILED", hangup_cause="unavailable", sip_status=status)
    make_call(disposition="FAILED", hangup_cause="error", sip_status=502)
    make_answered(hangup_cause="media_error", sip_status=200)
    text = report(admin_client)
    [line] = [line for line in re.findall(r"<li.*?</li>", text, re.DOTALL) if f">{words}" in line]
    assert f'calls-count">{count} ' in line
    url = unescape(re.findall('href="([^"]*)"', line)[0])
    assert listed(admin_client, url) == count


def test_one_day_is_shown_by_the_hour(admin_client: Client, calls: None) -> None:
    text = report(admin_client, **{"from": "2030-01-01", "to": "2030-01-01"})
    assert "Calls by hour" in text and listed(admin_client, link(text, "12:00–12:59: 3 calls")) == 3


def test_an_account_can_be_chosen(admin_client: Client, calls: None) -> None:
    account = make_account()
    make_call(account=account)
    text = report(admin_client, account=str(account.pk))
    assert "<strong>1</strong>" in text and listed(admin_client, link(text, "<strong>1</strong>")) == 1


def test_it_reads_kept_days_and_costs_the_same_for_any_number_of_calls(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    for day in range(3):
        for _ in range(10):
            make_call(invite_time=NOON.replace(year=2026, month=3, day=3 + day))
    roll_up(date(2026, 3, 4))
    with django_assert_max_num_queries(8):
        text = report(admin_client, **{"from": "2026-03-01", "to": "2026-03-31"})
    assert "<strong>30</strong>" in text


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2030-01-05", "to": "2029-12-30"},
        {"from": "1900-01-01"},
        {"from": "", "to": ""},
        {"from": "0001-01-01", "to": "0001-01-02"},
        {"to": "9999-12-31"},
        {"from": "no day", "to": "x", "account": "y"},
    ],
)
def test_it_is_shown_for_any_days(admin_client: Client, calls: None, query: dict[str, str]) -> None:
    assert "calls-days" in report(admin_client, **query)


def test_days_without_calls_say_so(admin_client: Client) -> None:
    assert "No calls on these days" in report(admin_client)


@pytest.mark.parametrize(
    ("value", "most", "step"), [(0, 5, 0), (1, 1000, 1), (1000, 1000, HEAT_STEPS), (0, 0, 0)]
)
def test_colours_tell_nothing_from_something(value: int, most: int, step: int) -> None:
    assert heat_step(value, most) == step


def test_a_chart_of_many_bars_labels_some() -> None:
    shown = [Bar(label=f"l{n}", part=n, whole=2 * n, title=f"<{n}>", url=f"?a={n}&b") for n in range(90)]
    drawn = bars(shown, label="Calls")
    assert drawn.count("<a ") == 90 and drawn.count(">l") == 7
    assert "<title>&lt;3&gt;</title>" in drawn and 'href="?a=3&amp;b"' in drawn
