# SPDX-License-Identifier: Apache-2.0
"""``manage.py configdoc``: the page docs/configuration.md, made from the declarations of the settings."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from switchboard.env import Registry

INTRODUCTION = """# Configuration

Every setting is an environment variable, and a flag of the command that uses it: `RTP_PORT_MIN` is `--rtp-port-min`.
A value that cannot be used stops the start with one line that names the variable, the value and what is accepted
(exit code 2). A secret can also come from a file: `SECRET_KEY_FILE=/run/secrets/key`, or `--secret-key-file`; on a command line, which
others on the machine see, it has no other flag, unless it is an address (`--database-url`, `--nats-url`).

This page is generated from the code: `make docs`.
"""
TITLES = {
    "signaling": "Signaling (`manage.py runsip`)",
    "rtpmanager": "RTP manager (`manage.py runrtp`)",
    "ui": "UI (`manage.py runui`)",
    "cdr": "CDR consumer (`manage.py runcdr`)",
}


def page(registry: Registry) -> str:
    """Return the whole page as Markdown."""
    parts = [INTRODUCTION]
    for role, title in TITLES.items():
        rows = [
            f"| `{variable.name}` | {_cell(variable.default)} | {_escape(variable.help)} | {_escape(variable.accepted)} |"
            for variable in registry.variables.values()
            if role in variable.roles
        ]
        table = ["| variable | default | meaning | accepted |", "| --- | --- | --- | --- |", *rows]
        parts.append(f"\n## {title}\n\n" + "\n".join(table) + "\n")
    return "".join(parts)


def _cell(default: str) -> str:
    """Return a default as a table cell; what depends on the machine is named instead of shown."""
    if default.startswith(str(settings.BASE_DIR)):
        default = default[len(str(settings.BASE_DIR)) + 1 :]
    if default == settings.HOSTNAME:
        return "host name"
    return f"`{_escape(default)}`" if default else "-"


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


class Command(BaseCommand):
    """Print the page."""

    help = "Print docs/configuration.md, made from the declarations of the settings."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(page(settings.ENV), ending="")
