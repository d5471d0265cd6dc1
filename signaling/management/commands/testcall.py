# SPDX-License-Identifier: Apache-2.0
"""``manage.py testcall``: a real call through the running server, and a scorecard of it."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.table import Table
from rich.text import Text

from cdrs.models import CDR, Disposition
from signaling import recorded_testcall
from signaling.node_client import TOKEN_VARIABLE
from signaling.testcall import Credentials, Scorecard, place_call
from switchboard.tables import console_for

CDR_TIMEOUT_S = 5.0
CDR_POLL_S = 0.1
HARD_TIMEOUT_S = 60.0
"""No single step waits longer than ten seconds; this ends a run whose phones hang in spite of that."""

WRONG_PLACE = (
    "Is {server} the right server? --server HOST:PORT names another one, "
    "--password USER=PASSWORD a password that was changed."
)


class Command(BaseCommand):
    """Two softphones register at the server, one calls the other, both listen for the other's tone."""

    help = "Place a real call through the running server with two softphones and print a scorecard."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="caller", default="1001", help="user that calls (default: 1001)")
        parser.add_argument("--to", dest="callee", default="1002", help="user that is called (default: 1002)")
        parser.add_argument("--number", help="number to dial (default: the called user's name)")
        parser.add_argument(
            "--server", default=f"127.0.0.1:{settings.SIP_PORT}", help="host:port of the SIP server"
        )
        parser.add_argument(
            "--password",
            action="append",
            default=[],
            metavar="USER=PASSWORD",
            help="a user's password, when it is not one of the demo users (may be repeated)",
        )
        parser.add_argument(
            "--record", action="store_true", help="record the call too, and listen to the recording"
        )
        parser.add_argument(
            "--api",
            default=f"http://127.0.0.1:{settings.API_PORT}",
            metavar="URL",
            help="REST of the signaling node, to record there (default: %(default)s)",
        )
        parser.add_argument(
            "--token",
            default=os.environ.get(TOKEN_VARIABLE, ""),
            help=f"API token for it (default: ${TOKEN_VARIABLE}; on the node's own machine none is needed)",
        )
        parser.add_argument("--json", action="store_true", help="print the scorecard as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        known = _demo_passwords(Path(settings.VAR_DIR or ".")) | _given_passwords(options["password"])
        caller, callee = (_credentials(options[role], known) for role in ("caller", "callee"))
        guard = threading.Timer(HARD_TIMEOUT_S, _give_up)
        guard.daemon = True
        guard.start()
        number = options["number"] or callee.username
        record = partial(recorded_testcall.begin, server=options["api"], token=options["token"])
        card = place_call(options["server"], caller, callee, number, record if options["record"] else None)
        row = _check_cdr(card) if card.call_id else None
        if row is not None:
            recorded_testcall.check(card, row)
        guard.cancel()
        self.stdout.write(json.dumps(card.as_dict(), indent=2)) if options["json"] else _print(card)
        if not card.passed:
            if not any(check.passed for check in card.checks) and not options["json"]:
                self.stderr.write(WRONG_PLACE.format(server=options["server"]))
            sys.exit(1)


def _demo_passwords(var_dir: Path) -> dict[str, str]:
    """Return the passwords that the demo data was made with; empty when there is no demo data."""
    try:
        document = json.loads((var_dir / "demo-credentials.json").read_text())
    except (OSError, ValueError):
        return {}
    users = document.get("users", document)
    return {str(name): str(word) for name, word in users.items()}


def _given_passwords(pairs: list[str]) -> dict[str, str]:
    given = {}
    for pair in pairs:
        name, separator, word = pair.partition("=")
        if not separator:
            raise CommandError("--password takes USER=PASSWORD")
        given[name] = word
    return given


def _credentials(name: str, known: dict[str, str]) -> Credentials:
    if name not in known:
        raise CommandError(
            f"the password of {name} is not known: it is no demo user (manage.py switchboard makes those); "
            f"give it with --password {name}=…"
        )
    return Credentials(username=name, password=known[name])


def _check_cdr(card: Scorecard) -> CDR | None:
    deadline = time.monotonic() + CDR_TIMEOUT_S
    while (row := CDR.objects.filter(call_id=card.call_id).first()) is None and time.monotonic() < deadline:
        time.sleep(CDR_POLL_S)
    if row is None:
        card.add("CDR written", False, f"none with Call-ID {card.call_id} after {CDR_TIMEOUT_S:g} s")
        return None
    detail = f"{row.disposition}, {row.duration_seconds:.1f} s, {row.hangup_by} hung up ({row.hangup_cause})"
    card.add("CDR written", row.disposition == Disposition.ANSWERED, detail)
    return row


def _print(card: Scorecard) -> None:
    table = Table(title="Test call", show_lines=False)
    for heading in ("", "Check", "Measured"):
        table.add_column(heading)
    for check in card.checks:
        mark = Text("✔", style="green") if check.passed else Text("✘", style="red")
        table.add_row(mark, check.name, check.detail)
    console = console_for(sys.stdout)
    console.print(table)
    outcome, style = ("works", "bold green") if card.passed else ("does not work", "bold red")
    console.print(f"The call {outcome}.", style=style)


def _give_up() -> None:
    """End the process from the guard's thread: a stuck main thread takes no exception."""
    import os

    sys.stderr.write(f"testcall: no end after {HARD_TIMEOUT_S:g} s, giving up\n")
    os._exit(1)
