# SPDX-License-Identifier: Apache-2.0
"""What the dialplan commands share: finding the account, and printing problems one a line."""

from __future__ import annotations

from django.core.management.base import CommandError, OutputWrapper

from accounts.models import Account
from dialplan.engine import DialplanError


def find_account(domain: str | None) -> Account | None:
    """Return the account with a domain; None stands for every account.

    Raises:
        CommandError: no account has that domain.
    """
    if domain is None:
        return None
    try:
        return Account.objects.get(domain=domain.lower())
    except Account.DoesNotExist as error:
        raise CommandError(f"No account has the domain {domain}") from error


def refused(stderr: OutputWrapper, error: DialplanError, consequence: str) -> CommandError:
    """Write each problem to its own line and return the error that ends the command with exit code 1."""
    for problem in error.errors:
        stderr.write(" ".join(str(problem).splitlines()))
    count = len(error.errors)
    return CommandError(f"{count} {'problem' if count == 1 else 'problems'}; {consequence}")
