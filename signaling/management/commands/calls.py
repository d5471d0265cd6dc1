# SPDX-License-Identifier: Apache-2.0
"""``manage.py calls``: what is being talked, a new call, and an end to one."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from typing import IO, Any, cast

from django.conf import settings
from rich.console import RenderableType
from rich.live import Live

from signaling.node_client import NodeClient, NodeProblem
from signaling.node_command import NodeCommand, failed
from switchboard.tables import console_for

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
COUNTING = "duration_seconds"


class Command(NodeCommand):
    """List, watch, make or hang up the calls of a signaling node."""

    help = "List and watch the calls of a signaling node, make one, or hang one up."
    spare = ("Codec", "RTP manager", "Account", "Since")

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="print the calls")
        watching = verbs.add_parser("watch", help="show the calls until Ctrl-C")
        making = verbs.add_parser("originate", help="ring the phones of a user, then dial a number for it")
        making.add_argument("user", metavar="USER", help="extension or user name")
        making.add_argument("number", metavar="NUMBER", help="what is dialled when a phone is answered")
        making.add_argument(
            "--account",
            metavar="DOMAIN",
            help=f"of the user (default: the token's, without a token {settings.DEFAULT_DOMAIN})",
        )
        making.add_argument(
            "--timeout",
            type=int,
            default=30,
            metavar="SECONDS",
            help="how long the phones ring (default: 30)",
        )
        ending = verbs.add_parser("hangup", help="end a call")
        ending.add_argument("call_id", metavar="CALL-ID", help="the call, as `list` names it, or its uuid")
        for each in (listing, watching, making, ending):
            each.add_argument("--json", action="store_true", help="print JSON")
            self.add_node_arguments(each)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with self.client(options) as node:
                self._run(node, options)
        except NodeProblem as problem:
            raise failed(problem) from problem

    def _run(self, node: NodeClient, options: Mapping[str, Any]) -> None:
        verb, as_json = options["verb"], options["json"]
        if verb == "list":
            self.show("Calls", COLUMNS, node.rows("calls"), as_json=as_json)
        elif verb == "watch":
            self._watch(node, as_json=as_json)
        elif verb == "originate":
            wanted = {name: options[name] for name in ("user", "number", "timeout")}
            # Without a token the node's own machine asks, which may call for every account.
            account = options["account"] or ("" if options["token"] else settings.DEFAULT_DOMAIN)
            made = node.originate(**wanted, **({"account": account} if account else {}))
            phones = "1 phone rings" if made.get("phones") == 1 else f"{made.get('phones')} phones ring"
            self.say(f"{phones}; the call is {made.get('call_uuid')}", made, as_json=as_json)
        else:
            ended = node.hang_up(options["call_id"])
            self.say(f"{options['call_id']} is being hung up", ended, as_json=as_json)

    def _watch(self, node: NodeClient, *, as_json: bool) -> None:
        try:
            if as_json:
                self._watch_lines(node)
            else:
                self._watch_table(node)
        except KeyboardInterrupt:
            return

    def _watch_table(self, node: NodeClient) -> None:
        console = console_for(cast("IO[str]", self.stdout))

        def picture() -> RenderableType:
            return self.table(console, "Calls", COLUMNS, node.rows("calls"))

        with Live(picture(), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(WATCH_S)
                live.update(picture(), refresh=True)

    def _watch_lines(self, node: NodeClient) -> None:
        """Print the calls as one line of JSON, and again whenever something about them has changed."""
        shown: object = None
        while True:
            rows = node.rows("calls")
            kept = [{name: value for name, value in row.items() if name != COUNTING} for row in rows]
            if kept != shown:
                shown = kept
                self.stdout.write(json.dumps(rows, ensure_ascii=False))
                self.stdout.flush()
            time.sleep(WATCH_S)
