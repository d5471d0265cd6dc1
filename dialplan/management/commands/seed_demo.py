# SPDX-License-Identifier: Apache-2.0
"""``manage.py seed_demo``: users, a login and numbers to try, printed with their passwords."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.table import Table

from accounts.demo import NOT_KNOWN
from dialplan.demo import Demo, seed_demo
from switchboard.tables import console_for


class Command(BaseCommand):
    """Create the demo data."""

    help = "Create demo users, routes and a login when they are missing, and print them with their passwords."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            demo = seed_demo(settings.DEFAULT_DOMAIN, Path(settings.VAR_DIR or "var"))
        except OSError as error:
            raise CommandError(f"The demo passwords cannot be kept: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(demo.as_dict(), indent=2))
            return
        console = console_for(cast("IO[str]", self.stdout._out))
        for table in demo_tables(demo):
            console.print(table)


def demo_tables(demo: Demo) -> tuple[Table, Table]:
    """Return who can log in with which password, and which numbers can be dialled."""
    people = demo.people
    logins = Table("Login", "Name", "Password")
    logins.add_row("Admin", people.admin_username, people.admin_password or NOT_KNOWN)
    for user in people.users:
        name = f"{user.username}@{people.account.domain}"
        logins.add_row(f"SIP {user.name}", name, user.password or NOT_KNOWN)
    numbers = Table("Dial", "What answers")
    for route in demo.routes:
        numbers.add_row(route.pattern, route.name)
    return logins, numbers
