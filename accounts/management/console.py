# SPDX-License-Identifier: Apache-2.0
"""What the commands share: nouns with verbs, tables or JSON on standard output, and finding rows by their names."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import IO, Any, cast

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DatabaseError

from accounts.credentials import WeakPassword, check_typed_password, generate_password
from accounts.lookup import find_user
from accounts.models import Account, User
from switchboard.last_words import database_words
from switchboard.tables import console_for, fitted


class NounCommand(BaseCommand):
    """A command with verbs: ``manage.py users add …`` calls `do_add`."""

    verbs: dict[str, str] = {}
    """Verb → what it does."""
    spare: Sequence[str] = ()
    """Headings of columns that a narrow terminal can do without, in the order in which they go."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for verb, help_text in self.verbs.items():
            sub = subparsers.add_parser(verb, help=help_text, description=help_text)
            sub.add_argument("--json", action="store_true", help="Print JSON")
            getattr(self, f"arguments_of_{verb}")(sub)

    def handle(self, *args: Any, **options: Any) -> None:
        action: Callable[[dict[str, Any]], None] = getattr(self, f"do_{options['verb']}")
        try:
            action(options)
        except ValidationError as error:
            raise CommandError(one_line(error)) from error
        except DatabaseError as error:
            raise CommandError(database_words(error)) from error

    def show(
        self, columns: Mapping[str, str], rows: Iterable[Sequence[Any]], options: dict[str, Any]
    ) -> None:
        """Print rows as a table, or as a JSON list of objects.

        Args:
            columns: name in JSON, the same as in REST, → heading of the table; empty: in JSON alone.
            rows: a value for each column.
            options: of the command; ``json`` is read.
        """
        if options["json"]:
            self.show_json([dict(zip(columns, row, strict=True)) for row in rows])
            return
        rows = list(rows)
        if not rows:
            self.stdout.write("none")
            return
        shown = [place for place, heading in enumerate(columns.values()) if heading]
        headings = [heading for heading in columns.values() if heading]
        cells = [[_word(row[place]) for place in shown] for row in rows]
        console = console_for(cast("IO[str]", self.stdout._out))
        console.print(fitted(console, headings, cells, spare=self.spare))

    def show_json(self, value: Any) -> None:
        """Print a value as JSON."""
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return f"{value:%Y-%m-%d %H:%M}" if hasattr(value, "strftime") else str(value)


def one_line(error: ValidationError) -> str:
    """Return a validation error in one line; what is wrong with several fields alike stands there once."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    names: dict[str, list[str]] = {}
    for name, messages in error.message_dict.items():
        names.setdefault(" ".join(messages), []).append(name)
    return "; ".join(f"{', '.join(fields)}: {text}" for text, fields in names.items())


def add_account(
    parser: ArgumentParser, help_text: str = "Domain of the account; may be left out when there is one"
) -> None:
    """Declare ``--account``."""
    parser.add_argument("--account", metavar="DOMAIN", help=help_text)


def account_named(domain: str | None) -> Account:
    """Return the account with a domain; without one the only account.

    Raises:
        CommandError: there is none, or none was named and there are several.
    """
    if domain is None:
        accounts = list(Account.objects.all()[:2])
        if len(accounts) == 1:
            return accounts[0]
        raise CommandError("There are several accounts: name one with --account DOMAIN")
    account = Account.objects.filter(domain=domain.lower()).first()
    if account is None:
        raise CommandError(f"No account has the domain {domain}")
    return account


def user_named(name: str, domain: str | None) -> User:
    """Return the SIP user with this extension or user name, or ``user@domain``.

    Raises:
        CommandError: there is no such user.
    """
    word, at, host = name.partition("@")
    account = account_named(host if at else domain)
    user = find_user(account, word)
    if user is None:
        raise CommandError(f"{account.domain} has no user {word}")
    return user


def chosen_password(from_stdin: bool) -> str:
    """Return a generated password, or the first line of standard input.

    Raises:
        CommandError: that line is no usable password.
    """
    if not from_stdin:
        return generate_password()
    password = sys.stdin.readline().rstrip("\r\n")
    try:
        check_typed_password(password)
    except WeakPassword as error:
        raise CommandError(str(error)) from error
    return password
