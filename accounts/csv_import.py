# SPDX-License-Identifier: Apache-2.0
"""SIP users from CSV text: every line is checked and reported; all of them are stored, or none.

Knows no HTTP and no files. Invariant: after a report with an error, or a dry run, the database is as it was.
"""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from simple_history.utils import bulk_create_with_history

from accounts.credentials import WeakPassword, check_typed_password, generate_password
from accounts.models import Account, User

COLUMNS = ("extension", "username", "display_name", "password", "enabled", "max_concurrent_calls")
MAX_LINES = 5000
MAX_FIELD = 1000
TRUE_WORDS = frozenset({"", "1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


class BadTable(ValueError):
    """The text as a whole cannot be imported; ``str()`` says why."""


@dataclass(slots=True, kw_only=True)
class LineReport:
    """What became of one line."""

    line: int
    """Number of the line in the text, the header being line 1."""
    extension: str
    username: str = ""
    status: str = "error"
    """``created``, ``valid`` (not stored), ``skipped`` (exists already) or ``error``."""
    password: str | None = None
    """The password of a user that was created, when the line gave none."""
    errors: dict[str, list[str]] = field(default_factory=dict)
    """Column → what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of all lines."""

    applied: bool
    lines: list[LineReport]

    @property
    def failed(self) -> int:
        """How many lines have errors."""
        return self.count("error")

    def count(self, status: str) -> int:
        """Return how many lines have a status."""
        return sum(line.status == status for line in self.lines)


def import_users(
    text: str, account: Account, *, dry_run: bool = False, skip_existing: bool = False
) -> ImportReport:
    """Make users of an account from CSV text with a header line; commas, semicolons or tabs separate.

    Args:
        text: the table; ``extension`` is required, a missing user name is the extension, a missing password made.
        account: gets the users.
        dry_run: only check.
        skip_existing: leave out lines whose extension exists already, in place of refusing them.

    Raises:
        BadTable: there is no header, a column is unknown, or there are too many lines.
    """
    with transaction.atomic():
        importer = _Importer(account, skip_existing)
        for number, row in _rows(text):
            importer.add(number, row)
        applied = not dry_run and not any(line.errors for line in importer.lines)
        if applied:
            importer.store()
        else:
            importer.leave()
    return ImportReport(applied=applied, lines=importer.lines)


class _Importer:
    def __init__(self, account: Account, skip_existing: bool) -> None:
        self.lines: list[LineReport] = []
        self._account = account
        self._skip = skip_existing
        self._users: list[tuple[User, LineReport, str]] = []
        names = User.objects.filter(account=account).order_by().values_list("username", "extension")
        pairs = list(names)
        self._extensions = {extension for _, extension in pairs}
        self._taken = {name for pair in pairs for name in pair}

    def add(self, number: int, row: Mapping[str, str]) -> None:
        """Check one line."""
        line = LineReport(line=number, extension=row.get("extension", ""))
        line.username = row.get("username") or line.extension
        self.lines.append(line)
        if self._skip and line.extension in self._extensions:
            line.status = "skipped"
            return
        user = self._checked(row, line)
        password = row.get("password") or generate_password()
        try:
            check_typed_password(password)
        except WeakPassword as error:
            line.errors["password"] = [str(error)]
        if line.errors:
            return
        self._taken |= {user.username, user.extension}
        self._extensions.add(user.extension)
        line.status = "valid"
        line.password = None if row.get("password") else password
        self._users.append((user, line, password))

    def store(self) -> None:
        """Write all users."""
        for user, line, password in self._users:
            user.set_password(password)
            line.status = "created"
        users = [user for user, _, _ in self._users]
        if users:
            bulk_create_with_history(users, User, batch_size=500, default_change_reason="Imported")

    def leave(self) -> None:
        """Take back the passwords of users that are not stored."""
        for line in self.lines:
            line.password = None

    def _checked(self, row: Mapping[str, str], line: LineReport) -> User:
        user = User(
            account=self._account,
            extension=line.extension,
            username=line.username,
            display_name=row.get("display_name", ""),
            enabled=_boolean(row.get("enabled", ""), line),
            max_concurrent_calls=_number(row.get("max_concurrent_calls", ""), line),
        )
        try:
            user.clean_fields(exclude=("account", "password_hash", "password_hash_sha256"))
        except ValidationError as error:
            line.errors |= error.message_dict
        for column in ("extension", "username"):
            name = getattr(user, column)
            if name in self._taken and column not in line.errors:
                line.errors[column] = [f"Another user of this account has {name} as user name or extension."]
        return user


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield each line's number and values by column; empty lines are left out."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [_column(name) for name in next(reader, [])]
        if "extension" not in header or len(set(header)) < len(header):
            raise BadTable("The first line names the columns, each once; extension is required.")
        count = 0
        for values in reader:
            if any(value.strip() for value in values):
                count += 1
                if count > MAX_LINES:
                    raise BadTable(f"There are more than {MAX_LINES} lines.")
                yield reader.line_num, _by_column(header, values, reader.line_num)
    except csv.Error as error:
        raise BadTable(f"This is no CSV: {error} in line {reader.line_num}.") from error


def _column(name: str) -> str:
    wanted = name.strip().lower().replace(" ", "_")
    if wanted not in COLUMNS:
        near = difflib.get_close_matches(wanted, COLUMNS, n=1)
        hint = f"is {near[0]} meant?" if near else f"there are {', '.join(COLUMNS)}."
        raise BadTable(f"{name.strip()[:50]!r} is no column; {hint}")
    return wanted


def _by_column(header: list[str], values: list[str], number: int) -> dict[str, str]:
    if len(values) > len(header):
        raise BadTable(f"Line {number} has more values than there are columns.")
    if any(len(value) > MAX_FIELD for value in values):
        raise BadTable(f"Line {number} has a value of more than {MAX_FIELD} characters.")
    return {
        name: value if name == "password" else value.strip()
        for name, value in zip(header, values, strict=False)
    }


def _boolean(word: str, line: LineReport) -> bool:
    if word.lower() not in TRUE_WORDS | FALSE_WORDS:
        line.errors["enabled"] = ["Write true or false."]
    return word.lower() not in FALSE_WORDS


def _number(word: str, line: LineReport) -> int | None:
    if not word:
        return None
    if not (word.isascii() and word.isdigit() and len(word) <= 6):
        line.errors["max_concurrent_calls"] = ["Write a whole number, or nothing for the node's default."]
        return None
    return int(word)
