# SPDX-License-Identifier: Apache-2.0
import uuid
from datetime import timedelta

import pytest
from django.utils.timezone import now

from accounts.tenancy import access_of
from cdrs.models import CDR
from switchboard.dashboard import history as module
from switchboard.dashboard.chart import HEIGHT, chart, scale
from switchboard.dashboard.history import history


def record(account, *, ago_s, answered=False, **fields):
    began = now() - timedelta(seconds=ago_s)
    given = {
        "account": account,
        "call_id": uuid.uuid4().hex,
        "caller_number": "1001",
        "callee_number": "1002",
        "invite_time": began,
        "answer_time": began + timedelta(seconds=1) if answered else None,
        "end_time": began + timedelta(seconds=9),
        "disposition": "ANSWERED" if answered else "BUSY",
        "hangup_cause": "normal" if answered else "busy",
        "hangup_by": "caller",
        "sip_status": 200 if answered else 486,
    }
    return CDR.objects.create(**(given | fields))


@pytest.fixture
def calls(people):
    module.forget()
    for ago_s, answered in ((10, True), (120, True), (130, False), (7200, False)):
        record(people.alpha, ago_s=ago_s, answered=answered)
    record(people.beta, ago_s=60, answered=True, caller_number="7007")


@pytest.mark.parametrize(
    ("name", "calls_", "ratio"), [("root", 4, 75), ("vera", 3, 200 / 3), ("charlie", 1, 100)]
)
def test_the_figures_are_of_the_last_hour_and_of_the_own_accounts(calls, people, name, calls_, ratio):
    seen = history(access_of(people[name]))
    assert seen.calls == calls_
    assert seen.seizure_ratio == pytest.approx(ratio)


def test_nobody_sees_failures_of_another_account(calls, people):
    record(people.beta, ago_s=5, caller_number="7007")
    assert "7007" in history(access_of(people["charlie"])).failures[0].story
    assert not any("7007" in failure.story for failure in history(access_of(people["vera"])).failures)


def test_a_failure_is_told_in_words(calls, people):
    newest = history(access_of(people["vera"])).failures[0]
    assert newest.cause == "Busy · SIP 486"
    assert newest.story.startswith("1001 called 1002")


@pytest.mark.parametrize(
    ("cause", "status", "words"),
    [
        ("unavailable", 404, "Number not known · SIP 404"),
        ("unavailable", 480, "Not reachable · SIP 480"),
        ("media_error", 488, "No common codec · SIP 488"),
        ("error", None, "Error"),
    ],
)
def test_a_failure_says_what_it_was(people, cause, status, words):
    module.forget()
    record(people.alpha, ago_s=5, disposition="FAILED", hangup_cause=cause, sip_status=status)
    assert history(access_of(people["vera"])).failures[0].cause == words


def test_without_calls_there_is_no_ratio(people):
    module.forget()
    seen = history(access_of(people["nobody"]))
    assert (seen.calls, seen.seizure_ratio, seen.calls_per_minute) == (0, None, 0)


def test_bars_stand_on_the_line_and_below_the_top(calls, people):
    drawing = chart(history(access_of(people["root"])))
    assert len(drawing.bars) >= 2
    for bar in drawing.bars:
        assert bar.calls_y + bar.calls_height == pytest.approx(HEIGHT, abs=0.2)
        assert 0 <= bar.calls_y <= bar.answered_y


@pytest.mark.parametrize(("most", "top"), [(0, 4), (4, 4), (5, 6), (21, 30), (31, 40), (1001, 1400)])
def test_the_scale_is_round_and_not_below_the_largest_value(most, top):
    assert scale(most) == top
