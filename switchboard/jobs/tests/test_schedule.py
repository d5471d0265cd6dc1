# SPDX-License-Identifier: Apache-2.0
"""When jobs are due, and that the one without a broker does them then."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from switchboard.celery import app, celery_schedule
from switchboard.jobs.beat import LocalBeat
from switchboard.jobs.schedule import Daily, Every

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, st.integers(0, 23), st.integers(0, 59))
def test_a_daily_job_is_due_within_a_day_at_its_time(moment, hour, minute):
    due = Daily(hour, minute).next_after(moment)
    assert timedelta(0) < due - moment <= timedelta(days=1)
    assert (due.hour, due.minute, due.second, due.microsecond) == (hour, minute, 0, 0)


def test_a_frequent_job_is_due_again_and_again():
    beat = LocalBeat({"often": Every(2)}, {"often": NOON})
    assert beat.due(NOON + timedelta(seconds=1.9)) == []
    assert beat.run_due(NOON + timedelta(seconds=2), lambda _: None) == 1
    assert beat.run_due(NOON + timedelta(seconds=2), lambda _: None) == 0
    assert beat.next_at(NOON + timedelta(seconds=3)) == NOON + timedelta(seconds=4)


def test_what_never_ran_or_was_missed_is_done_once_at_the_start():
    ran = []
    beat = LocalBeat({"new": Daily(1, 0), "missed": Daily(1, 0)}, {"missed": NOON - timedelta(days=9)})
    beat.run_due(NOON, ran.append)
    beat.run_due(NOON + timedelta(hours=1), ran.append)
    assert ran == ["new", "missed"]


def test_a_job_that_fails_waits_for_its_next_time():
    beat = LocalBeat({"bad": Every(10)}, {})
    with pytest.raises(ZeroDivisionError):
        beat.run_due(NOON, lambda _: 1 // 0)
    assert beat.due(NOON) == []
    assert beat.due(NOON + timedelta(seconds=10)) == ["bad"]


def test_a_clock_that_was_set_back_keeps_no_job_waiting():
    assert LocalBeat({"a": Every(60)}, {"a": NOON + timedelta(days=300)}).due(NOON) == ["a"]


def test_celery_has_the_same_times():
    assert celery_schedule(Daily(1, 10)) == crontab(hour=1, minute=10)
    assert celery_schedule(Every(2)).run_every == timedelta(seconds=2)


def test_every_job_of_the_settings_is_a_task_that_exists():
    app.loader.import_default_modules()
    names = [entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    assert set(names) <= set(app.tasks)
    assert len(names) == len(set(names))
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} == set(names)


def test_the_operators_page_has_the_time_of_each_nightly_job():
    page = (settings.BASE_DIR / "docs" / "deployment.md").read_text()
    section = page.partition("### Periodic jobs")[2].partition("\n### ")[0]
    when = [entry["schedule"] for entry in settings.CELERY_BEAT_SCHEDULE.values()]
    nightly = sorted(f"{daily.hour:02}:{daily.minute:02}" for daily in when if isinstance(daily, Daily))
    assert re.findall(r"\| (\d\d:\d\d) \|", section) == nightly
