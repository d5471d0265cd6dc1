# SPDX-License-Identifier: Apache-2.0
"""Daily jobs that nobody did in time are ordered once."""

from datetime import UTC, datetime

import pytest
from celery.exceptions import OperationalError as BrokerAway
from django.db import OperationalError
from redis.exceptions import RedisError

from switchboard.jobs import missed
from switchboard.jobs.schedule import Daily

NIGHTLY = {"prune": Daily(hour=1, minute=10)}


def at(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("began", "now", "expected"),
    [
        (at(22, 1, 10), at(22, 23, 0), []),
        (at(22, 1, 10), at(23, 1, 9), []),
        # Beat orders it now; it may take a while.
        (at(22, 1, 10), at(23, 1, 15), []),
        (at(22, 1, 10), at(23, 1, 20), ["prune"]),
        # Done late, because it was missed: the next one is that of the next night.
        (at(22, 9, 0), at(22, 23, 0), []),
        (at(20, 1, 10), at(22, 0, 30), ["prune"]),
    ],
)
def test_a_job_is_overdue_some_minutes_after_it_should_have_begun(began, now, expected):
    assert missed.overdue(NIGHTLY, {"prune": began}, now) == expected


def test_a_job_that_never_ran_is_overdue():
    assert missed.overdue(NIGHTLY, {}, at(22, 12, 0)) == ["prune"]


@pytest.fixture
def sent(monkeypatch):
    """What is ordered by `order`, of one nightly job that never ran."""
    names: list[str] = []
    monkeypatch.setattr(missed, "_ordered", {})
    monkeypatch.setattr("switchboard.jobs.records.last_runs", dict)
    monkeypatch.setattr(
        missed.settings,
        "CELERY_BEAT_SCHEDULE",
        {"old": {"task": "prune", "schedule": Daily(hour=1, minute=10)}},
    )
    return names


def test_it_is_ordered_once_an_hour_at_most(sent):
    for _ in range(3):
        missed.order(lambda name, expires: sent.append(name))
    assert sent == ["prune"]


def test_a_database_that_is_away_is_asked_again_at_the_next_sign_of_life(sent, monkeypatch):
    def away():
        raise OperationalError("away")

    with monkeypatch.context() as outage:
        outage.setattr("switchboard.jobs.records.last_runs", away)
        missed.order(lambda name, expires: sent.append(name))
    assert sent == []
    missed.order(lambda name, expires: sent.append(name))
    assert sent == ["prune"]


@pytest.mark.parametrize("error", [BrokerAway("refused"), RedisError("refused"), ConnectionResetError()])
def test_a_broker_that_is_away_makes_no_sign_of_life_fail_and_is_asked_again(sent, error):
    def away(name, expires):
        raise error

    missed.order(away)
    missed.order(lambda name, expires: sent.append(name))
    assert sent == ["prune"]
