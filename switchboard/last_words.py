# SPDX-License-Identifier: Apache-2.0
"""What a command says when it cannot go on: one line and an exit code, and no traceback.

Knows errors, no command. Invariant: a bug keeps its traceback; what a person can put right gets a sentence.
"""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from django.core.management.base import CommandParser
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

from switchboard.env import BadVariable

FAILED: Final = 1
BAD_SETTING: Final = 2
INTERRUPTED: Final = 128 + 2
PIPE_CLOSED: Final = 128 + 13
"""As a shell tells of SIGINT and SIGPIPE."""

KNOWN: Final = (BadVariable, DatabaseError, KeyboardInterrupt, BrokenPipeError)
"""Errors that `last_words` has words for."""
_UNKNOWN_FLAG: Final = re.compile(r"unrecognized arguments:.*?(--[^\s=]+)")
_HINT: Final = "Is the server running on that host"
_OUT_OF_DATE: Final = re.compile(r"no such (table|column)|(relation|column) .*does not exist")


class OneLineParser(CommandParser):
    """Says what is wrong with the words of a command without the whole usage in front of it.

    A flag is written in full: the beginning of one would be accepted here, and set no variable.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """End the command; raise `CommandError` when it was called by code."""
        if not self.called_from_command_line:
            super().error(message)
        self.exit(BAD_SETTING, f"{self.prog}: {message}{self._meant(message)}; --help tells more\n")

    def _meant(self, message: str) -> str:
        """Return a question about the flag that is nearest to an unknown one, empty when none is near."""
        unknown = _UNKNOWN_FLAG.search(message)
        near = difflib.get_close_matches(unknown[1], _flags_of(self), n=1) if unknown else ()
        return f"; is {near[0]} meant?" if near else ""


def _flags_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the flags of a command and of all its verbs."""
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _flags_of(verb)


def last_words(error: BaseException) -> tuple[str, int]:
    """Return the line, empty when there is nothing to say, and the exit code for one of the `KNOWN` errors."""
    match error:
        case BadVariable():
            return str(error), BAD_SETTING
        case KeyboardInterrupt():
            return "", INTERRUPTED
        case BrokenPipeError():
            return "", PIPE_CLOSED
        case _:
            return database_words(error), FAILED


def database_words(error: BaseException) -> str:
    """Return what the database objects to, with the remedy when that is sure."""
    reason = database_reason(error)
    if _OUT_OF_DATE.search(reason):
        return f"The database is not up to date ({reason}); run: manage.py migrate"
    away = isinstance(error, (OperationalError, InterfaceError))
    return f"The database {'cannot be used' if away else 'refused it'}: {reason}"


def database_reason(error: BaseException) -> str:
    """Return the line that tells why: drivers add headings before and hints after it."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = (line for line in lines if line and not line.startswith(_HINT) and not line.endswith(":"))
    return next(telling, type(error).__name__)
