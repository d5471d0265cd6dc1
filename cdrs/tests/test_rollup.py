# SPDX-License-Identifier: Apache-2.0
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Account
from accounts.tests.factories import make_account
from cdrs import retention, rollup
from cdrs.aggregate import most_at_once, peaks
from cdrs.figures import Figures
from cdrs.models import CDR, DailyRollup
from cdrs.record import CallRecord
from cdrs.tests.conftest import RecordMaker
from cdrs.tests.factories import make_answered, make_call
from cdrs.writer import DatabaseSink

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 3)
NINE = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> date:
    """Let it be ten days later."""
    later = DAY + timedelta(days=10)
    for module in ("rollup", "retention"):
        monkeypatch.setattr(f"cdrs.{module}.localdate", lambda at=None: later if at is None else at.date())
    return later


@pytest.fixture
def accounts() -> tuple[Account, Account]:
    return make_account("alpha.example"), make_account("beta.example")


@pytest.fixture
def calls(accounts: tuple[Account, Account]) -> None:
    """Two calls of Alpha, of which one was answered, one of Beta that failed, and one of nobody on the next day."""
    alpha, beta = accounts
    make_answered(account=alpha, invite_time=NINE, mos_score=4.2)
    make_call(account=alpha, invite_time=NINE, ring_time=NINE + timedelta(seconds=3))
    make_call(account=beta, invite_time=NINE + timedelta(hours=5), disposition="FAILED", hangup_cause="error")
    make_call(invite_time=NINE + timedelta(days=1))


def of_day(accounts: frozenset[str] | None = None) -> Figures:
    return rollup.figures_of(DAY, DAY, accounts).get(DAY, Figures())


@pytest.mark.parametrize("is_kept", [False, True])
def test_the_figures_of_a_day_are_the_same_from_its_calls_and_kept(calls: None, is_kept: bool) -> None:
    if is_kept:
        assert rollup.roll_up(DAY) == 3
    figures = of_day()
    assert (figures.calls, figures.answered, figures.talk_s) == (3, 1, 63.0)
    assert figures.answer_seizure_ratio == pytest.approx(1 / 3) and figures.average_duration_s == 63
    assert (figures.delayed, figures.average_delay_s, figures.average_mos) == (2, 2.0, 4.2)
    assert figures.by_disposition == {"ANSWERED": 1, "CANCELED": 1, "FAILED": 1}
    assert figures.by_cause == {"normal": 1, "canceled": 1, "error": 1}
    assert figures.by_quality == {"good": 1, "unknown": 2}
    assert (figures.by_hour[9], figures.by_hour[14], sum(figures.by_hour)) == (2, 1, 3)


@pytest.mark.parametrize("is_kept", [False, True])
def test_the_figures_of_an_account_hold_its_calls_alone(
    calls: None, accounts: tuple[Account, Account], is_kept: bool
) -> None:
    if is_kept:
        rollup.roll_up(DAY)
    alpha, beta = (str(account.pk) for account in accounts)
    assert (of_day(frozenset([alpha])).calls, of_day(frozenset([beta])).calls) == (2, 1)
    assert of_day(frozenset([alpha, beta])).calls == 3 and of_day(frozenset()).calls == 0


def test_kept_days_are_read_in_place_of_calls(calls: None, django_assert_num_queries: Any) -> None:
    rollup.roll_up(DAY)
    CDR.objects.all().delete()
    with django_assert_num_queries(2):
        assert of_day().calls == 3


def test_days_that_are_not_kept_are_added_up_in_one_query_for_each_gap(
    calls: None, django_assert_num_queries: Any
) -> None:
    rollup.roll_up(DAY)
    with django_assert_num_queries(4):
        found = rollup.figures_of(DAY - timedelta(days=30), DAY + timedelta(days=30), None)
    assert {day: figures.calls for day, figures in found.items()} == {DAY: 3, DAY + timedelta(days=1): 1}


def test_adding_up_a_day_again_replaces_what_was_kept(calls: None) -> None:
    for _ in range(2):
        rollup.roll_up(DAY)
    make_call(invite_time=NINE)
    assert rollup.roll_up(DAY) == 4
    assert DailyRollup.objects.filter(account=None).count() == 1 and of_day().calls == 4


