# SPDX-License-Identifier: Apache-2.0
"""What the commands that ask a node have in common: where it is, who asks, and how rows are shown."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import IO, Any, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console, RenderableType

from signaling.node_client import TOKEN_VARIABLE, NodeClient, NodeProblem, authorization_for
from switchboard.tables import console_for, fitted

Row = Mapping[str, Any]


class NodeCommand(BaseCommand):
    """A command that asks a node over REST."""

    requires_system_checks: list[str] = []
    spare: Sequence[str] = ()
    """Headings of columns that a narrow terminal can do without, in the order in which they go."""

    def add_node_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare where the node is and who asks."""
        parser.add_argument(
            "--server",
            default=f"http://127.0.0.1:{settings.API_PORT}",
            metavar="URL",
            help="REST of the signaling node (default: %(default)s)",
        )
        parser.add_argument(
            "--token",
            default=os.environ.get(TOKEN_VARIABLE, ""),
            help=f"API token (default: ${TOKEN_VARIABLE}; on the node's own machine none is needed)",
        )

    def say(self, text: str, answer: Mapping[str, Any], *, as_json: bool) -> None:
        """Print one line, or the whole answer as JSON."""
        self.stdout.write(json.dumps(answer, indent=2, ensure_ascii=False) if as_json else text)

    def client(self, options: Mapping[str, Any]) -> NodeClient:
        """Return a client of the node that the options name."""
        server = options["server"]
        return NodeClient(server, authorization_for(server, options["token"], settings.INTERNAL_API_TOKEN))

    def show(
        self, title: str, columns: Mapping[str, str], rows: list[dict[str, Any]], *, as_json: bool
    ) -> None:
        """Print rows as a table, or all their fields as JSON.

        Args:
            title: of the table.
            columns: heading → field.
            rows: what to print.
            as_json: whether to print JSON.
        """
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
        else:
            console = console_for(cast("IO[str]", self.stdout))
            console.print(self.table(console, title, columns, rows) if rows else f"{title}: none")

    def table(
        self, console: Console, title: str, columns: Mapping[str, str], rows: Iterable[Row]
    ) -> RenderableType:
        """Return rows as a table that fits a console."""
        cells = [[_shown(field, row.get(field)) for field in columns.values()] for row in rows]
        return fitted(console, list(columns), cells, spare=self.spare, title=title)


def failed(problem: NodeProblem) -> CommandError:
    """Return what ends a command with the problem's line and exit code."""
    return CommandError(str(problem), returncode=problem.exit_code)


def _shown(field: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.endswith("_at") and value:
        return datetime.fromisoformat(str(value)).strftime("%Y-%m-%d %H:%M:%S")
    return "" if value is None else str(value)
