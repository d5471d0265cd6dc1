# SPDX-License-Identifier: Apache-2.0
"""``manage.py accounts``: tenants from the shell."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from accounts.management.console import NounCommand, account_named
from accounts.models import Account

COLUMNS = {
    "id": "",
    "name": "Name",
    "domain": "Domain",
    "enabled": "Enabled",
    "max_concurrent_calls": "Most calls at once",
}


def _row(account: Account) -> tuple[Any, ...]:
    return str(account.pk), account.name, account.domain, account.enabled, account.max_concurrent_calls


class Command(NounCommand):
    """Add, list and switch accounts."""

    help = "Accounts, which others call tenants: add, list, enable, disable."
    verbs = {
        "add": "Add an account; a route has to tell what its users may dial",
        "list": "List accounts",
        "enable": "Let the users of an account register and call again",
        "disable": "Let the users of an account neither register nor call nor be called",
    }

    def arguments_of_add(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``accounts add``."""
        parser.add_argument("domain", help="The SIP domain of its users: they register as user@domain")
        parser.add_argument(
            "--name", help="What people call this customer or department; default: the domain"
        )
        parser.add_argument("--max-calls", type=int, help="Most calls at once of all its users; 0: no limit")

    def do_add(self, options: dict[str, Any]) -> None:
        """Add an account."""
        account = Account(name=options["name"] or options["domain"], domain=options["domain"].lower())
        if options["max_calls"] is not None:
            account.max_concurrent_calls = options["max_calls"]
        account.full_clean(exclude=("realm",))
        account.save()
        self._show_one(account, options)

    def arguments_of_list(self, parser: ArgumentParser) -> None:
        """Declare nothing: all accounts are listed."""

    def do_list(self, options: dict[str, Any]) -> None:
        """List accounts."""
        self.show(COLUMNS, map(_row, Account.objects.order_by("domain")), options)

    def arguments_of_enable(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``accounts enable``."""
        parser.add_argument("domain", help="Domain of the account")

    def do_enable(self, options: dict[str, Any]) -> None:
        """Enable an account."""
        self._switch(options, enabled=True)

    arguments_of_disable = arguments_of_enable

    def do_disable(self, options: dict[str, Any]) -> None:
        """Disable an account."""
        self._switch(options, enabled=False)

    def _switch(self, options: dict[str, Any], *, enabled: bool) -> None:
        account = account_named(options["domain"])
        account.enabled = enabled
        account.save()
        self._show_one(account, options)

    def _show_one(self, account: Account, options: dict[str, Any]) -> None:
        if options["json"]:
            self.show_json(dict(zip(COLUMNS, _row(account), strict=True)))
            return
        self.show(COLUMNS, [_row(account)], options)
