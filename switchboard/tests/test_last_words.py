# SPDX-License-Identifier: Apache-2.0
"""How commands end when they cannot go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, ProgrammingError

from switchboard.env import BadVariable
from switchboard.last_words import OneLineParser, last_words

AWAY = """connection failed: connection to server at "db", port 5432 failed: Connection refused
\tIs the server running on that host and accepting TCP/IP connections?"""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BadVariable("PORT", "abc", "a port"), ("PORT='abc' is not accepted: expected a port", 2)),
        (KeyboardInterrupt(), ("", 130)),
        (BrokenPipeError(), ("", 141)),
        (OperationalError(AWAY), (f"The database cannot be used: {AWAY.splitlines()[0]}", 1)),
        (
            OperationalError("no such table: users"),
            ("The database is not up to date (no such table: users); run: manage.py migrate", 1),
        ),
        (
            ProgrammingError('relation "users" does not exist\nLINE 1: SELECT'),
            ('The database is not up to date (relation "users" does not exist); run: manage.py migrate', 1),
        ),
        (
            OperationalError('database "x" does not exist'),
            ('The database cannot be used: database "x" does not exist', 1),
        ),
        (IntegrityError("twice"), ("The database refused it: twice", 1)),
        (OperationalError(), ("The database cannot be used: OperationalError", 1)),
    ],
)
def test_each_end_has_one_line_and_an_exit_code(error: BaseException, words: tuple[str, int]) -> None:
    assert last_words(error) == words


def run(*command: str, tmp_path: Path, stdout: int = subprocess.PIPE, **variables: str) -> tuple[int, str]:
    """Run a command with a fresh ``VAR_DIR`` and return its exit code and what it complained of."""
    given = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
        env={**given, "VAR_DIR": str(tmp_path), **variables},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_database_that_is_away_or_empty_is_told_in_one_line(tmp_path: Path) -> None:
    code, said = run("seed_demo", tmp_path=tmp_path, DATABASE_URL="postgres://u:p@127.0.0.1:1/x")
    assert (code, said.count("\n"), "Connection refused" in said) == (1, 1, True)
    code, said = run("cdrs", "rollup", tmp_path=tmp_path)
    assert (code, said.count("\n"), "run: manage.py migrate" in said) == (1, 1, True)


@pytest.mark.parametrize(
    "words", [("users", "fly"), ("tokens", "create", "x"), ("cdrs", "rollup", "--day", "x")]
)
def test_words_that_a_command_does_not_know_are_told_in_one_line(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    code, said = run(*words, tmp_path=tmp_path)
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith(f"manage.py {words[0]}") and said.endswith("; --help tells more\n")


def test_who_stops_reading_is_not_complained_to(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code, said = run("dialplan", "dump", "--schema", tmp_path=tmp_path, stdout=writing)
    os.close(writing)
    assert (code, said) == (141, "")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["list", "--prot", "5070"], "unrecognized arguments: --prot 5070; is --port meant?; --help"),
        (["list", "--jsn"], "unrecognized arguments: --jsn; is --json meant?; --help"),
        (["--por=5070", "list"], "unrecognized arguments: --por=5070; is --port meant?; --help"),
        (["--zzz", "list"], "unrecognized arguments: --zzz; --help"),
    ],
)
def test_an_unknown_flag_is_told_in_one_line_with_the_nearest_one(words, reason, capsys):
    parser = OneLineParser(prog="x", called_from_command_line=True)
    parser.add_argument("--port")
    parser.add_subparsers(dest="verb").add_parser("list").add_argument("--json", action="store_true")
    with pytest.raises(SystemExit) as ended:
        parser.parse_args(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"x: {reason} tells more\n"
