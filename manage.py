#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""The command line of Switchboard: Django's commands and its own (``runsip``, ``runrtp``, ``switchboard``, …)."""

import os
import sys

from switchboard.env import flags_to_environ
from switchboard.last_words import KNOWN, OneLineParser, last_words

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
    """Run one command; what a person can put right ends it with one line and an exit code."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
    # The database, the journal and the demo passwords are nobody else's business on a shared machine.
    os.umask(0o077)
    if len(sys.argv) > 1 and sys.argv[1] in SETTINGS_OF_COMMAND:
        os.environ["DJANGO_SETTINGS_MODULE"] = SETTINGS_OF_COMMAND[sys.argv[1]]
    flags_to_environ(sys.argv, os.environ, ROLE_OF_COMMAND)
    from django.core.management import base, execute_from_command_line

    # Where commands take it from; they offer no other place.
    base.CommandParser = OneLineParser  # type: ignore[misc]
    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except KNOWN as error:
        if "--traceback" in sys.argv:
            raise
        line, code = last_words(error)
        if line:
            sys.stderr.write(f"{line}\n")
        if isinstance(error, BrokenPipeError):
            # What is left in the buffer goes nowhere, in place of a complaint at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(code)


if __name__ == "__main__":
    main()
