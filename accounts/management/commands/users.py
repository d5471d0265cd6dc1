# SPDX-License-Identifier: Apache-2.0
"""``manage.py users``: SIP users from the shell. A password is printed by the command that set it, and never again."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.csv_import import BadTable, ImportReport, import_users
from accounts.management.console import NounCommand, account_named, add_account, chosen_password, user_named
from accounts.models import User

COLUMNS = {
    "id": "",
    "extension": "Extension",
    "username": "User name",
    "display_name": "Name",
    "account": "Account",
    "enabled": "Enabled",
}
REPORT = {
    "line": "Line",
    "extension": "Extension",
    "status": "Status",
    "password": "Password",
    "errors": "Errors",
}
HASHES = ("password_hash", "password_hash_sha256")


def _row(user: User) -> tuple[Any, ...]:
    account = user.account.domain
    return str(user.pk), user.extension, user.username, user.display_name, account, user.enabled


class Command(NounCommand):
    """Add, list and import SIP users, and give them new passwords."""

    help = "SIP users: add, passwd, list, import."
    verbs = {
        "add": "Add a user and print its password",
        "passwd": "Give a user a new password and print it",
        "list": "List users",
        "import": "Add users from a CSV file: all of them, or none",
    }

    def arguments_of_add(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``users add``."""
        parser.add_argument("extension", help="The number that others dial")
        add_account(parser)
        parser.add_argument("--username", help="What the phone logs in with; default: the extension")
        parser.add_argument("--name", default="", help="Shown on the called phone")
        parser.add_argument("--disabled", action="store_true", help="The user cannot register or call yet")
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password, do not make one"
        )

    def do_add(self, options: dict[str, Any]) -> None:
        """Add a user."""
        user = User(
            account=account_named(options["account"]),
            extension=options["extension"],
            username=options["username"] or options["extension"],
            display_name=options["name"],
            enabled=not options["disabled"],
        )
        password = chosen_password(options["password_stdin"])
        user.full_clean(exclude=HASHES)
        user.set_password(password)
        user.save()
        self._show_password(user, password, options)

    def arguments_of_passwd(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``users passwd``."""
        parser.add_argument("user", help="Extension, user name, or user@domain")
        add_account(parser)
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password, do not make one"
        )

    def do_passwd(self, options: dict[str, Any]) -> None:
        """Set a new password."""
        user = user_named(options["user"], options["account"])
        password = chosen_password(options["password_stdin"])
        user.set_password(password)
        user.save(update_fields=[*HASHES, "updated_at"])
        self._show_password(user, password, options)

    def arguments_of_list(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``users list``."""
        add_account(parser, "Only users of the account with this domain")

    def do_list(self, options: dict[str, Any]) -> None:
        """List users."""
        users = User.objects.select_related("account").order_by("account__domain", "extension")
        if options["account"]:
            users = users.filter(account=account_named(options["account"]))
        self.show(COLUMNS, map(_row, users), options)

    def arguments_of_import(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``users import``."""
        parser.add_argument("file", type=Path, help="CSV; the first line names the columns")
        add_account(parser)
        parser.add_argument("--dry-run", action="store_true", help="Only check")
        parser.add_argument("--skip-existing", action="store_true", help="Leave out extensions that exist")

    def do_import(self, options: dict[str, Any]) -> None:
        """Import users."""
        account = account_named(options["account"])
        try:
            text = options["file"].read_text(encoding="utf-8-sig")
            report = import_users(
                text, account, dry_run=options["dry_run"], skip_existing=options["skip_existing"]
            )
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{options['file']} is not UTF-8") from error
        except BadTable as error:
            raise CommandError(str(error)) from error
        self._show_report(report, options)

    def _show_report(self, report: ImportReport, options: dict[str, Any]) -> None:
        if options["json"]:
            self.show_json({"applied": report.applied, "lines": [asdict(line) for line in report.lines]})
        else:
            rows = [
                (
                    line.line,
                    line.extension,
                    line.status,
                    line.password,
                    "; ".join(f"{name}: {' '.join(words)}" for name, words in line.errors.items()),
                )
                for line in report.lines
            ]
            self.show(REPORT, rows, options)
        if report.failed:
            raise CommandError(f"{report.failed} of {len(report.lines)} lines cannot be; nothing was stored")

    def _show_password(self, user: User, password: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self.show_json({**dict(zip(COLUMNS, _row(user), strict=True)), "password": password})
            return
        self.show({**COLUMNS, "password": "Password"}, [(*_row(user), password)], options)
