#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""The command line of Switchboard: Django's commands and its own (``runsip``, ``runrtp``, ``switchboard``, …)."""

import os
import sys

from switchboard.env import BadVariable, flags_to_environ

ROLE_OF_COMMAND = {
    "runsip": "signaling",
    "runapi": "signaling",
    "runrtp": "rtpmanager",
    "runui": "ui",
    "runjobs": "ui",
    "runcdr": "cdr",
    "switchboard": "all",
}
"""Commands that take the variables of a role as flags."""

SETTINGS_OF_COMMAND = {"runapi": "signaling.api.settings"}
"""Commands with Django settings of their own."""


def main() -> None:
    """Run one command; a setting that cannot be used ends it with one line and exit code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
    # The database, the journal and the demo passwords are nobody else's business on a shared machine.
    os.umask(0o077)
    if len(sys.argv) > 1 and sys.argv[1] in SETTINGS_OF_COMMAND:
        os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS_OF_COMMAND[sys.argv[1]]
    flags_to_environ(sys.argv, os.environ, ROLE_OF_COMMAND)
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except BadVariable as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
