# SPDX-License-Identifier: Apache-2.0
"""The Celery application, which ``manage.py runjobs`` runs as ``celery -A switchboard worker -B``.

Loaded by workers alone. Nothing else imports Celery, which takes ten megabytes: a process that wants something done
writes a row that says so, and a job finds it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from importlib import import_module
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.schedules import crontab, schedule
from celery.signals import beat_embedded_init, setup_logging, task_postrun, task_prerun, worker_ready
from django.apps import apps

from switchboard.env import BadVariable

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

from django.conf import settings

try:
    # A setting that cannot be used ends a worker as it ends every other command: with one line and exit code 2.
    import_module(os.environ["DJANGO_SETTINGS_MODULE"])
except BadVariable as error:
    sys.stderr.write(f"{error}\n")
    sys.exit(2)

from switchboard import logs, parents
from switchboard.database_away import AWAY
from switchboard.jobs import signs
from switchboard.jobs.schedule import Daily, Every, Schedule
from switchboard.redis_url import redis_url

LONGEST_WAIT_S = 3600.0
"""A job that no worker took within this time, or until it is due again, is dropped: its next time comes."""

BROKER_ANSWERS_S = 10.0


def celery_schedule(when: Schedule) -> schedule:
    """Return a time of the settings as Celery has it."""
    return crontab(hour=when.hour, minute=when.minute) if isinstance(when, Daily) else schedule(when.seconds)


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    when = entry["schedule"]
    expires_s = min(when.seconds, LONGEST_WAIT_S) if isinstance(when, Every) else LONGEST_WAIT_S
    return {**entry, "schedule": celery_schedule(when), "options": {"expires": expires_s}}


app = Celery("switchboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    broker_url=redis_url(),
    # A connection that the network lost without a word must not be waited on for ever.
    broker_transport_options={
        "socket_connect_timeout": BROKER_ANSWERS_S,
        "socket_timeout": BROKER_ANSWERS_S,
        "socket_keepalive": True,
    },
    broker_use_ssl={"ssl_ca_certs": str(settings.REDIS_TLS_CA)} if settings.REDIS_TLS_CA else None,
    beat_schedule={name: _entry(entry) for name, entry in settings.CELERY_BEAT_SCHEDULE.items()},
)
app.autodiscover_tasks()


def quiet_about_root() -> None:
    """Leave out Celery's paragraph about root: what a worker takes is JSON, and who runs containers knows as whom."""
    warnings.filterwarnings("ignore", "You're running the worker with superuser", SecurityWarning)


quiet_about_root()


def quiet() -> None:
    """Leave it to `switchboard.jobs.records` to tell how jobs went; some run every few seconds."""
    for name in ("celery.app.trace", "celery.beat", "celery.worker.strategy"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("celery.app.trace").addFilter(is_worth_a_traceback)


def is_worth_a_traceback(record: logging.LogRecord) -> bool:
    """Filter of Celery's reports of jobs that failed: not each time that one finds the database away."""
    return not (record.exc_info and isinstance(record.exc_info[1], AWAY))


def quiet_of_broker() -> None:
    """Leave it to the parent to tell once that the broker is away: Celery tells of each attempt, with tracebacks."""
    for name in ("celery.beat", "celery.worker.consumer", "kombu", "py.warnings"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # "Couldn't ack" is critical to Celery; such a job is done twice at worst.
    logging.getLogger("celery.worker.request").setLevel(logging.CRITICAL + 1)


@setup_logging.connect
def _log(loglevel: Any = None, **others: Any) -> None:
    logs.configure(settings.LOGLEVEL, settings.LOG_FORMAT)
    quiet()
    if signs.VARIABLE in os.environ:
        quiet_of_broker()
        _give_signs(int(os.environ[signs.VARIABLE]))


def _give_signs(descriptor: int) -> None:
    """Tell the parent of each job that begins and ends."""

    def tell(byte: bytes) -> None:
        # The parent may not read for a while; a sign that does not fit is no loss beside those that do.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(descriptor, byte)

    task_prerun.connect(lambda **others: tell(signs.BEGUN), weak=False)
    task_postrun.connect(lambda **others: tell(signs.ENDED), weak=False)


@worker_ready.connect
def _first_sign_of_life(**others: Any) -> None:
    app.send_task("switchboard.heartbeat", expires=LONGEST_WAIT_S)


@beat_embedded_init.connect
def _end_with_the_worker(**others: Any) -> None:
    """Keep the schedule of a killed worker from going on beside that of the next one."""
    follow = parents.die_with(os.getppid())
    if follow is not None:
        follow()


@app.on_after_finalize.connect
def _record(sender: Celery, **others: Any) -> None:
    apps.check_apps_ready()
    from switchboard.jobs import records

    records.connect()
