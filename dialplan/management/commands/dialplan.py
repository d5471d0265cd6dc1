# SPDX-License-Identifier: Apache-2.0
"""``manage.py dialplan``: load, dump, check and try out the dialplan from the shell."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.lookup import find_user
from accounts.management.console import NounCommand, account_named, add_account
from dialplan.engine import DialplanDocument, DialplanError, parse_document_json
from dialplan.engine.reading import MAX_DOCUMENT_BYTES
from dialplan.files import read_document
from dialplan.management.scope import refused
from dialplan.simulation import Simulation, simulate

ROUTES = {
    "chosen": " ",
    "priority": "Priority",
    "id": "Id",
    "pattern": "Pattern",
    "name": "Name",
    "reason": "Why",
}
STEPS = {"step": "Step", "words": "What is done", "problem": "What stands against it"}


class Command(NounCommand):
    """Verbs on the dialplan; ``load`` and ``dump`` are loaddialplan and dumpdialplan."""

    help = "The dialplan: load, dump, check, simulate."
    spare = ("Name",)
    verbs = {
        "load": "Import routes from a JSON document, all or none",
        "dump": "Print the routes as a JSON document",
        "check": "Tell whether a JSON document is valid",
        "simulate": "Tell what would happen if a user dialled a number",
    }

    def arguments_of_load(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``dialplan load``."""
        parser.add_argument("file", help="The document; - reads standard input")
        add_account(parser, "Domain of the account; default: routes of every account")
        parser.add_argument("--replace", action="store_true", help="Also delete routes that it does not hold")
        parser.add_argument("--dry-run", action="store_true", help="Only tell what would be done")

    def do_load(self, options: dict[str, Any]) -> None:
        """Import a document."""
        flags = [f"--{name}" for name in ("replace", "dry-run", "json") if options[name.replace("-", "_")]]
        account = ["--account", options["account"]] if options["account"] else []
        call_command(
            "loaddialplan", options["file"], *account, *flags, stdout=self.stdout, stderr=self.stderr
        )

    def arguments_of_dump(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``dialplan dump``."""
        add_account(parser, "Domain of the account; default: routes of every account")
        parser.add_argument("--schema", action="store_true", help="Print the JSON schema of a document")

    def do_dump(self, options: dict[str, Any]) -> None:
        """Export the routes; always JSON."""
        account = ["--account", options["account"]] if options["account"] else []
        schema = ["--schema"] if options["schema"] else []
        call_command("dumpdialplan", *account, *schema, stdout=self.stdout, stderr=self.stderr)

    def arguments_of_check(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``dialplan check``."""
        parser.add_argument("file", help="The document; - reads standard input")

    def do_check(self, options: dict[str, Any]) -> None:
        """Check a document."""
        try:
            document = _read(options["file"])
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror or error}") from error
        except DialplanError as error:
            if options["json"]:
                self.show_json({"valid": False, "problems": [asdict(problem) for problem in error.errors]})
            raise refused(self.stderr, error, "the document is not valid") from error
        if options["json"]:
            self.show_json({"valid": True, "routes": len(document.routes), "problems": []})
            return
        self.stdout.write(f"{len(document.routes)} routes, all valid")

    def arguments_of_simulate(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``dialplan simulate``."""
        parser.add_argument("number", help="What is dialled")
        parser.add_argument(
            "--from", dest="caller", metavar="USER", help="Extension or user name of the caller"
        )
        add_account(parser)

    def do_simulate(self, options: dict[str, Any]) -> None:
        """Tell what would become of a call; exit code 1 when it would fail."""
        account = account_named(options["account"])
        caller = find_user(account, options["caller"]) if options["caller"] else None
        if options["caller"] and caller is None:
            raise CommandError(f"{account.domain} has no user {options['caller']}")
        outcome = simulate(account, options["number"], caller)
        if options["json"]:
            self.show_json(_as_json(outcome))
        else:
            self._show(outcome, options)
        if outcome.problem:
            raise CommandError(outcome.problem)

    def _show(self, outcome: Simulation, options: dict[str, Any]) -> None:
        routes = [
            ("→" if one.chosen else "", one.priority, one.id, one.pattern, one.name, one.reason)
            for one in outcome.considered
        ]
        self.show(ROUTES, routes, options)
        if outcome.steps:
            steps = [(number, step.words, step.problem) for number, step in enumerate(outcome.steps, start=1)]
            self.show(STEPS, steps, options)


def _read(name: str) -> DialplanDocument:
    if name == "-":
        return parse_document_json(sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1))
    return read_document(Path(name))


def _as_json(outcome: Simulation) -> dict[str, Any]:
    return {
        "account": outcome.account.domain,
        "number": outcome.number,
        "caller": outcome.caller.username if outcome.caller else None,
        "variables": outcome.variables,
        "route": outcome.route,
        "routes": [asdict(one) for one in outcome.considered],
        "actions": [asdict(step) for step in outcome.steps],
        "problem": outcome.problem,
    }