def test_today_is_not_kept(today: date) -> None:
    with pytest.raises(ValueError, match="not over"):
        rollup.roll_up(today)


def test_missing_days_are_kept_and_the_last_ones_again(calls: None, today: date) -> None:
    assert rollup.roll_up_missing() == [DAY, DAY + timedelta(days=1)]
    assert rollup.roll_up_missing() == []
    make_call(invite_time=NINE + timedelta(days=8))
    assert rollup.roll_up_missing() == [DAY + timedelta(days=number) for number in range(2, 9)]
    assert rollup.roll_up_missing() == [DAY + timedelta(days=number) for number in (7, 8)]


def late(record: CallRecord) -> CallRecord:
    record.invite_time = NINE.timestamp()
    return record


def test_a_record_that_arrives_late_counts_at_once(calls: None, make_ended: RecordMaker) -> None:
    rollup.roll_up_missing()
    assert DatabaseSink().deliver([late(make_ended())]) == []
    assert of_day().calls == 4 and rollup.figures_of(DAY, DAY + timedelta(days=1), None).keys() == {
        DAY,
        DAY + timedelta(days=1),
    }
    assert DailyRollup.objects.filter(day=DAY + timedelta(days=1)).exists()


def test_records_of_today_leave_what_is_kept_alone(
    calls: None, make_ended: RecordMaker, django_assert_num_queries: Any
) -> None:
    record = make_ended()
    sink = DatabaseSink()
    sink.deliver([make_ended()])
    # Insert, and the transaction's two ends.
    with django_assert_num_queries(3):
        sink.deliver([record])


def test_calls_at_once_are_counted_over_midnight_and_by_account(accounts: tuple[Account, Account]) -> None:
    alpha, beta = accounts
    midnight = datetime(2026, 3, 3, tzinfo=UTC)
    for start, end, account in (
        (-30, 40, alpha),
        (-30, -10, alpha),
        (5, 60, alpha),
        (39, 70, beta),
        (60, 80, alpha),
    ):
        make_call(
            account=account,
            invite_time=midnight + timedelta(minutes=start),
            end_time=midnight + timedelta(minutes=end),
        )
    assert peaks(CDR.objects.all(), DAY, DAY) == {None: 3, alpha.pk: 2, beta.pk: 1}
    rollup.roll_up(DAY)
    assert of_day().peak == 3 and of_day(frozenset([str(beta.pk)])).peak == 1


def test_a_call_that_ends_when_another_starts_is_not_at_once_with_it() -> None:
    times = [
        (None, NINE, NINE + timedelta(seconds=5)),
        (None, NINE + timedelta(seconds=5), NINE + timedelta(hours=1)),
    ]
    assert most_at_once(iter(times)) == {None: 1}


def test_pruning_deletes_old_days_and_keeps_their_figures(
    calls: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdrs.retention.BATCH", 2)
    assert retention.prune(9) == 3
    assert CDR.objects.count() == 1 and of_day().calls == 3
    assert retention.prune(9) == 0


def test_the_figures_of_a_pruned_day_survive_late_records_and_new_roll_ups(
    calls: None, make_ended: RecordMaker
) -> None:
    retention.prune(9)
    DatabaseSink().deliver([late(make_ended())])
    rollup.roll_up(DAY)
    assert of_day().calls == 3
    assert retention.prune(9) == 1


def test_pruning_never_deletes_all() -> None:
    with pytest.raises(ValueError, match="one day"):
        retention.prune(0)


def test_figures_of_a_later_version_are_read_as_far_as_they_are_known() -> None:
    figures = Figures(calls=3)
    figures.by_cause["busy"] = 2
    assert Figures.from_json({**figures.to_json(), "invented": 1}) == figures


def test_a_day_that_an_earlier_version_kept_is_added_up_again() -> None:
    long_ago = make_call(invite_time=NINE - timedelta(days=30), hangup_cause="busy", sip_status=486)
    day = long_ago.invite_time.date()
    rollup.roll_up(day)
    for row in DailyRollup.objects.filter(day=day):
        del row.figures["by_reason"]
        row.save()
    assert rollup.figures_of(day, day, None)[day].reasons == {("busy", None): 1}
    assert day in rollup.roll_up_missing()
    assert rollup.figures_of(day, day, None)[day].reasons == {("busy", 486): 1}
    assert day not in rollup.roll_up_missing()
