# SPDX-License-Identifier: Apache-2.0
"""``manage.py dumpdialplan``: the routes of one account, or of every account, as a JSON document."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import Account
from dialplan.engine import DialplanError, json_schema
from dialplan.files import export_document
from dialplan.management.scope import find_account, refused

SHOWN = 5
"""Most domains in the hint."""


class Command(BaseCommand):
    """Export a dialplan document."""

    help = "Print the routes as a dialplan JSON document that loaddialplan reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="DOMAIN", help="Account; default: routes of every account")
        parser.add_argument(
            "--schema", action="store_true", help="Print the JSON schema of a document instead"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["schema"]:
            self.stdout.write(json.dumps(json_schema(), indent=2))
            return
        account = find_account(options["account"])
        try:
            document = export_document(account)
        except DialplanError as error:
            raise refused(self.stderr, error, "nothing was exported") from error
        self.stdout.write(json.dumps(document.model_dump(mode="json"), indent=2, ensure_ascii=False))
        if account is None and (domains := _other_scopes()):
            named = ", ".join(domains[:SHOWN]) + (", …" if len(domains) > SHOWN else "")
            self.stderr.write(
                f"These are the routes of every account. Accounts with more: {named} (--account)."
            )


def _other_scopes() -> list[str]:
    """Return the domains of accounts that have routes of their own."""
    rows = Account.objects.filter(routes__isnull=False).order_by("domain")
    return list(rows.values_list("domain", flat=True).distinct()[: SHOWN + 1])
