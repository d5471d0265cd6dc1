# SPDX-License-Identifier: Apache-2.0
"""``manage.py calls``: what is being talked, and an end to it."""

from __future__ import annotations

import argparse
import time
from typing import IO, Any, cast

from rich.console import Console
from rich.live import Live

from signaling.node_client import NodeProblem
from signaling.node_command import NodeCommand, failed, table_of

COLUMNS = {
    "State": "state",
    "From": "caller_number",
    "To": "callee_number",
    "Account": "account",
    "Since": "started_at",
    "Codec": "codec",
    "RTP manager": "rtp_manager",
    "Call-ID": "call_id",
}
WATCH_S = 1.0


class Command(NodeCommand):
    """List, watch or hang up the calls of a signaling node."""

    help = "List and watch the calls of a signaling node, or hang one up."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="print the calls")
        listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
        watching = verbs.add_parser("watch", help="show the calls until Ctrl-C")
        ending = verbs.add_parser("hangup", help="end a call")
        ending.add_argument("call_id", metavar="CALL-ID", help="the call, as `list` names it")
        for each in (listing, watching, ending):
            self.add_node_arguments(each)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with self.client(options) as node:
                if options["verb"] == "list":
                    self.show("Calls", COLUMNS, node.rows("calls"), as_json=options["json"])
                elif options["verb"] == "watch":
                    self._watch(lambda: node.rows("calls"))
                else:
                    node.hang_up(options["call_id"])
                    self.stdout.write(f"{options['call_id']} is being hung up")
        except NodeProblem as problem:
            raise failed(problem) from problem

    def _watch(self, read: Any) -> None:
        console = Console(file=cast("IO[str]", self.stdout))
        try:
            with Live(table_of("Calls", COLUMNS, read()), console=console, auto_refresh=False) as live:
                while True:
                    time.sleep(WATCH_S)
                    live.update(table_of("Calls", COLUMNS, read()), refresh=True)
        except KeyboardInterrupt:
            return
