# SPDX-License-Identifier: Apache-2.0
"""docs/commands.md speaks of commands, verbs and flags that exist."""

import argparse
import re

import pytest
from django.conf import settings
from django.core.management import get_commands, load_command_class

from manage import ROLE_OF_COMMAND
from switchboard.env import DJANGO_FLAGS

ROLES = sorted(ROLE_OF_COMMAND)
OWN_APPS = {"accounts", "cdrs", "dialplan", "media", "signaling", "switchboard"}
CONTRACT = {
    "runsip": "LOGLEVEL PORT BIND ADVERTISE API_PORT DIALPLAN_PATH RTPMANAGER_ADDRS DATABASE_URL REDIS_ADDR NATS_URL",
    "runrtp": "LOGLEVEL GRPC_PORT GRPC_BIND ADVERTISE RTP_PORT_MIN RTP_PORT_MAX AUDIO_PATH RTP_NODE_ID",
    "runui": "UI_LOGLEVEL UI_PORT UI_BIND UI_BACKENDS",
}
"""The variables that other installations know, by the command that each is a flag of."""
MANUAL = (settings.BASE_DIR / "docs" / "commands.md").read_text()
ROWS = re.findall(r"^\| `([a-z_]+)( [a-z]+)?[^`]*` \| (.*) \|$", MANUAL, re.MULTILINE)

SAYING_NOTHING = {"switchboard", "runsip", "runrtp", "runui", "runcdr", "runjobs", "waitfordatabase"}
"""Run a role or wait, and print log lines at most."""
OF_DJANGO = {"migrate", "createsuperuser", "changepassword"}


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


@pytest.mark.parametrize("command", ROLES)
def test_flags_of_settings_are_read_by_the_commands_that_take_them(command):
    """`manage.py` reads them before Django does, and has to know which flags stand without a value."""
    options = parser_of(command, "")._option_string_actions
    assert "--log-format" in options
    alone = {flag for flag, action in options.items() if action.nargs == 0 and flag.startswith("--")}
    assert alone <= DJANGO_FLAGS
    others = {command for command, app in get_commands().items() if app in OWN_APPS} - set(ROLES)
    assert not {name for name in others if "--log-format" in parser_of(name, "")._option_string_actions}


def test_every_variable_of_the_contract_is_a_flag_of_its_command():
    for command, names in CONTRACT.items():
        flags = parser_of(command, "")._option_string_actions
        assert {"--" + name.lower().replace("_", "-") for name in names.split()} <= set(flags), command


def test_the_manual_was_read():
    assert ("doctor", "") in {(command, verb.strip()) for command, verb, _ in ROWS}
    assert ("users", "add") in {(command, verb.strip()) for command, verb, _ in ROWS}
    assert len(ROWS) >= 20
