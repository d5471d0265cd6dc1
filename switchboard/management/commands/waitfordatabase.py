# SPDX-License-Identifier: Apache-2.0
"""``manage.py waitfordatabase``: returns when the database answers; what containers start with that need it."""

import argparse
import time
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from switchboard.last_words import database_reason

POLL_S = 1.0


class Command(BaseCommand):
    """Wait, saying once what is waited for."""

    help = "Wait until the database answers; with --migrated, until no migration is missing."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--migrated", action="store_true", help="also wait for the migrations")
        parser.add_argument(
            "--timeout-s", type=float, default=600.0, help="give up after this long (default: 600)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = what_is_missing if options["migrated"] else why_it_is_away
        if problem := wait(missing, self.stdout.write, options["timeout_s"]):
            raise CommandError(f"given up after {options['timeout_s']:g} s: {problem}")


def wait(
    missing: Callable[[], str],
    say: Callable[[str], object],
    timeout_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Wait until nothing is missing; say each new reason once; return what is missing after ``timeout_s``, or ""."""
    deadline = clock() + timeout_s
    said = ""
    while problem := missing():
        if problem != said:
            say(f"waiting: {problem}")
            said = problem
        if clock() > deadline:
            return problem
        sleep(POLL_S)
    return ""


def why_it_is_away() -> str:
    """Return why the database does not answer, "" when it does."""
    try:
        connection.close()
        connection.ensure_connection()
    except Error as error:
        return _away(error)
    return ""


def what_is_missing() -> str:
    """Return why the database cannot be used yet, "" when it answers and no migration is missing."""
    try:
        connection.close()
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        return _away(error)
    return f"{len(plan)} migrations are not applied yet" if plan else ""


def _away(error: Error) -> str:
    return f"the database does not answer ({database_reason(error)})"
