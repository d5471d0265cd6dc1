# SPDX-License-Identifier: Apache-2.0
"""``manage.py prompts``: uploaded prompts from the shell."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import CommandError
from django.db.models import ProtectedError, Q, QuerySet

from accounts.management.console import NounCommand, account_named, add_account
from accounts.models import Account
from media.models import Prompt, Status
from media.prompts import conversion, uploads

COLUMNS = {
    "id": "Id",
    "name": "Name",
    "account": "Account",
    "status": "Status",
    "seconds": "Seconds",
    "source_format": "Format",
    "error": "Error",
}


def _row(prompt: Prompt) -> tuple[Any, ...]:
    account = prompt.account.domain if prompt.account else None
    seconds = round(prompt.duration_ms / 1000, 3)
    return (str(prompt.pk), prompt.name, account, prompt.status, seconds, prompt.source_format, prompt.error)


class Command(NounCommand):
    """Add, list and remove prompts."""

    help = "Uploaded prompts: add, list, remove."
    spare = ("Id", "Format", "Seconds")
    verbs = {
        "add": "Add a prompt, or give one another sound",
        "list": "List prompts",
        "remove": "Delete a prompt that no route plays",
    }

    def arguments_of_add(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``prompts add``."""
        parser.add_argument("file", type=Path, help=f"The sound: {uploads.ACCEPTED}")
        parser.add_argument("--name", help="What routes call it; default: the file's name without its ending")
        _add_scope(parser)

    def do_add(self, options: dict[str, Any]) -> None:
        """Convert a file here and now, and store it."""
        path: Path = options["file"]
        account = _scope(options)
        name = options["name"] or path.stem
        prompt = Prompt.objects.filter(account=account, name=name).first() or Prompt(
            account=account, name=name
        )
        prompt.full_clean()
        try:
            with path.open("rb") as handle:
                file = File(handle, name=path.name)
                uploads.check_file(file)
                upload = uploads.keep(prompt, file, path.name)
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror or error}") from error
        conversion.convert_upload(upload)
        prompt.refresh_from_db()
        if prompt.status == Status.FAILED:
            raise CommandError(f"{path} cannot be used: {prompt.error}")
        self.show(COLUMNS, [_row(prompt)], options)

    def arguments_of_list(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``prompts list``."""
        add_account(parser, "Domain of the account; default: all prompts")

    def do_list(self, options: dict[str, Any]) -> None:
        """List prompts."""
        rows: QuerySet[Prompt] = Prompt.objects.select_related("account").order_by("name", "id")
        if options["account"]:
            rows = rows.filter(Q(account=account_named(options["account"])) | Q(account=None))
        self.show(COLUMNS, map(_row, rows), options)

    def arguments_of_remove(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``prompts remove``."""
        parser.add_argument("name", help="Its name")
        _add_scope(parser)

    def do_remove(self, options: dict[str, Any]) -> None:
        """Delete a prompt."""
        prompt = Prompt.objects.filter(account=_scope(options), name=options["name"]).first()
        if prompt is None:
            raise CommandError(f"There is no prompt {options['name']}")
        row = _row(prompt)
        try:
            prompt.delete()
        except ProtectedError as error:
            raise CommandError(str(error.args[0])) from error
        self.show(COLUMNS, [row], options)


def _add_scope(parser: ArgumentParser) -> None:
    add_account(parser)
    parser.add_argument("--shared", action="store_true", help="A prompt of every account")


def _scope(options: dict[str, Any]) -> Account | None:
    if options["shared"]:
        if options["account"]:
            raise CommandError("--shared and --account exclude each other")
        return None
    return account_named(options["account"])
