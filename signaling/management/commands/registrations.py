# SPDX-License-Identifier: Apache-2.0
"""``manage.py registrations``: which phones are registered, and from where."""

from __future__ import annotations

import argparse
from typing import Any

from signaling.node_client import NodeProblem
from signaling.node_command import NodeCommand, failed

COLUMNS = {
    "AOR": "aor",
    "Contact": "contact",
    "Expires": "expires_at",
    "Registered": "registered_at",
    "User agent": "user_agent",
}


class Command(NodeCommand):
    """List the registrations of a signaling node."""

    help = "List the phones that are registered at a signaling node."
    spare = ("Registered", "User agent", "Expires")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        listing = parser.add_subparsers(dest="verb", required=True).add_parser("list", help="print them")
        listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
        self.add_node_arguments(listing)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with self.client(options) as node:
                rows = node.rows("registrations")
        except NodeProblem as problem:
            raise failed(problem) from problem
        self.show("Registrations", COLUMNS, rows, as_json=options["json"])
