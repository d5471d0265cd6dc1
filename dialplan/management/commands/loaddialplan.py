# SPDX-License-Identifier: Apache-2.0
"""``manage.py loaddialplan FILE``: routes from a JSON document into the database, all or nothing."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from dialplan.engine import DialplanDocument, DialplanError, parse_document_json
from dialplan.engine.reading import MAX_DOCUMENT_BYTES
from dialplan.files import import_document, read_document
from dialplan.management.scope import find_account, refused
from switchboard.last_words import database_words


class Command(BaseCommand):
    """Import a dialplan document."""

    help = (
        "Import routes from a dialplan JSON file. Routes are created, or updated by id; all of them or none."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="The document; - reads standard input")
        parser.add_argument("--account", metavar="DOMAIN", help="Account; default: routes of every account")
        parser.add_argument(
            "--replace", action="store_true", help="Also delete the routes that the file does not hold"
        )
        parser.add_argument("--dry-run", action="store_true", help="Only tell what would be done")
        parser.add_argument("--check", action="store_true", help="Only say whether the file is valid")
        parser.add_argument("--json", action="store_true", help="Print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        account = find_account(options["account"])
        try:
            document = self._read(options["file"])
            if options["check"]:
                count = len(document.routes)
                self.stdout.write(
                    json.dumps({"valid": True, "routes": count})
                    if options["json"]
                    else f"{count} routes, all valid"
                )
                return
            result = import_document(
                document, account, replace=options["replace"], dry_run=options["dry_run"]
            )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror or error}") from error
        except DialplanError as error:
            raise refused(self.stderr, error, "nothing was imported") from error
        except DatabaseError as error:
            raise CommandError(database_words(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(result)))
            return
        self.stdout.write(
            f"Routes: {result}{' (a dry run: nothing was stored)' if options['dry_run'] else ''}"
        )

    def _read(self, name: str) -> DialplanDocument:
        if name == "-":
            return parse_document_json(sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1))
        return read_document(Path(name))
