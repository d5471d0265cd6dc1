# SPDX-License-Identifier: Apache-2.0
"""``manage.py runjobs``: does what is due now and then, with a broker or without one."""

import argparse
import os
import signal
import sys
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from switchboard import env, lean, logs
from switchboard.jobs import local
from switchboard.jobs.child import CHILD_FLAG


class Command(BaseCommand):
    """Do the periodic jobs until SIGTERM."""

    help = (
        "Do the periodic jobs: roll-ups, retention, conversion of prompts. With REDIS_ADDR it keeps a Celery worker "
        "with its beat running; without, it does them by itself, and the ui role starts it."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            CHILD_FLAG,
            action="store_true",
            help="end when the standard input ends, which a parent holds open",
        )
        parser.add_argument(
            "--silence-s",
            type=float,
            default=60.0,
            help="seconds after which a worker that does no job, while Redis answers, is started again (default: 60)",
        )
        env.add_flags(parser, settings.ENV, settings.UI)

    def handle(self, *args: Any, **options: Any) -> None:
        # As a child of the ui role it does the jobs by itself, broker or not.
        if settings.REDIS_ADDR is not None and not options["exit_with_parent"]:
            keeper = [
                sys.executable,
                "-m",
                "switchboard.jobs.worker",
                "--silence-s",
                str(options["silence_s"]),
            ]
            os.execv(sys.executable, keeper)  # noqa: S606 - this program's own worker
        lean.bound_allocator()
        logs.configure(settings.UI_LOGLEVEL, settings.LOG_FORMAT)
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        if options["exit_with_parent"]:
            threading.Thread(target=_wait_for_end, args=(stopping,), daemon=True).start()
        local.serve(stopping)


def _wait_for_end(stopping: threading.Event) -> None:
    # Not by sys.stdin: its lock, held here for ever, would abort the interpreter at its end.
    while os.read(0, 4096):
        pass
    stopping.set()
