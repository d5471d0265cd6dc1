# SPDX-License-Identifier: Apache-2.0
"""What is kept of a job's run, and what health and doctor make of it."""

import threading
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, OperationalError, ProgrammingError
from django.utils import timezone
from structlog.testing import capture_logs

from switchboard.celery import app, quiet
from switchboard.database_away import Outage
from switchboard.doctor import Level
from switchboard.doctor.jobs import jobs
from switchboard.jobs import records
from switchboard.jobs.health import HEARTBEAT, LONG, SILENT, JobsHealth, why_silent
from switchboard.models import JobRun


@pytest.fixture(autouse=True)
def _tasks():
    app.loader.import_default_modules()
    app.finalize()


def run_of(task=HEARTBEAT, *, age=timedelta(0), succeeded=True, detail="here"):
    return JobRun(task=task, began_at=timezone.now() - age, took_s=0.1, succeeded=succeeded, detail=detail)


@pytest.mark.django_db
def test_the_last_run_of_a_job_is_kept():
    for _ in range(2):
        app.tasks["cdrs.roll_up"].apply()
    run = JobRun.objects.get()
    assert (run.task, run.succeeded, run.detail) == ("cdrs.roll_up", True, "{'days': 0}")
    assert timezone.now() - run.began_at < timedelta(seconds=30)
    assert records.last_runs() == {"cdrs.roll_up": run.began_at}


@pytest.mark.django_db
def test_a_job_that_runs_is_not_overdue_nor_is_one_whose_worker_was_killed_in_it(monkeypatch):
    run_of("cdrs.roll_up", age=timedelta(days=3), succeeded=False, detail="no room").save()
    seen = []
    monkeypatch.setattr("cdrs.tasks.rollup.roll_up_missing", lambda: seen.append(JobRun.objects.get()) or [])
    app.tasks["cdrs.roll_up"].apply()
    (running,) = seen
    assert timezone.now() - running.began_at < timedelta(seconds=30)
    assert (running.succeeded, running.detail) == (True, JobRun.NOT_FINISHED)
    assert JobRun.objects.get().detail == "{'days': 0}"


@pytest.mark.django_db
def test_the_first_run_of_a_job_is_known_while_it_runs(monkeypatch):
    seen = []
    monkeypatch.setattr("cdrs.tasks.rollup.roll_up_missing", lambda: seen.append(records.last_runs()) or [])
    app.tasks["cdrs.roll_up"].apply()
    assert seen[0].keys() == {"cdrs.roll_up"}


@pytest.mark.django_db
def test_the_beginning_of_a_sign_of_life_is_no_write_of_its_own(monkeypatch):
    kept = []
    monkeypatch.setattr(JobRun.objects, "update_or_create", lambda **values: kept.append(values))
    app.tasks[HEARTBEAT].apply()
    assert [each["defaults"]["succeeded"] for each in kept] == [True]


