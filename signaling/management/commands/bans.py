# SPDX-License-Identifier: Apache-2.0
"""``manage.py bans``: sources that the signaling nodes read nothing from."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts.management.console import NounCommand
from signaling.bans.networks import canonical, parse_network
from signaling.bans.row import COMMAND, Ban, row_for

FIELDS = {
    "id": "",
    "network": "Source",
    "reason": "Reason",
    "origin": "Decided",
    "banned_by": "By",
    "banned_at": "Since",
    "expires_at": "Until",
    "in_force": "In force",
    "offences": "Offences",
    "refused": "Refused",
    "last_refused_at": "",
}
_PERIOD = re.compile(r"(\d{1,5})([smhdw])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class Command(NounCommand):
    """Ban, unban, and see who is banned."""

    help = "Sources that nothing is read from: list, add, remove."
    spare = ("Refused", "Offences", "In force", "By", "Decided")
    verbs = {
        "list": "List the bans in force, or those that concern an address",
        "add": "Ban an address or network",
        "remove": "Unban an address or network",
    }

    def arguments_of_list(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``bans list``."""
        parser.add_argument("address", nargs="?", help="Only bans that this address is met by")
        parser.add_argument("--all", action="store_true", help="Also those that have ended")

    def do_list(self, options: dict[str, Any]) -> None:
        """List bans, the youngest first."""
        rows = Ban.objects.all() if options["all"] else Ban.objects.in_force()
        if options["address"] is not None:
            try:
                rows = rows.of_address(options["address"])
            except ValueError as error:
                raise CommandError(f"{options['address']} is no address") from error
        self.show(FIELDS, map(_row, rows), options)

    def arguments_of_add(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``bans add``."""
        parser.add_argument("network", help="Such as 203.0.113.7, 203.0.113.0/24 or 2001:db8:1:2::/64")
        parser.add_argument("--reason", default="By hand", help="Why (%(default)s)")
        parser.add_argument(
            "--for", dest="period", metavar="TIME", help="30m, 12h, 7d, 4w; default: until it is removed"
        )

    def do_add(self, options: dict[str, Any]) -> None:
        """Ban a source."""
        row = row_for(options["network"])
        row.reason, row.banned_by = options["reason"], COMMAND
        row.expires_at = None if options["period"] is None else timezone.now() + _period(options["period"])
        row.full_clean()
        row.save()
        self.show(FIELDS, [_row(row)], options)

    def arguments_of_remove(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``bans remove``."""
        parser.add_argument("network", help="As the list shows it")

    def do_remove(self, options: dict[str, Any]) -> None:
        """Unban a source, and forget what it did."""
        try:
            network = canonical(parse_network(options["network"]))
        except ValueError as error:
            raise CommandError(str(error)) from error
        row = Ban.objects.filter(network=network).first()
        if row is None:
            wider = (
                [] if "/" in network else [ban.network for ban in Ban.objects.in_force().of_address(network)]
            )
            hint = f"; it is banned with {wider[0]}, which can be removed" if wider else ""
            raise CommandError(f"There is no ban of {network}{hint}")
        shown = _row(row)
        row.delete()
        self.show(FIELDS, [shown], options)


def _row(ban: Ban) -> tuple[Any, ...]:
    return (
        str(ban.pk),
        ban.network,
        ban.reason,
        ban.origin,
        ban.banned_by,
        ban.banned_at,
        ban.expires_at,
        ban.in_force,
        ban.offences,
        ban.refused,
        ban.last_refused_at,
    )


def _period(text: str) -> timedelta:
    """Return a length of time.

    Raises:
        CommandError: the text is none.
    """
    period = _PERIOD.fullmatch(text)
    if period is None or not int(period[1]):
        raise CommandError(f"{text} is no time: write 30m, 12h, 7d or 4w")
    return int(period[1]) * _UNITS[period[2]]
