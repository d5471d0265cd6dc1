# SPDX-License-Identifier: Apache-2.0
"""``manage.py tokens``: API tokens from the shell. A token is printed by the command that made it, and never again."""

from __future__ import annotations

import re
import uuid
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.access import DEFAULT_RATE_PER_MINUTE, in_a_year
from accounts.choices import Scope
from accounts.management.console import NounCommand, account_named, add_account
from accounts.models import ApiToken
from accounts.tokens import issue, revoke

COLUMNS = {
    "id": "Id",
    "name": "Name",
    "prefix": "Begins",
    "user": "Login",
    "account": "Account",
    "scopes": "Scopes",
    "rate_per_minute": "",
    "expires_at": "Expires",
    "revoked_at": "Revoked",
    "last_used_at": "Last used",
}
_PERIOD = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def _row(token: ApiToken) -> tuple[Any, ...]:
    account = token.account.domain if token.account else None
    return (
        str(token.pk),
        token.name,
        token.prefix,
        token.user.get_username(),
        account,
        token.scopes,
        token.rate_per_minute,
        token.expires_at,
        token.revoked_at,
        token.last_used_at,
    )


class Command(NounCommand):
    """Make, list and revoke API tokens."""

    help = "API tokens: create, list, revoke."
    spare = ("Id", "Last used", "Revoked", "Account", "Scopes")
    verbs = {
        "create": "Make a token and print it",
        "list": "List tokens",
        "revoke": "End a token for good",
    }

    def arguments_of_create(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``tokens create``."""
        parser.add_argument("name", help="What uses the token")
        parser.add_argument(
            "--user", required=True, metavar="LOGIN", help="The login that the token acts for"
        )
        add_account(parser, "Bind the token to the account with this domain")
        parser.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            choices=Scope.values,
            help="What it may be used for; several times for several. Default: read",
        )
        parser.add_argument(
            "--expires", metavar="WHEN", help="12h, 30d, 52w, a time or never; default: in a year"
        )
        parser.add_argument(
            "--rate", type=int, default=DEFAULT_RATE_PER_MINUTE, help="Most requests a minute (%(default)s)"
        )

    def do_create(self, options: dict[str, Any]) -> None:
        """Make a token."""
        login = get_user_model().objects.filter(username=options["user"]).first()
        if login is None:
            raise CommandError(f"There is no login {options['user']}")
        row, text = issue(
            login,
            name=options["name"],
            scopes=options["scopes"] or [Scope.READ.value],
            account=account_named(options["account"]) if options["account"] else None,
            expires_at=_moment(options["expires"]),
            rate_per_minute=options["rate"],
        )
        if options["json"]:
            self.show_json({**dict(zip(COLUMNS, _row(row), strict=True)), "token": text})
            return
        columns = {"name": "Name", "user": "Login", "scopes": "Scopes", "token": "Token"}
        self.show(columns, [(row.name, login, row.scopes, text)], options)

    def arguments_of_list(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``tokens list``."""
        parser.add_argument("--user", metavar="LOGIN", help="Only tokens of this login")
        parser.add_argument("--all", action="store_true", help="Also revoked ones")

    def do_list(self, options: dict[str, Any]) -> None:
        """List tokens."""
        rows = ApiToken.objects.select_related("user", "account").order_by("created_at")
        if options["user"]:
            rows = rows.filter(user__username=options["user"])
        if not options["all"]:
            rows = rows.filter(revoked_at=None)
        self.show(COLUMNS, map(_row, rows), options)

    def arguments_of_revoke(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``tokens revoke``."""
        parser.add_argument("token", help="Its id, or how it begins (sbt_…)")

    def do_revoke(self, options: dict[str, Any]) -> None:
        """End a token."""
        word: str = options["token"]
        rows = ApiToken.objects.select_related("user", "account")
        found = list(rows.filter(prefix=word[:12]) if word.startswith("sbt_") else rows.filter(**_key(word)))
        if len(found) != 1:
            raise CommandError(
                f"No token is {word[:12]}…" if not found else f"Several tokens begin with {word}"
            )
        revoke(found[0])
        self.show(COLUMNS, [_row(found[0])], options)


def _key(word: str) -> dict[str, str]:
    try:
        return {"pk": str(uuid.UUID(word))}
    except ValueError as error:
        raise CommandError(f"{word} is no id of a token and no beginning of one") from error


def _moment(text: str | None) -> datetime | None:
    """Return when a token expires; None for never.

    Raises:
        CommandError: the text is no period and no time in the future.
    """
    if text is None:
        return in_a_year()
    if text == "never":
        return None
    period = _PERIOD.fullmatch(text)
    if period:
        return timezone.now() + int(period[1]) * _UNITS[period[2]]
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"{text} is no time: write 12h, 30d, 52w, 2030-01-31T12:00 or never")
    aware = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
    if aware <= timezone.now():
        raise CommandError(f"{text} has passed")
    return aware