@pytest.mark.django_db
def test_a_job_that_fails_is_kept_with_its_reason(monkeypatch):
    monkeypatch.setattr("cdrs.tasks.rollup.roll_up_missing", lambda: 1 // 0)
    app.tasks["cdrs.roll_up"].apply(throw=False)
    run = JobRun.objects.get()
    assert not run.succeeded
    assert "division" in run.detail


@pytest.mark.django_db
def test_a_database_that_is_away_is_no_reason_for_a_job_to_fail(monkeypatch):
    def away(**values):
        raise DatabaseError("away")

    monkeypatch.setattr(JobRun.objects, "update_or_create", away)
    assert app.tasks[HEARTBEAT].apply().successful()


@pytest.mark.django_db
def test_a_database_that_is_away_is_one_line_whatever_jobs_find_it_so(monkeypatch, caplog):
    def away(**values):
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(records, "outage", outage := Outage())
    monkeypatch.setattr("media.tasks.conversion.convert_waiting", away)
    monkeypatch.setattr(JobRun.objects, "update_or_create", away)
    quiet()
    with capture_logs() as lines:
        for _ in range(3):
            app.tasks["media.convert_prompts"].apply(throw=False)
            app.tasks[HEARTBEAT].apply()
        outage.ends()
    assert [line["event"] for line in lines] == ["database.away", "database.back"]
    assert lines[0]["reason"] == "connection refused"
    assert "Traceback" not in caplog.text


@pytest.mark.django_db
def test_a_job_with_a_mistake_leaves_its_traceback(monkeypatch, caplog):
    monkeypatch.setattr("media.tasks.conversion.convert_waiting", lambda: 1 // 0)
    quiet()
    with capture_logs() as lines:
        app.tasks["media.convert_prompts"].apply(throw=False)
    assert [line["event"] for line in lines] == ["job.failed"]
    assert "ZeroDivisionError" in caplog.text


def test_silence_is_told_with_its_beginning():
    now = timezone.now()
    assert "ever" in why_silent([], now)
    assert "since" in why_silent([run_of(age=SILENT * 2)], now)
    assert why_silent([run_of(), run_of("cdrs.prune", age=SILENT * 9)], now) == ""


def health_at(look, seconds: float) -> JobsHealth:
    clock = iter([0.0])
    return JobsHealth(look, lambda: next(clock, seconds), patience_s=10)


def test_health_names_silence_only_after_a_worker_had_time_to_start():
    assert health_at(list, 10.0).problems() == []
    assert health_at(list, 1000.0).problems() == ["jobs: no worker has ever done the periodic jobs"]


def test_health_names_a_job_that_failed_but_not_why():
    (problem,) = health_at(
        lambda: [run_of(), run_of("cdrs.prune", succeeded=False, detail="secret")], 1.0
    ).problems()
    assert "cdrs.prune failed" in problem
    assert "secret" not in problem


@pytest.mark.django_db
def test_a_job_that_did_not_finish_is_told_of_after_hours():
    for age, told in ((LONG / 2, 0), (LONG * 2, 1)):
        run = run_of("cdrs.prune", age=age, detail=JobRun.NOT_FINISHED)
        problems = health_at(lambda run=run: [run_of(), run], 1.0).problems()
        assert ["did not finish" in each for each in problems] == [True] * told
        run_of().save()
        run.save()
        found = [each for each in jobs(SimpleNamespace(UI_RUNS_JOBS=False)) if each.level is Level.WARNING]
        assert ["cdrs.prune" in each.detail for each in found] == [True] * told


def test_health_does_not_wait_for_a_database_that_is_frozen():
    thaw = threading.Event()
    times = iter([0.0, 1.0, 30.0])

    def frozen():
        thaw.wait(10)
        return []

    health = JobsHealth(frozen, lambda: next(times, 31.0), patience_s=0)
    assert health.problems() == []
    assert health.problems() == ["database: no answer for 29 s"]
    thaw.set()


def test_health_and_the_log_say_when_the_database_is_away(monkeypatch):
    monkeypatch.setattr("switchboard.jobs.health.outage", Outage())

    def away():
        raise OperationalError("at 10.0.0.1")

    with capture_logs() as lines:
        assert health_at(away, 1.0).problems() == ["database: it does not answer"]
    assert [line["event"] for line in lines] == ["database.away"]


def test_health_says_when_the_tables_are_not_there():
    def not_migrated():
        raise ProgrammingError('relation "job_runs" does not exist')

    (problem,) = health_at(not_migrated, 1.0).problems()
    assert "manage.py migrate" in problem


def test_who_asks_for_health_once_hears_how_it_is_now():
    """A person who asks, in contrast to a probe, does not ask again five seconds later."""
    runs = [run_of("cdrs.prune", succeeded=False)]
    now = 0.0
    health = JobsHealth(lambda: list(runs), lambda: now, patience_s=10)
    assert len(health.problems()) == 1
    runs.clear()
    now = 60.0
    assert health.problems() == []


@pytest.mark.django_db
def test_the_doctor_tells_who_does_the_jobs_and_which_failed():
    settings = SimpleNamespace(UI_RUNS_JOBS=False)
    (found,) = jobs(settings)
    assert (found.level, "runjobs" in found.remedy) == (Level.WARNING, True)
    run_of().save()
    run_of("cdrs.prune", succeeded=False, detail="no room").save()
    fine, bad = jobs(settings)
    assert (fine.level, fine.detail) == (Level.OK, "done by here")
    assert (bad.level, bad.detail) == (Level.FAILURE, "cdrs.prune failed: no room")
