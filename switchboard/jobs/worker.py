# SPDX-License-Identifier: Apache-2.0
"""Keeps a Celery worker and its beat running: starts it again when it ends, and when it no longer takes jobs.

A broker that goes away at a bad moment can end a worker, leave it connected to nothing, or end its beat, which is a process
of its own that nobody looks after. Knows neither Celery nor the jobs, nor any app of Django's: it is a program of its own
(``python -m switchboard.jobs.worker``), which ``manage.py runjobs`` becomes, because all of that would take 50 MiB.

Invariant: a worker is ended only while the broker answers and no job runs.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
import time
from typing import Final

import structlog
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from switchboard import logs
from switchboard.jobs import signs
from switchboard.redis_url import redis_url
from switchboard.supervisor import Supervisor

log = structlog.get_logger("switchboard.jobs")

COMMAND: Final = [
    *("celery", "-A", "switchboard", "--quiet", "worker", "-B"),
    # One worker has nobody to talk to, and those conversations are what a lost connection breaks.
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
]
LOOK_S: Final = 0.5
BROKER_ANSWERS_S: Final = 2.0
SILENCE_S: Final = 60.0
"""The most frequent job is due every two seconds."""
SIGNS_AT_ONCE: Final = 65536


class _Broker:
    """Whether Redis answers; going away and coming back are logged once each."""

    def __init__(self) -> None:
        tls = {} if settings.REDIS_TLS_CA is None else {"ssl_ca_certs": str(settings.REDIS_TLS_CA)}
        self._redis = Redis.from_url(
            redis_url(),
            socket_timeout=BROKER_ANSWERS_S,
            socket_connect_timeout=BROKER_ANSWERS_S,
            retry=Retry(NoBackoff(), 0),
            **tls,
        )
        self._away = False

    def answers(self) -> bool:
        try:
            self._redis.ping()
        except RedisError as error:
            if not self._away:
                log.warning("jobs.redis_away", error=str(error))
            self._away = True
            return False
        if self._away:
            log.warning("jobs.redis_back")
        self._away = False
        return True


def serve(stopping: threading.Event, *, silence_s: float = SILENCE_S) -> None:
    """Keep a worker running until the event is set.

    Args:
        stopping: ends this.
        silence_s: after how many seconds without any job a worker is started again.
    """
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    os.environ[signs.VARIABLE] = str(writer)
    supervisor = Supervisor({"worker": COMMAND}, "-m", pass_fds=(writer,))
    broker = _Broker()
    supervisor.start()
    heard = signs.Signs(silence_s, time.monotonic())
    try:
        while not stopping.wait(LOOK_S):
            if not broker.answers():
                heard.nothing_could_come(time.monotonic())
            heard.heard(_read(reader), time.monotonic())
            if heard.is_silent(time.monotonic()):
                log.error("jobs.worker_hangs", detail="it takes no jobs; it is started again")
                supervisor.kill("worker")
            for line in supervisor.check():
                log.error("jobs.worker_ended", detail=line)
                heard.restarted(time.monotonic())
    finally:
        supervisor.stop()
        os.close(reader)
        os.close(writer)


def _read(reader: int) -> bytes:
    try:
        return os.read(reader, SIGNS_AT_ONCE)
    except BlockingIOError:
        return b""


def main() -> None:
    """Keep a worker running until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m switchboard.jobs.worker", description=__doc__)
    parser.add_argument("--silence-s", type=float, default=SILENCE_S)
    options = parser.parse_args()
    logs.configure(settings.UI_LOGLEVEL, settings.LOG_FORMAT)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    serve(stopping, silence_s=options.silence_s)


if __name__ == "__main__":
    main()
