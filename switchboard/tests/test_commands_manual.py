# SPDX-License-Identifier: Apache-2.0
"""docs/commands.md speaks of commands, verbs and flags that exist."""

import argparse
import re

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

MANUAL = (settings.BASE_DIR / "docs" / "commands.md").read_text()
ROWS = re.findall(r"^\| `([a-z_]+)( [a-z]+)?[^`]*` \| (.*) \|$", MANUAL, re.MULTILINE)

SAYING_NOTHING = {"switchboard", "runsip", "runrtp", "runui", "runcdr", "runjobs", "waitfordatabase"}
"""Run a role or wait, and print log lines at most."""
OF_DJANGO = {"migrate", "createsuperuser"}


def parser_of(command: str, verb: str) -> argparse.ArgumentParser:
    app = get_commands()[command]
    parser = load_command_class(app if isinstance(app, str) else app.__module__, command).create_parser(
        "manage.py", command
    )
    if not verb:
        return parser
    (verbs,) = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    found: argparse.ArgumentParser = verbs.choices[verb]
    return found


@pytest.mark.parametrize(("command", "verb", "text"), ROWS, ids=lambda value: value.strip()[:30])
def test_what_is_documented_exists(command, verb, text):
    flags = parser_of(command, verb.strip())._option_string_actions
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= set(flags)


@pytest.mark.parametrize(
    ("command", "verb"),
    [(command, verb.strip()) for command, verb, _ in ROWS if command not in SAYING_NOTHING | OF_DJANGO],
)
def test_what_prints_something_prints_json_when_it_is_asked_to(command, verb):
    assert "--json" in parser_of(command, verb)._option_string_actions


def test_the_manual_was_read():
    assert ("doctor", "") in {(command, verb.strip()) for command, verb, _ in ROWS}
    assert ("users", "add") in {(command, verb.strip()) for command, verb, _ in ROWS}
    assert len(ROWS) >= 20
