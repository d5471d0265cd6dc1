# SPDX-License-Identifier: Apache-2.0
"""``manage.py rtpmanagers``: the pool of a signaling node, and one of it out of service and back."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from signaling.node_client import NodeClient, NodeProblem
from signaling.node_command import NodeCommand, failed

COLUMNS = {
    "Node": "node_id",
    "Address": "address",
    "Healthy": "healthy",
    "State": "drain_state",
    "Sessions": "session_count",
    "Ports left": "available_ports",
}
LOOK_S = 0.5
MODES = ("graceful", "aggressive")


class Command(NodeCommand):
    """List, drain or enable the RTP managers of a signaling node."""

    help = "List the RTP managers of a signaling node, take one out of service, or into service again."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        listing = verbs.add_parser("list", help="print them")
        draining = verbs.add_parser("drain", help="give one no new call and move its calls to others")
        draining.add_argument(
            "--mode",
            choices=MODES,
            default=MODES[0],
            help="whether a call that cannot be moved stays or is ended (default: graceful)",
        )
        draining.add_argument("--wait", action="store_true", help="show progress until it is empty")
        status = verbs.add_parser("status", help="print how the drain of one goes")
        cancelling = verbs.add_parser("cancel", help="cancel the drain of one")
        enabling = verbs.add_parser("enable", help="take one that was drained into service again")
        for each in (draining, status, cancelling, enabling):
            each.add_argument("node_id", metavar="NODE", help="the RTP manager, as `list` names it")
        for each in (listing, draining, status, cancelling, enabling):
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
            self.show("RTP managers", COLUMNS, node.rows("rtpmanagers"), as_json=as_json)
            return
        node_id = options["node_id"]
        if verb == "status":
            status = node.drain_status(node_id)
            self.say(in_words(status), status, as_json=as_json)
        elif verb != "drain":
            answer = node.end_drain(node_id)
            self.say(str(answer.get("message", "")), answer, as_json=as_json)
        else:
            answer = node.drain(node_id, options["mode"])
            if options["wait"]:
                answer = self._wait(node, node_id)
                self.say(in_words(answer), answer, as_json=as_json)
            else:
                self.say(str(answer.get("message", "")), answer, as_json=as_json)

    def _wait(self, node: NodeClient, node_id: str) -> dict[str, Any]:
        """Show progress until the drain is over, and return how it ended."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as shown:
            bar = shown.add_task(node_id, total=None)
            while True:
                status = node.drain_status(node_id)
                total, left = int(status["total_sessions"]), int(status["remaining_sessions"])
                shown.update(bar, total=max(total, 1), completed=max(total - left, 0))
                if status["state"] != "draining":
                    return status
                time.sleep(LOOK_S)


def in_words(status: Mapping[str, Any]) -> str:
    """Return how a drain goes, on one line; its errors on lines of their own."""
    line = (
        f"{status['node_id']} is {status['state']}: {status['migrated_count']} of {status['total_sessions']} "
        f"media sessions moved, {status['ended_count']} ended, {status['failed_count']} could not be moved, "
        f"{status['waiting_playback']} wait for a prompt, {status['remaining_sessions']} left"
    )
    return "\n".join([line, *(f"  {error}" for error in status["errors"])])
