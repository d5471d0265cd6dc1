# SPDX-License-Identifier: Apache-2.0
"""``manage.py logins``: people who log in to the admin, and the accounts they work for."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User as Login
from django.contrib.auth.password_validation import validate_password
from django.core.management.base import CommandError
from django.db import transaction

from accounts.access import Membership
from accounts.choices import Role
from accounts.credentials import generate_password
from accounts.management.console import NounCommand, account_named, add_account

COLUMNS = {
    "username": "Login",
    "is_active": "Active",
    "is_superuser": "Platform admin",
    "works_for": "Works for",
}
ROLES = {role.value: str(role.label).lower() for role in Role}


def _row(login: Login) -> tuple[Any, ...]:
    memberships = Membership.objects.filter(user=login).select_related("account").order_by("account__domain")
    works_for = [f"{membership.account.domain} ({membership.role})" for membership in memberships]
    return login.username, login.is_active, login.is_superuser, works_for


def _login_named(name: str) -> Login:
    login = Login.objects.filter(username=name).first()
    if login is None:
        raise CommandError(f"No login is named {name}")
    return login


class Command(NounCommand):
    """Add and list logins, and say which accounts they work for."""

    help = "People who log in to the admin: add, list, grant, withdraw."
    verbs = {
        "add": "Add a login and print its password",
        "list": "List logins and the accounts that they work for",
        "grant": "Let a login work for an account, or give it another role there",
        "withdraw": "Let a login work for an account no longer",
    }

    def arguments_of_add(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``logins add``."""
        parser.add_argument("login", help="Name of the login")
        add_account(parser, "Domain of the account that it works for")
        parser.add_argument("--role", choices=ROLES, help="What it may do there; default: viewer")
        parser.add_argument(
            "--platform", action="store_true", help="A platform admin, who reaches every account"
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read the password, do not make one"
        )

    @transaction.atomic
    def do_add(self, options: dict[str, Any]) -> None:
        """Add a login."""
        if options["platform"] == bool(options["account"]):
            raise CommandError("Say either --account DOMAIN or --platform")
        if options["role"] and options["platform"]:
            raise CommandError("--role goes with --account: a platform admin may do everything")
        login = Login(username=options["login"], is_staff=True, is_superuser=options["platform"])
        login.full_clean(exclude=("password",))
        password = generate_password()
        if options["password_stdin"]:
            password = sys.stdin.readline().rstrip("\r\n")
            validate_password(password, login)
        login.set_password(password)
        login.save()
        if options["account"]:
            self._grant(login, options)
        row = dict(zip(COLUMNS, _row(login), strict=True))
        if options["json"]:
            self.show_json({**row, "password": password})
            return
        self.show({**COLUMNS, "password": "Password"}, [(*row.values(), password)], options)

    def arguments_of_list(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``logins list``."""
        add_account(parser, "Only logins that work for the account with this domain")

    def do_list(self, options: dict[str, Any]) -> None:
        """List logins."""
        logins = Login.objects.order_by("username")
        if options["account"]:
            logins = logins.filter(memberships__account=account_named(options["account"]))
        self.show(COLUMNS, map(_row, logins), options)

    def arguments_of_grant(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``logins grant``."""
        parser.add_argument("login", help="Name of the login")
        add_account(parser)
        parser.add_argument("--role", choices=ROLES, help="What it may do there; default: viewer")

    def do_grant(self, options: dict[str, Any]) -> None:
        """Give a login a role in an account."""
        login = _login_named(options["login"])
        self._grant(login, options)
        self._show_one(login, options)

    def arguments_of_withdraw(self, parser: ArgumentParser) -> None:
        """Declare the arguments of ``logins withdraw``."""
        parser.add_argument("login", help="Name of the login")
        add_account(parser)

    def do_withdraw(self, options: dict[str, Any]) -> None:
        """Take a login's role in an account away."""
        login, account = _login_named(options["login"]), account_named(options["account"])
        membership = Membership.objects.filter(user=login, account=account).first()
        if membership is None:
            raise CommandError(f"{login.username} does not work for {account.domain}")
        membership.delete()
        self._show_one(login, options)

    def _grant(self, login: Login, options: dict[str, Any]) -> None:
        account = account_named(options["account"])
        membership = Membership.objects.filter(user=login, account=account).first()
        membership = membership or Membership(user=login, account=account)
        membership.role = options["role"] or Role.VIEWER
        membership.save()

    def _show_one(self, login: Login, options: dict[str, Any]) -> None:
        if options["json"]:
            self.show_json(dict(zip(COLUMNS, _row(login), strict=True)))
            return
        self.show(COLUMNS, [_row(login)], options)
