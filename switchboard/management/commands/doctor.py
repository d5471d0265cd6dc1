# SPDX-License-Identifier: Apache-2.0
"""``manage.py doctor``: whether this machine can run Switchboard, and what to do where it cannot."""

from __future__ import annotations

import argparse
import json
import sys
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand
from rich.table import Table
from rich.text import Text

from switchboard.doctor import Finding, Level, examine
from switchboard.tables import console_for

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.FAILURE: "bold red"}


class Command(BaseCommand):
    """Check everything and tell; exit 1 when something does not work."""

    help = "Check ports, addresses, clock, engine, journal, disk, database, Redis, NATS and jobs; tell the remedy of each failure."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = examine(settings)
        failures = sum(finding.level is Level.FAILURE for finding in findings)
        if options["json"]:
            report = {"ok": not failures, "findings": [finding.as_dict() for finding in findings]}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self._print(findings, failures)
        if failures:
            sys.exit(1)

    def _print(self, findings: list[Finding], failures: int) -> None:
        table = Table("", "Check", "Finding", title="Switchboard doctor", title_justify="left")
        for finding in findings:
            text = Text(finding.detail)
            if finding.remedy:
                text.append(f"\n→ {finding.remedy}", style="bold")
            table.add_row(Text(finding.level, style=STYLES[finding.level]), finding.check, text)
        console = console_for(cast("IO[str]", self.stdout))
        console.print(table)
        warnings = sum(finding.level is Level.WARNING for finding in findings)
        console.print(f"{_count(failures, 'failure')}, {_count(warnings, 'warning')}")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
