# SPDX-License-Identifier: Apache-2.0
"""``manage.py cdrs``: what has to be done for call records once a day."""

import argparse
import json
from datetime import date
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cdrs import retention, rollup


class Command(BaseCommand):
    """Delete old calls, or add up the figures of past days."""

    help = "Care for call records: prune (delete old ones), rollup (add up the figures of past days)."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the result as JSON")
        commands = parser.add_subparsers(dest="command", required=True)
        prune = commands.add_parser(
            "prune", help="delete the calls of days that are older than they are kept"
        )
        prune.add_argument(
            "--days", type=int, help="how many days are kept (CDR_RETENTION_DAYS; 0 there: for ever)"
        )
        roll_up = commands.add_parser(
            "rollup", help="add up past days that are not added up, and the last three"
        )
        for verb in (prune, roll_up):
            # Without a default of its own, which would undo a flag in front of the verb.
            verb.add_argument(
                "--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON"
            )
        roll_up.add_argument("--day", type=_day, help="this day alone, in any case: 2030-12-31")

    def handle(self, *args: Any, **options: Any) -> None:
        result = (
            self._prune(options["days"]) if options["command"] == "prune" else self._roll_up(options["day"])
        )
        text = json.dumps(result) if options["json"] else ", ".join(f"{k} {v}" for k, v in result.items())
        self.stdout.write(text)

    def _prune(self, days: int | None) -> dict[str, Any]:
        keep_days = settings.CDR_RETENTION_DAYS if days is None else days
        if days is None and not keep_days:
            return {"deleted": 0, "kept": "for ever"}
        try:
            return {"deleted": retention.prune(keep_days), "kept": f"{keep_days} days"}
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _roll_up(self, day: date | None) -> dict[str, Any]:
        try:
            if day is not None:
                return {"days": 1, "calls": rollup.roll_up(day)}
            return {"days": len(rollup.roll_up_missing())}
        except ValueError as error:
            raise CommandError(str(error)) from error


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2030-12-31") from error
